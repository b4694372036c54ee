#include "daemon/compare/condition.hpp"

#include <gtest/gtest.h>

#include "tests/unit/compare/versions.hpp"

namespace tracelink::compare {
namespace {

using Outcome = Verdict::Outcome;

TEST(Condition, HasFigureOperatorAndBound) {
  const auto factor = parse_condition("error_rate>1.2x");
  ASSERT_TRUE(factor);
  EXPECT_EQ(factor->figure, "error_rate");
  EXPECT_EQ(factor->op, ">");
  EXPECT_EQ(factor->bound, Condition::Bound::factor);
  EXPECT_EQ(factor->number, 1.2);
  const auto absolute = parse_condition("latency_p95_ms >= 2000");
  ASSERT_TRUE(absolute);
  EXPECT_EQ(absolute->op, ">=");
  EXPECT_EQ(absolute->bound, Condition::Bound::absolute);
  const auto below = parse_condition("pass_rate:is a < b? < -0.05");
  ASSERT_TRUE(below);
  EXPECT_EQ(below->figure, "pass_rate:is a < b?");
  EXPECT_EQ(below->bound, Condition::Bound::difference);
  EXPECT_EQ(below->number, -0.05);
  EXPECT_EQ(parse_condition("errors <= +3")->number, 3);
}

TEST(Condition, AnythingElseIsRefusedWithWhatIsWrong) {
  for (const char* text : {"", "error_rate", "error_rate = 1", "speed > 1", "error_rate >", "> 1",
                           "error_rate > x", "error_rate > 5%", "error_rate > -2x",
                           "error_rate > +1x", "error_rate > nan", "error_rate > ++1"}) {
    const auto condition = parse_condition(text);
    ASSERT_FALSE(condition) << text;
    EXPECT_EQ(condition.error().code, ErrorCode::invalid);
    EXPECT_NE(condition.error().message.find(text), std::string::npos);
  }
}

class JudgeTest : public ::testing::Test {
 protected:
  // Of the last version.
  Outcome outcome(const std::string& text) {
    return judge(*parse_condition(text), comparison).back().outcome;
  }

  Comparison comparison =
      compare({version_with_errors("a", 10, 1), version_with_errors("b", 10, 2)});
};

TEST_F(JudgeTest, ABoundIsAbsoluteAFactorOrADifference) {
  EXPECT_EQ(outcome("error_rate > 0.1"), Outcome::holds);
  EXPECT_EQ(outcome("error_rate > 0.2"), Outcome::passes);
  EXPECT_EQ(outcome("error_rate >= 0.2"), Outcome::holds);
  EXPECT_EQ(outcome("errors > 1.9x"), Outcome::holds);
  EXPECT_EQ(outcome("errors > 2x"), Outcome::passes);
  EXPECT_EQ(outcome("errors > +0.5"), Outcome::holds);
  EXPECT_EQ(outcome("errors > +1"), Outcome::passes);
  EXPECT_EQ(outcome("traces < -1"), Outcome::passes);
}

TEST_F(JudgeTest, TheMessageNamesFigureValueAndBound) {
  const auto verdicts = judge(*parse_condition("error_rate > 1.5x"), comparison);
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_EQ(
      verdicts[0].message,
      "'error_rate > 1.5x' holds: error_rate of m-b (b) is 0.2, > 0.15 (the baseline's is 0.1)");
}

TEST_F(JudgeTest, AFigureThatIsMissingIsNoPass) {
  EXPECT_EQ(outcome("mean:score > 1"), Outcome::unknown);
  comparison = compare({version_of("a", {}), version_with_errors("b", 10, 2)});
  const auto verdicts = judge(*parse_condition("error_rate > 1.2x"), comparison);
  EXPECT_EQ(verdicts[0].outcome, Outcome::unknown);
  EXPECT_EQ(verdicts[0].message,
            "'error_rate > 1.2x' cannot be judged: m-a (a) has no figure error_rate");
  EXPECT_EQ(outcome("error_rate > 0.1"), Outcome::holds);
}

TEST_F(JudgeTest, MoreThanAFactorOfNothingIsMore) {
  comparison = compare({version_with_errors("a", 10, 0), version_with_errors("b", 10, 1)});
  EXPECT_EQ(outcome("error_rate > 1.2x"), Outcome::holds);
}

}  // namespace
}  // namespace tracelink::compare
