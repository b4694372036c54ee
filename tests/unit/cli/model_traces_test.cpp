#include "daemon/cli/model_traces.hpp"

#include <gtest/gtest.h>

namespace tracelink::cli {
namespace {

TEST(Since, IsADurationOrATimeInUtc) {
  constexpr std::int64_t kNow = 1'800'000'000'000;
  EXPECT_EQ(since_ms("30m", kNow), kNow - 1'800'000);
  EXPECT_EQ(since_ms("24h", kNow), kNow - 86'400'000);
  EXPECT_EQ(since_ms("2026-11-23", kNow), 1'795'392'000'000);
  EXPECT_EQ(since_ms("2026-11-23T11:54:31Z", kNow), 1'795'434'871'000);
}

TEST(Since, RefusesWhatIsNoDurationOrTime) {
  for (const char* text : {"", "yesterday", "24", "2026-11-23 11:54", "2026-13-01"}) {
    EXPECT_EQ(since_ms(text, 0), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace tracelink::cli
