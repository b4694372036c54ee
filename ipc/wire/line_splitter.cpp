#include "ipc/wire/line_splitter.hpp"

#include <utility>

#include "daemon/text/release.hpp"

namespace tracelink {

std::size_t LineSplitter::feed(std::string_view bytes) {
  const std::size_t end = bytes.find('\n');
  line_ended_ = end != std::string_view::npos;
  const std::string_view part = bytes.substr(0, end);
  if (!skipping_ && !over_limit_) {
    if (part.size() > max_line_bytes_ - line_.size()) {
      over_limit_ = true;
      release(line_);
    } else {
      line_ += part;
    }
  }
  return line_ended_ ? part.size() + 1 : part.size();
}

std::optional<Result<std::string>> LineSplitter::next() {
  if (!std::exchange(line_ended_, false)) return std::nullopt;
  if (std::exchange(skipping_, false)) return std::nullopt;
  if (std::exchange(over_limit_, false)) {
    return Error{ErrorCode::too_large,
                 "a line has more than " + std::to_string(max_line_bytes_) + " bytes"};
  }
  std::string line = std::exchange(line_, {});
  if (!line.empty() && line.back() == '\r') line.pop_back();
  if (line.find_first_not_of(" \t\r") == std::string::npos) return std::nullopt;
  return line;
}

void LineSplitter::skip_line() {
  release(line_);
  over_limit_ = false;
  skipping_ = true;
}

}  // namespace tracelink
