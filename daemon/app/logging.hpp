#pragma once

#include <memory>
#include <string>

#include "daemon/app/log_writer.hpp"

namespace spdlog {
class formatter;
}

namespace tracelink {

// One event a line, with control characters of the message made visible, whatever the format: peers
// and servers choose parts of it. `format`: text, json, journald (level prefix of sd-daemon(3), no
// time).
std::unique_ptr<spdlog::formatter> log_formatter(const std::string& format);

// Sets up spdlog's default logger on standard error; logging never blocks. `level`: debug, info,
// warn, error. `format`: as above, or auto (journald when standard error is the journal, else
// text). Threads: before any other thread starts. The writer is also the logger's.
std::shared_ptr<LogWriter> set_up_logging(const std::string& level, const std::string& format);

}  // namespace tracelink
