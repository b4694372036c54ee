#include "ipc/wire/protocol.hpp"

#include <algorithm>

namespace tracelink {

namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

}  // namespace

std::size_t skipped_bytes(std::string_view first_bytes) {
  std::string_view rest = first_bytes;
  for (;;) {
    const std::size_t before = rest.size();
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t\r\n"), rest.size()));
    if (rest.starts_with(kByteOrderMark)) rest.remove_prefix(kByteOrderMark.size());
    if (rest.size() == before) return first_bytes.size() - rest.size();
  }
}

Protocol detect_protocol(std::string_view first_bytes) {
  constexpr std::string_view kPreface = "PRI";
  if (kByteOrderMark.starts_with(first_bytes)) return Protocol::undecided;  // also when empty
  if (first_bytes.starts_with(kPreface)) return Protocol::grpc;
  if (kPreface.starts_with(first_bytes)) return Protocol::undecided;
  const char first = first_bytes.front();
  if (first == '{') return Protocol::json_lines;
  if (first == '\x16') return Protocol::tls;
  const bool letter = (first >= 'A' && first <= 'Z') || (first >= 'a' && first <= 'z');
  return letter ? Protocol::http : Protocol::unknown;
}

}  // namespace tracelink
