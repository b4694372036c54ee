#include "daemon/codec/compression.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>

#include <libdeflate.h>
#define ZLIB_CONST  // it changes nothing of what it reads
#include <zlib.h>

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

struct EndInflate {
  void operator()(z_stream* it) const { inflateEnd(it); }
};

// libdeflate cannot be stopped on its way, and blocks that hold nothing take it 60 ms for each MiB.
constexpr std::size_t kMostAtOnce = 4u << 20;
// Of a body that zlib decompresses, with the headers of members of gzip. Compressors usually end a
// block every 16 KiB or more, or where they are told to flush.
constexpr std::size_t kMaxDeflateBlocks = 64u << 10;

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

Error does_not_decompress() { return {ErrorCode::invalid, "the body does not decompress"}; }

Error bytes_after_end() {
  return {ErrorCode::invalid, "the compressed body has bytes after its end"};
}

Error too_much_output(std::size_t max_bytes) {
  return {ErrorCode::too_large,
          "more than " + std::to_string(max_bytes) + " bytes after decompression"};
}

// Precondition: it is smaller.
void grow(std::string& out, std::size_t max_bytes) {
  out.resize(out.size() > max_bytes / 2 ? max_bytes : out.size() * 2);
}

std::string first_output(ContentEncoding encoding, std::string_view bytes, std::size_t max_bytes) {
  return std::string(std::min(decompressed_bytes(encoding, bytes), max_bytes), '\0');
}

// The formats of inflateInit2().
constexpr int kGzip = 16 + MAX_WBITS;
constexpr int kZlib = MAX_WBITS;
constexpr int kRaw = -MAX_WBITS;

// By zlib, which takes longer, stops at each block, and continues in a larger buffer.
Result<std::string> inflate_by_blocks(int format, std::string_view bytes, std::string out,
                                      std::size_t max_bytes) {
  constexpr int kBetweenBlocks = 128;  // in data_type
  z_stream stream{};
  if (inflateInit2(&stream, format) != Z_OK) std::abort();  // out of memory
  const std::unique_ptr<z_stream, EndInflate> end(&stream);
  stream.next_in = reinterpret_cast<const Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::size_t produced = 0;
  for (std::size_t blocks = 0; blocks <= kMaxDeflateBlocks;) {
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + produced);
    stream.avail_out = static_cast<uInt>(out.size() - produced);
    const int result = inflate(&stream, Z_BLOCK);
    if (result == Z_MEM_ERROR) std::abort();
    produced = out.size() - stream.avail_out;
    if (result == Z_STREAM_END && stream.avail_in == 0) {
      out.resize(produced);
      return out;
    }
    if (result == Z_STREAM_END) {
      if (format != kGzip) return bytes_after_end();
      inflateReset(&stream);
    } else if (result == Z_BUF_ERROR && stream.avail_out == 0) {
      if (produced >= max_bytes) return too_much_output(max_bytes);
      grow(out, max_bytes);
    } else if (result != Z_OK) {
      return does_not_decompress();
    }
    if ((stream.data_type & kBetweenBlocks) != 0) ++blocks;
  }
  return Error{ErrorCode::too_large, "more than " + std::to_string(kMaxDeflateBlocks) +
                                         " blocks of deflate; compress it in larger ones"};
}

Result<std::string> decompress_by_blocks(ContentEncoding encoding, std::string_view bytes,
                                         std::size_t max_bytes) {
  const auto inflate_as = [&](int format) {
    return inflate_by_blocks(format, bytes, first_output(encoding, bytes, max_bytes), max_bytes);
  };
  if (encoding == ContentEncoding::gzip) return inflate_as(kGzip);
  auto zlib = inflate_as(kZlib);
  return zlib || zlib.error().code == ErrorCode::too_large ? zlib : inflate_as(kRaw);
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
  if (encoding == ContentEncoding::identity) {
    if (bytes.size() > max_bytes) return too_much_output(max_bytes);
    return std::string(bytes);
  }
  if (bytes.size() > kMostAtOnce) return decompress_by_blocks(encoding, bytes, max_bytes);
  const Decompressor decompressor(libdeflate_alloc_decompressor());
  if (!decompressor) std::abort();  // out of memory, as operator new would end it
  std::string out = first_output(encoding, bytes, max_bytes);
  std::size_t produced = 0;
  std::string_view rest = bytes;
  // RFC 1952 2.2: a gzip file is one or more members, and their contents are concatenated.
  while (true) {
    const Step step =
        decode_part(encoding, decompressor.get(), rest, std::span(out).subspan(produced));
    if (step.outcome == Outcome::damaged) return does_not_decompress();
    if (step.outcome == Outcome::buffer_full) {
      if (out.size() >= max_bytes) return too_much_output(max_bytes);
      // libdeflate cannot continue in a larger buffer, and to start anew in each is what a peer
      // would make it do.
      return decompress_by_blocks(encoding, bytes, max_bytes);
    }
    rest.remove_prefix(step.consumed);
    produced += step.produced;
    if (rest.empty()) break;
    if (encoding != ContentEncoding::gzip) return bytes_after_end();
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
