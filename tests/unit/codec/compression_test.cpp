#include "daemon/codec/compression.hpp"

#include <random>

#include <gtest/gtest.h>
#include <zlib.h>

#include "daemon/text/hex.hpp"

namespace tracelink {
namespace {

constexpr std::size_t kNoLimit = 1u << 30;

// "hello hello hello hello" by Python 3.11's gzip (mtime 0) and zlib modules.
const std::string kText = "hello hello hello hello";
const std::string kGzip = *parse_hex("1f8b0800000000000203cb48cdc9c957c8402701e3513d8d17000000");
const std::string kZlib = *parse_hex("789ccb48cdc9c957c8402701680308b1");
const std::string kRaw = kZlib.substr(2, kZlib.size() - 6);

ErrorCode error_of(ContentEncoding encoding, std::string_view bytes, std::size_t max_bytes) {
  const auto result = decompress(encoding, bytes, max_bytes);
  EXPECT_FALSE(result);
  return result ? ErrorCode::closed : result.error().code;
}

TEST(ContentEncoding, KnowsGzipAndDeflateAndRefusesOthers) {
  EXPECT_EQ(*parse_content_encoding(""), ContentEncoding::identity);
  EXPECT_EQ(*parse_content_encoding("identity"), ContentEncoding::identity);
  EXPECT_EQ(*parse_content_encoding("gzip"), ContentEncoding::gzip);
  EXPECT_EQ(*parse_content_encoding("x-gzip"), ContentEncoding::gzip);
  EXPECT_EQ(*parse_content_encoding("GZip"), ContentEncoding::gzip);
  EXPECT_EQ(*parse_content_encoding("deflate"), ContentEncoding::deflate);
  for (const char* bad : {"zstd", "br", "gzip, gzip", " gzip"}) {
    const auto result = parse_content_encoding(bad);
    ASSERT_FALSE(result) << bad;
    EXPECT_EQ(result.error().code, ErrorCode::invalid);
  }
}

TEST(Decompress, ReadsWhatPythonWrote) {
  EXPECT_EQ(*decompress(ContentEncoding::gzip, kGzip, kNoLimit), kText);
  EXPECT_EQ(*decompress(ContentEncoding::deflate, kZlib, kNoLimit), kText);
  EXPECT_EQ(*decompress(ContentEncoding::deflate, kRaw, kNoLimit), kText);
  EXPECT_EQ(*decompress(ContentEncoding::identity, kText, kNoLimit), kText);
}

TEST(Decompress, JoinsGzipMembers) {
  EXPECT_EQ(*decompress(ContentEncoding::gzip, kGzip + kGzip + kGzip, kNoLimit),
            kText + kText + kText);
}

TEST(Decompress, AllowsExactlyTheLimit) {
  const std::size_t size = kText.size();
  for (const auto& [encoding, bytes] :
       {std::pair{ContentEncoding::gzip, kGzip}, std::pair{ContentEncoding::deflate, kZlib},
        std::pair{ContentEncoding::deflate, kRaw}, std::pair{ContentEncoding::identity, kText}}) {
    EXPECT_TRUE(decompress(encoding, bytes, size));
    EXPECT_EQ(error_of(encoding, bytes, size - 1), ErrorCode::too_large);
    EXPECT_EQ(error_of(encoding, bytes, 0), ErrorCode::too_large);
  }
  EXPECT_EQ(error_of(ContentEncoding::gzip, kGzip + kGzip, 2 * size - 1), ErrorCode::too_large);
}

TEST(Decompress, RefusesDamage) {
  for (const auto& [encoding, bytes] :
       {std::pair{ContentEncoding::gzip, kGzip}, std::pair{ContentEncoding::deflate, kZlib}}) {
    EXPECT_EQ(error_of(encoding, "", kNoLimit), ErrorCode::invalid);
    EXPECT_EQ(error_of(encoding, "garbage that is no such format", kNoLimit), ErrorCode::invalid);
    EXPECT_EQ(error_of(encoding, bytes + "x", kNoLimit), ErrorCode::invalid);
    EXPECT_EQ(error_of(encoding, std::string_view(bytes).substr(0, bytes.size() - 9), kNoLimit),
              ErrorCode::invalid);
  }
  EXPECT_EQ(error_of(ContentEncoding::deflate, kRaw + "x", kNoLimit), ErrorCode::invalid);
}

TEST(Decompress, ChecksTheGzipChecksum) {
  std::string bytes = kGzip;
  bytes[bytes.size() - 5] ^= 1;
  EXPECT_EQ(error_of(ContentEncoding::gzip, bytes, kNoLimit), ErrorCode::invalid);
}

TEST(Decompress, StopsABombAtTheLimit) {
  const std::string bomb = compress_gzip(std::string(50'000'000, 'x'));
  ASSERT_LT(bomb.size(), 1'000'000u);
  EXPECT_EQ(error_of(ContentEncoding::gzip, bomb, 1'000'000), ErrorCode::too_large);
  EXPECT_EQ(decompress(ContentEncoding::gzip, bomb, kNoLimit)->size(), 50'000'000u);
}

TEST(Decompress, GrowsWhenTheOutputIsLargerThanGuessed) {
  const std::string text(3'000'000, 'x');
  const std::string gzip = compress_gzip(text);
  EXPECT_EQ(*decompress(ContentEncoding::gzip, gzip + kGzip, kNoLimit), text + kText);
  const std::string raw = gzip.substr(10, gzip.size() - 18);
  EXPECT_EQ(*decompress(ContentEncoding::deflate, raw, kNoLimit), text);
}

// The last member says how much the file holds, and a peer chooses it.
TEST(Decompress, TakesManyEmptyMembersOfWhateverOrder) {
  const std::string empty = compress_gzip("");
  std::string members;
  for (int i = 0; i < 20'000; ++i) members += empty;
  const std::string text(1'000'000, 'x');
  EXPECT_EQ(*decompress(ContentEncoding::gzip, members, kNoLimit), "");
  EXPECT_EQ(*decompress(ContentEncoding::gzip, members + compress_gzip(text) + empty, kNoLimit),
            text);
  EXPECT_EQ(error_of(ContentEncoding::gzip, members + compress_gzip(text) + empty, 999'999),
            ErrorCode::too_large);
}

// What is over 4 MiB before it is decompressed.
class DecompressLarge : public testing::Test {
 protected:
  static std::string noise() {
    std::mt19937_64 random(7);
    std::string text;
    while (text.size() < 4'200'000) {
      const std::uint64_t word = random();
      text.append(reinterpret_cast<const char*>(&word), sizeof word);
    }
    return text;
  }
  static inline const std::string kNoise = noise();  // hardly compresses
  static inline const std::string kNoisyGzip = compress_gzip(kNoise);
  static constexpr std::size_t kGzipHeader = 10;
  static std::string raw_of(const std::string& gzip) {
    return gzip.substr(kGzipHeader, gzip.size() - 18);
  }
  // RFC 1951 3.2.4: blocks without compression. Raw deflate of so many blocks, the first ones
  // large.
  static std::string raw_of_blocks(std::size_t blocks) {
    std::string bytes;
    for (std::size_t block = 1; block < blocks; ++block) {
      bytes += block <= kLargeBlocks ? kLargeHeader + std::string(65'535, 'x') : kEmptyBlock;
    }
    return bytes + kLastBlock;
  }
  static constexpr std::size_t kLargeBlocks = 70;
  static inline const std::string kLargeHeader = *parse_hex("00ffff0000");
  static inline const std::string kEmptyBlock = *parse_hex("000000ffff");
  static inline const std::string kLastBlock = *parse_hex("010000ffff");
  static constexpr std::size_t kMostBlocks = 65'536;
};

TEST_F(DecompressLarge, ReadsEveryFormat) {
  ASSERT_GT(kNoisyGzip.size(), 4u << 20);
  EXPECT_EQ(*decompress(ContentEncoding::gzip, kNoisyGzip, kNoise.size()), kNoise);
  EXPECT_EQ(*decompress(ContentEncoding::gzip, kNoisyGzip + kGzip + kNoisyGzip, kNoLimit),
            kNoise + kText + kNoise);
  EXPECT_EQ(*decompress(ContentEncoding::deflate, raw_of(kNoisyGzip), kNoise.size()), kNoise);
  std::string zlib(compressBound(kNoise.size()), '\0');
  uLongf size = zlib.size();
  ASSERT_EQ(compress(reinterpret_cast<Bytef*>(zlib.data()), &size,
                     reinterpret_cast<const Bytef*>(kNoise.data()), kNoise.size()),
            Z_OK);
  zlib.resize(size);
  EXPECT_EQ(*decompress(ContentEncoding::deflate, zlib, kNoise.size()), kNoise);
}

TEST_F(DecompressLarge, GrowsUpToTheLimit) {
  const std::string text = kNoise + std::string(20'000'000, 'x');
  const std::string gzip = compress_gzip(text);
  EXPECT_EQ(*decompress(ContentEncoding::gzip, gzip + kGzip, text.size() + kText.size()),
            text + kText);
  EXPECT_EQ(error_of(ContentEncoding::gzip, gzip, text.size() - 1), ErrorCode::too_large);
  EXPECT_EQ(error_of(ContentEncoding::gzip, gzip, 0), ErrorCode::too_large);
}

TEST_F(DecompressLarge, RefusesDamage) {
  std::string gzip = kNoisyGzip;
  EXPECT_EQ(error_of(ContentEncoding::gzip, gzip + "x", kNoLimit), ErrorCode::invalid);
  EXPECT_EQ(error_of(ContentEncoding::gzip, gzip.substr(0, gzip.size() - 1), kNoLimit),
            ErrorCode::invalid);
  const std::string raw = raw_of(gzip);
  EXPECT_EQ(error_of(ContentEncoding::deflate, raw + "x", kNoLimit), ErrorCode::invalid);
  EXPECT_EQ(error_of(ContentEncoding::deflate, raw.substr(0, raw.size() - 1), kNoLimit),
            ErrorCode::invalid);
  gzip[gzip.size() - 5] ^= 1;
  EXPECT_EQ(error_of(ContentEncoding::gzip, gzip, kNoLimit), ErrorCode::invalid) << "its checksum";
}

// Each takes the time of a table, however little it holds.
TEST_F(DecompressLarge, HasNoMoreBlocksThanCompressorsMake) {
  const std::string most = raw_of_blocks(kMostBlocks);
  EXPECT_EQ(decompress(ContentEncoding::deflate, most, kNoLimit)->size(), kLargeBlocks * 65'535);
  const auto refused =
      decompress(ContentEncoding::deflate, raw_of_blocks(kMostBlocks + 1), kNoLimit);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::too_large);
  EXPECT_NE(refused.error().message.find("65536 blocks of deflate"), std::string::npos);
}

TEST_F(DecompressLarge, CountsMembersToo) {
  const std::string empty = compress_gzip("");
  std::string members = kNoisyGzip;
  for (std::size_t i = 0; i < kMostBlocks / 2; ++i) members += empty;
  EXPECT_EQ(error_of(ContentEncoding::gzip, members, kNoLimit), ErrorCode::too_large);
}

// The last member says how much the file holds, and a peer chooses it.
TEST_F(DecompressLarge, CountsThemTooWhereASmallBodyHoldsMoreThanItSays) {
  const std::string text(3'000'000, 'x');
  const auto gzip_after = [&](std::size_t empty_blocks) {
    std::string gzip = compress_gzip(text);
    std::string blocks;
    for (std::size_t block = 0; block < empty_blocks; ++block) blocks += kEmptyBlock;
    return gzip.insert(kGzipHeader, blocks) + compress_gzip("");
  };
  EXPECT_EQ(*decompress(ContentEncoding::gzip, gzip_after(60'000), kNoLimit), text);
  const std::string refused = gzip_after(kMostBlocks);
  ASSERT_LT(refused.size(), 4u << 20);
  EXPECT_EQ(error_of(ContentEncoding::gzip, refused, kNoLimit), ErrorCode::too_large);
}

TEST(DecompressedBytes, IsTheWorkAtLeast) {
  const std::string gzip = compress_gzip(std::string(1000, 'x'));
  EXPECT_EQ(decompressed_bytes(ContentEncoding::gzip, gzip), 1000u);
  const std::string with_empty_end = gzip + gzip + compress_gzip("");
  EXPECT_EQ(decompressed_bytes(ContentEncoding::gzip, with_empty_end), with_empty_end.size());
}

TEST(CompressGzip, RoundTrips) {
  for (const std::string& text : {std::string(), kText, std::string(100'000, '\0')}) {
    const std::string gzip = compress_gzip(text);
    EXPECT_EQ(*decompress(ContentEncoding::gzip, gzip, text.size()), text);
  }
}

}  // namespace
}  // namespace tracelink
