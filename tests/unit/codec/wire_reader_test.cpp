#include "daemon/codec/wire_reader.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace tracelink {
namespace {

using namespace std::string_literals;

std::vector<WireField> read_all(std::string_view message, bool& malformed) {
  WireReader reader(message);
  std::vector<WireField> fields;
  for (WireField field; reader.next(field);) fields.push_back(field);
  malformed = reader.malformed();
  return fields;
}

TEST(WireReader, ReadsEveryWireType) {
  const std::string message =
      "\x08\x96\x01"s                          // 1: varint 150
      "\x11\x01\x00\x00\x00\x00\x00\x00\x80"s  // 2: fixed64
      "\x1a\x02hi"s                            // 3: bytes
      "\x25\x04\x03\x02\x01"s;                 // 4: fixed32
  bool malformed = true;
  const auto fields = read_all(message, malformed);
  ASSERT_EQ(fields.size(), 4u);
  EXPECT_FALSE(malformed);
  EXPECT_TRUE(fields[0].is(1, WireType::varint));
  EXPECT_EQ(fields[0].value, 150u);
  EXPECT_EQ(fields[0].whole, "\x08\x96\x01");
  EXPECT_TRUE(fields[1].is(2, WireType::fixed64));
  EXPECT_EQ(fields[1].value, 0x8000000000000001u);
  EXPECT_TRUE(fields[2].is(3, WireType::bytes));
  EXPECT_EQ(fields[2].bytes, "hi");
  EXPECT_EQ(fields[2].whole, "\x1a\x02hi");
  EXPECT_TRUE(fields[3].is(4, WireType::fixed32));
  EXPECT_EQ(fields[3].value, 0x01020304u);
}

struct DamageCase {
  const char* name;
  std::string message;
};

class WireReaderDamage : public ::testing::TestWithParam<DamageCase> {};

TEST_P(WireReaderDamage, IsMalformedAndEndsTheIteration) {
  WireReader reader(GetParam().message);
  WireField field;
  EXPECT_FALSE(reader.next(field));
  EXPECT_TRUE(reader.malformed());
  EXPECT_FALSE(reader.next(field));
}

INSTANTIATE_TEST_SUITE_P(
    Table, WireReaderDamage,
    ::testing::Values(
        DamageCase{"field_zero", "\x00\x01"s}, DamageCase{"group_start", "\x0b\x0c"s},
        DamageCase{"group_end", "\x0c"s}, DamageCase{"wire_type_6", "\x0e\x00"s},
        DamageCase{"wire_type_7", "\x0f\x00"s}, DamageCase{"tag_cut", "\x88"s},
        DamageCase{"tag_of_six_bytes", "\x88\x80\x80\x80\x80\x00\x01"s},
        DamageCase{"tag_over_32_bits", "\x88\x80\x80\x80\x10\x01"s},
        DamageCase{"value_missing", "\x08"s},
        DamageCase{"varint_of_eleven_bytes", "\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"s},
        DamageCase{"varint_over_64_bits", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"s},
        DamageCase{"fixed64_cut", "\x09\x01\x02\x03\x04\x05\x06\x07"s},
        DamageCase{"fixed32_cut", "\x0d\x01\x02\x03"s}, DamageCase{"length_missing", "\x0a"s},
        DamageCase{"length_beyond_the_end", "\x0a\x02x"s},
        DamageCase{"length_that_is_1_in_32_bits", "\x0a\x81\x80\x80\x80\x10x"s}),
    [](const auto& tested) { return tested.param.name; });

TEST(WireReader, TakesTheLargestVarint) {
  bool malformed = true;
  const auto fields = read_all("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", malformed);
  ASSERT_EQ(fields.size(), 1u);
  EXPECT_EQ(fields[0].value, ~std::uint64_t{0});
  EXPECT_FALSE(malformed);
}

}  // namespace
}  // namespace tracelink
