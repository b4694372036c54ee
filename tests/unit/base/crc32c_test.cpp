#include "daemon/base/crc32c.hpp"

#include <string>

#include <gtest/gtest.h>

namespace tracelink {
namespace {

std::string counting(int from, int step) {
  std::string bytes;
  for (int i = 0; i < 32; ++i) bytes.push_back(static_cast<char>(from + i * step));
  return bytes;
}

struct Vector {
  std::string bytes;
  std::uint32_t crc;
};

// RFC 3720, B.4.
const Vector kVectors[] = {
    {std::string(32, '\0'), 0x8A9136AA}, {std::string(32, '\xFF'), 0x62A8AB43},
    {counting(0, 1), 0x46DD794E},        {counting(31, -1), 0x113FDB5C},
    {"123456789", 0xE3069283},           {"", 0},
};

TEST(Crc32c, GivesTheVectorsOfRfc3720) {
  for (const auto& [bytes, crc] : kVectors) {
    EXPECT_EQ(crc32c(0, bytes), crc);
    EXPECT_EQ(crc32c_portable(0, bytes), crc);
  }
}

TEST(Crc32c, ContinuesWhereItStoppedAtEverySplit) {
  const auto bytes = counting(7, 5) + counting(1, 3);
  for (std::size_t at = 0; at <= bytes.size(); ++at) {
    const auto head = crc32c(0, std::string_view(bytes).substr(0, at));
    EXPECT_EQ(crc32c(head, std::string_view(bytes).substr(at)), crc32c_portable(0, bytes));
  }
}

}  // namespace
}  // namespace tracelink
