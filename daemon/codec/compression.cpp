#include "daemon/codec/compression.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>

#include <libdeflate.h>

namespace tracelink {
namespace {

struct FreeDecompressor {
  void operator()(libdeflate_decompressor* it) const { libdeflate_free_decompressor(it); }
};
using Decompressor = std::unique_ptr<libdeflate_decompressor, FreeDecompressor>;

struct FreeCompressor {
  void operator()(libdeflate_compressor* it) const { libdeflate_free_compressor(it); }
};
using Compressor = std::unique_ptr<libdeflate_compressor, FreeCompressor>;

enum class Outcome { done, damaged, buffer_full };

struct Step {
  Outcome outcome = Outcome::damaged;
  std::size_t consumed = 0;
  std::size_t produced = 0;
};

using Decode = decltype(&libdeflate_gzip_decompress_ex);

Step decode_once(Decode decode, libdeflate_decompressor* decompressor, std::string_view in,
                 std::span<char> out) {
  Step step;
  const auto result = decode(decompressor, in.data(), in.size(), out.data(), out.size(),
                             &step.consumed, &step.produced);
  if (result == LIBDEFLATE_SUCCESS) step.outcome = Outcome::done;
  if (result == LIBDEFLATE_INSUFFICIENT_SPACE) step.outcome = Outcome::buffer_full;
  return step;
}

// One gzip member, or the whole of deflate.
Step decode_part(ContentEncoding encoding, libdeflate_decompressor* decompressor,
                 std::string_view in, std::span<char> out) {
  if (encoding == ContentEncoding::gzip) {
    return decode_once(&libdeflate_gzip_decompress_ex, decompressor, in, out);
  }
  const Step zlib = decode_once(&libdeflate_zlib_decompress_ex, decompressor, in, out);
  if (zlib.outcome != Outcome::damaged) return zlib;
  return decode_once(&libdeflate_deflate_decompress_ex, decompressor, in, out);
}

}  // namespace

Result<ContentEncoding> parse_content_encoding(std::string_view name) {
  const auto is = [name](std::string_view known) {  // RFC 9110 8.4.1: case-insensitive
    return std::ranges::equal(name, known, [](char given, char lower) {
      return given == lower || (given >= 'A' && given <= 'Z' && given - 'A' + 'a' == lower);
    });
  };
  if (name.empty() || is("identity")) return ContentEncoding::identity;
  if (is("gzip") || is("x-gzip")) return ContentEncoding::gzip;
  if (is("deflate")) return ContentEncoding::deflate;
  return Error{ErrorCode::invalid, "content encoding not accepted; use identity, gzip or deflate"};
}

std::size_t decompressed_bytes(ContentEncoding encoding, std::string_view in) {
  if (encoding == ContentEncoding::identity) return in.size();
  constexpr std::size_t kHighestRatio = 1032;  // of deflate
  constexpr std::size_t kUsualRatio = 8;
  std::size_t guess = in.size() * kUsualRatio;
  if (encoding == ContentEncoding::gzip && in.size() >= 4) {
    guess = 0;
    for (std::size_t i = 1; i <= 4; ++i) {
      guess = guess << 8 | static_cast<std::uint8_t>(in[in.size() - i]);
    }
  }
  return std::clamp<std::size_t>(guess, std::max<std::size_t>(in.size(), 1),
                                 in.size() * kHighestRatio + 1);
}

Result<std::string> decompress(ContentEncoding encoding, std::string_view bytes,
                               std::size_t max_bytes) {
  const Error too_large{ErrorCode::too_large,
                        "more than " + std::to_string(max_bytes) + " bytes after decompression"};
  if (encoding == ContentEncoding::identity) {
    if (bytes.size() > max_bytes) return too_large;
    return std::string(bytes);
  }
  const Decompressor decompressor(libdeflate_alloc_decompressor());
  if (!decompressor) std::abort();  // out of memory, as operator new would end it
  std::string out(std::min(decompressed_bytes(encoding, bytes), max_bytes), '\0');
  std::size_t produced = 0;
  // libdeflate cannot continue in a larger buffer, so a part that does not fit starts anew;
  // doubling keeps the sum of the work below three times that of one attempt. RFC 1952 2.2: a gzip
  // file is one or more members, and their contents are concatenated.
  while (true) {
    const Step step =
        decode_part(encoding, decompressor.get(), bytes, std::span(out).subspan(produced));
    if (step.outcome == Outcome::damaged) {
      return Error{ErrorCode::invalid, "the body does not decompress"};
    }
    if (step.outcome == Outcome::buffer_full) {
      if (out.size() >= max_bytes) return too_large;
      out.resize(out.size() > max_bytes / 2 ? max_bytes : out.size() * 2);
      continue;
    }
    bytes.remove_prefix(step.consumed);
    produced += step.produced;
    if (bytes.empty()) break;
    if (encoding != ContentEncoding::gzip) {
      return Error{ErrorCode::invalid, "the compressed body has bytes after its end"};
    }
  }
  out.resize(produced);
  return out;
}

std::string compress_gzip(std::string_view bytes) {
  constexpr int kLevel = 1;
  const Compressor compressor(libdeflate_alloc_compressor(kLevel));
  if (!compressor) std::abort();
  std::string out(libdeflate_gzip_compress_bound(compressor.get(), bytes.size()), '\0');
  const std::size_t size = libdeflate_gzip_compress(compressor.get(), bytes.data(), bytes.size(),
                                                    out.data(), out.size());
  if (size == 0) std::abort();  // cannot happen within the bound
  out.resize(size);
  return out;
}

}  // namespace tracelink
