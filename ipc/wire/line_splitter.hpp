#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/result.hpp"

namespace tracelink {

// Cuts a byte stream into lines ended by '\n' (a '\r' before it belongs to the end). Empty lines
// and lines of blanks are skipped. A line over the limit costs only itself: its bytes are dropped
// as they come.
class LineSplitter {
 public:
  explicit LineSplitter(std::size_t max_line_bytes) : max_line_bytes_(max_line_bytes) {}

  // Takes bytes up to and including the end of one line; returns how many were used. Call next()
  // after each call, then feed the rest.
  std::size_t feed(std::string_view bytes);

  // The line that feed() completed. Error `too_large`: it went over the limit and was dropped.
  std::optional<Result<std::string>> next();

  // Treats the bytes after the last '\n' as a line (the client closed its side).
  void finish() { line_ended_ = true; }

  // Drops the line that is arriving, with what is still to come of it; next() will not report it.
  void skip_line();

  bool inside_line() const { return !line_.empty() || over_limit_ || skipping_; }
  std::size_t buffered_bytes() const { return line_.size(); }

 private:
  std::size_t max_line_bytes_;
  std::string line_;
  bool line_ended_ = false;
  bool over_limit_ = false;
  bool skipping_ = false;
};

}  // namespace tracelink
