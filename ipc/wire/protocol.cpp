#include "ipc/wire/protocol.hpp"

namespace tracelink {

Protocol detect_protocol(std::string_view first_bytes) {
  constexpr std::string_view kPreface = "PRI";
  if (first_bytes.empty()) return Protocol::undecided;
  if (first_bytes.starts_with(kPreface)) return Protocol::grpc;
  if (kPreface.starts_with(first_bytes)) return Protocol::undecided;
  const char first = first_bytes.front();
  if (first == '{') return Protocol::json_lines;
  if (first == '\x16') return Protocol::tls;
  const bool letter = (first >= 'A' && first <= 'Z') || (first >= 'a' && first <= 'z');
  return letter ? Protocol::http : Protocol::unknown;
}

}  // namespace tracelink
