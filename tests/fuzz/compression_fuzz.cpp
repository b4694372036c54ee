#include <cstdint>
#include <cstdlib>

#include "daemon/codec/compression.hpp"

namespace {

constexpr std::size_t kMaxBytes = 1 << 16;

void require(bool condition) {
  if (!condition) std::abort();
}

void check(tracelink::ContentEncoding encoding, std::string_view input) {
  const auto output = tracelink::decompress(encoding, input, kMaxBytes);
  if (!output) return;
  require(output->size() <= kMaxBytes);
  const auto again = tracelink::decompress(tracelink::ContentEncoding::gzip,
                                           tracelink::compress_gzip(*output), kMaxBytes);
  require(again && *again == *output);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check(tracelink::ContentEncoding::gzip, input);
  check(tracelink::ContentEncoding::deflate, input);
  return 0;
}
