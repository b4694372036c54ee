#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tracelink {

// Why the trace in an answer to `traces/batchGet` failed: the status message of its root span, else
// of another span with an error, else the message of an exception that a span recorded. Nothing:
// the answer has no spans, or they say nothing.
std::optional<std::string> read_error_message(std::string_view answer);

}  // namespace tracelink
