#pragma once

#include <string>

namespace tracelink {

// Sets up spdlog's default logger on standard error, one event a line. `level`: debug, info, warn,
// error. `format`: text, json, journald (level prefix of sd-daemon(3), no time), auto (journald
// when standard error is the journal, else text). Threads: before any other thread starts.
void set_up_logging(const std::string& level, const std::string& format);

}  // namespace tracelink
