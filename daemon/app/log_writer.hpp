#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace tracelink {

// Writes the lines of the log on a thread of its own, so that a pipe that nobody reads, a journal
// that hangs or a full disk never stops a thread that logs. Lines that find no room or cannot be
// written are dropped and counted, and one line says so once writing works again.
//
// Threads:  push(), flush() and the counts from any.
// Lifetime: the thread may hang in write() for ever and is therefore never joined. It owns what it
//           uses and ends with the process.
class LogWriter {
 public:
  struct Options {
    int fd = 2;
    std::size_t max_bytes = 512u << 10;  // of lines that wait; as many may be being written
    std::function<std::string(std::uint64_t)> dropped_line;  // with its line break
    // Takes a line in place of `fd`, and may wait; false: the line could not be written.
    std::function<bool(const std::string&)> write = {};
  };
  explicit LogWriter(Options options);
  ~LogWriter() = default;
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // Never blocks. `line` ends with a line break; one of more than 16 KiB is cut.
  void push(std::string line);
  // Waits until everything pushed is written or dropped, at most `limit`; whether it is.
  bool flush(std::chrono::milliseconds limit);

  std::uint64_t dropped_for_room() const;
  std::uint64_t dropped_by_errors() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace tracelink
