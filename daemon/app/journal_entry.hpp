#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <spdlog/common.h>

#include "daemon/report/log_event.hpp"

namespace tracelink {

// An entry of the journal as one text: the message on one line, its priority, and each field of the
// event, if there is one, as TRACELINK_<KEY> (docs/metrics.md#the-log). Control characters are
// shown, whoever chose a value.
std::string journal_entry(spdlog::level::level_enum level, std::string_view message,
                          const LogEvent* event);

// The fields of such a text, also of one that was cut; views of `entry`.
std::vector<std::string_view> fields_of_entry(std::string_view entry);

// 2 to 7, as syslog and the journal count.
int journal_priority(spdlog::level::level_enum level);

}  // namespace tracelink
