#include "daemon/codec/json_repair.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

constexpr std::size_t kMaxBytes = 100;

TEST(RepairJson, LeavesNothingThatAParserRefusesAllOfItFor) {
  std::string json = "\xef\xbb\xbf{\"a\":\"\xff\",\"b\":\"\\ud83e\",\"c\":\"\\udd14\"}";
  const RepairedJson repaired = repair_json(json, kMaxBytes);
  EXPECT_EQ(json, "{\"a\":\"\xef\xbf\xbd\",\"b\":\"\\ufffd\",\"c\":\"\\ufffd\"}");
  EXPECT_EQ(repaired.utf8, 1u);
  EXPECT_EQ(repaired.surrogates, 2u);
}

TEST(RepairJson, StopsBehindTheLimit) {
  std::string json(kMaxBytes, '\xff');
  repair_json(json, kMaxBytes);
  EXPECT_GT(json.size(), kMaxBytes);
  EXPECT_LE(json.size(), kMaxBytes + 3);
}

}  // namespace
}  // namespace tracelink
