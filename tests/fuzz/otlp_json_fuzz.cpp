#include <cstdint>
#include <cstdlib>

#include "daemon/codec/otlp_json.hpp"

namespace {

constexpr std::size_t kMaxBytes = 1 << 20;

void require(bool condition) {
  if (!condition) std::abort();
}

// What JSON became must become JSON again, and that the same protobuf.
void check_json(std::string_view json) {
  const auto protobuf = tracelink::otlp_json_to_protobuf(std::string(json), kMaxBytes);
  if (!protobuf) return;
  require(protobuf->size() <= kMaxBytes);
  const auto written = tracelink::otlp_protobuf_to_json(*protobuf);
  require(written.has_value());
  const auto again = tracelink::otlp_json_to_protobuf(*written, kMaxBytes);
  require(again.has_value());
  require(*tracelink::otlp_protobuf_to_json(*again) == *written);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check_json(input);
  if (const auto json = tracelink::otlp_protobuf_to_json(input)) check_json(*json);
  return 0;
}
