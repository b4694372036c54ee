#pragma once

#include <string_view>
#include <vector>

#include "daemon/base/result.hpp"

namespace tracelink::systemd {

// Whether standard error is a stream of the journal, by JOURNAL_STREAM (systemd.exec(5)).
bool stderr_is_journal();
// Whether this process can reach the journal's own socket, which takes fields.
bool journal_is_reachable();

// An entry of the journal; each field as `NAME=value`. Waits while the journal does not read.
Result<void> send_to_journal(const std::vector<std::string_view>& fields);

}  // namespace tracelink::systemd
