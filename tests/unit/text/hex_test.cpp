#include "daemon/text/hex.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

using namespace std::string_literals;

TEST(Hex, IsReadInEitherCaseAndWrittenInLower) {
  EXPECT_EQ(parse_hex("00fFA9"), "\x00\xff\xa9"s);
  EXPECT_EQ(parse_hex(""), "");
  for (const char* bad : {"0", "0g", " 00", "0x00", "g0"}) EXPECT_FALSE(parse_hex(bad)) << bad;
  std::string out;
  append_hex(out, "\x00\xff\xa9"s);
  EXPECT_EQ(out, "00ffa9");
  EXPECT_EQ(to_hex("\x00\xff\xa9"s), "00ffa9");
}

}  // namespace
}  // namespace tracelink
