#include <cstdint>
#include <cstdlib>

#include "daemon/codec/otlp_json.hpp"
#include "daemon/codec/split_request.hpp"

namespace {

constexpr std::size_t kMaxBytes = 1 << 20;

void require(bool condition) {
  if (!condition) std::abort();
}

// What is promised of every slice: valid, of one trace, and unchanged by another split.
void check_slice(const tracelink::TraceSlice& slice) {
  const auto again = tracelink::split_request(slice.otlp, {.max_bytes = kMaxBytes});
  require(again && again->slices.size() == 1);
  require(again->rejected.empty() && again->repaired_ends == 0);
  require(again->slices.front() == slice);
  require(tracelink::otlp_protobuf_to_json(slice.otlp).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto result = tracelink::split_request({reinterpret_cast<const char*>(data), size},
                                               {.max_bytes = kMaxBytes, .max_items = 1000});
  if (!result) return 0;
  std::size_t bytes = 0;
  for (const auto& slice : result->slices) {
    bytes += slice.otlp.size();
    check_slice(slice);
  }
  require(bytes <= kMaxBytes);
  return 0;
}
