#pragma once

#include <memory>

#include <spdlog/formatter.h>

#include "config/config.hpp"
#include "daemon/app/log_writer.hpp"

namespace tracelink {

// One event a line, with control characters of the message made visible, whatever the format: peers
// and servers choose parts of it. `json`: the fields of a LogEvent are members. `journald`: level
// prefix of sd-daemon(3), no time. Precondition: not `automatic`.
std::unique_ptr<spdlog::formatter> log_formatter(LogFormat format);

// Sets up spdlog's default logger on standard error; logging never blocks. `automatic`:
// journald when standard error is the journal, else text. The journal gets the fields of events as
// fields, through its own socket where that can be reached. Threads: before any other thread
// starts. The writer is also the logger's.
std::shared_ptr<LogWriter> set_up_logging(LogLevel level, LogFormat format);

// Of the default logger. Threads: any.
void set_log_level(LogLevel level);

}  // namespace tracelink
