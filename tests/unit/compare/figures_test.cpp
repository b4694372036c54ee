#include "daemon/compare/figures.hpp"

#include <gtest/gtest.h>

#include "tests/unit/compare/versions.hpp"

namespace tracelink::compare {
namespace {

class FiguresTest : public ::testing::Test {
 protected:
  void add(TraceSummary trace) { add_trace(samples, trace); }
  void add(Assessment assessment) {
    TraceSummary trace = trace_of("1s");
    trace.assessments.push_back(std::move(assessment));
    add(std::move(trace));
  }
  void add_with(const std::string& key, const std::string& value) {
    TraceSummary trace = trace_of("1s");
    trace.metadata[key] = value;
    add(std::move(trace));
  }
  std::optional<double> value(const std::string& name) const {
    return value_of(figures_of(samples), samples, name);
  }

  Samples samples;
};

TEST_F(FiguresTest, OfNoTracesAreZeroOrUnknown) {
  EXPECT_EQ(value("traces"), 0);
  EXPECT_EQ(value("sessions"), 0);
  for (const char* name : {"error_rate", "latency_p50_ms", "input_tokens", "cost_usd"}) {
    EXPECT_EQ(value(name), std::nullopt) << name;
  }
}

TEST_F(FiguresTest, TracesThatRunHaveNoLatency) {
  add(trace_of("0.1s"));
  add(trace_of("0.3s", "ERROR"));
  add(trace_of("", "IN_PROGRESS"));
  EXPECT_EQ(value("traces"), 3);
  EXPECT_EQ(value("errors"), 1);
  EXPECT_DOUBLE_EQ(value("error_rate").value(), 1.0 / 3);
  EXPECT_DOUBLE_EQ(value("latency_p50_ms").value(), 200);
  EXPECT_DOUBLE_EQ(value("latency_mean_ms").value(), 200);
}

TEST_F(FiguresTest, TokensAndCostAreMlflowsOwn) {
  add_with("mlflow.trace.tokenUsage",
           R"({"input_tokens": 10, "output_tokens": 4, "total_tokens": 14})");
  add_with("mlflow.trace.tokenUsage", R"({"input_tokens": 20, "cache_read_input_tokens": 6})");
  add_with("mlflow.trace.cost", R"({"total_cost": 0.25})");
  add_with("mlflow.trace.cost", "not JSON");
  EXPECT_EQ(value("input_tokens"), 30);
  EXPECT_EQ(value("input_tokens_per_trace"), 15);
  EXPECT_EQ(value("cache_read_input_tokens"), 6);
  EXPECT_EQ(value("cache_creation_input_tokens"), std::nullopt);
  EXPECT_EQ(value("cost_usd_per_trace"), 0.25);
}

TEST_F(FiguresTest, SessionsAndUsersAreCountedOnce) {
  for (const char* session : {"s1", "s2", "s1", ""}) add_with("mlflow.trace.session", session);
  add_with("mlflow.trace.user", "u");
  EXPECT_EQ(value("sessions"), 2);
  EXPECT_EQ(value("users"), 1);
}

TEST_F(FiguresTest, YesAndNoAreMlflows) {
  using Text = std::string;
  for (const Assessment::Value& value :
       {Assessment::Value(true), Assessment::Value(Text("YES")), Assessment::Value(Text("no"))}) {
    add(feedback_of("correct", value));
  }
  EXPECT_DOUBLE_EQ(value("pass_rate:correct").value(), 2.0 / 3);
  EXPECT_EQ(value("count:correct"), 3);
  EXPECT_EQ(value("mean:correct"), std::nullopt);
}

TEST_F(FiguresTest, NumbersHaveAMeanAndTextsACount) {
  add(feedback_of("score", 1.0));
  add(feedback_of("score", 2.0));
  add(feedback_of("tone", std::string("rude")));
  EXPECT_EQ(value("mean:score"), 1.5);
  EXPECT_EQ(value("count:tone/rude"), 1);
  EXPECT_EQ(value("count:tone/kind"), 0);
  EXPECT_EQ(value("count:mood/kind"), std::nullopt);
}

TEST_F(FiguresTest, SourcesAndExpectationsAreApart) {
  add(feedback_of("ok", true, "HUMAN"));
  add(feedback_of("ok", false, "LLM_JUDGE"));
  add(Assessment{"ok", "HUMAN", true, false, std::string("Paris")});
  EXPECT_EQ(value("pass_rate:ok"), 0.5);
  EXPECT_EQ(value("pass_rate.human:ok"), 1);
  EXPECT_EQ(value("pass_rate.llm_judge:ok"), 0);
  EXPECT_EQ(value("count.expectation:ok"), 1);
  EXPECT_EQ(value("count.expectation.human:ok/Paris"), 1);
}

TEST_F(FiguresTest, AJudgesErrorIsNoValue) {
  add(Assessment{"ok", "LLM_JUDGE", false, true, {}});
  add(feedback_of("ok", true, "LLM_JUDGE"));
  EXPECT_EQ(value("errors:ok"), 1);
  EXPECT_EQ(value("count:ok"), 1);
  EXPECT_EQ(value("pass_rate:ok"), 1);
}

TEST_F(FiguresTest, NamesAndTextsAreBounded) {
  for (int i = 0; i < 200; ++i) add(feedback_of("a" + std::to_string(i), 1.0));
  EXPECT_EQ(samples.assessments.size(), kMostAssessments);
  EXPECT_EQ(samples.assessments_left_out, 300u);
  for (int i = 0; i < 30; ++i) add(feedback_of("a0", "text " + std::to_string(i)));
  EXPECT_EQ(samples.assessments.at({"a0", false, ""}).texts.size(), kMostTexts);
  EXPECT_EQ(samples.assessments.at({"a0", false, ""}).other_texts, 10u);
  EXPECT_EQ(value("count:a0/text 29"), std::nullopt);
}

TEST_F(FiguresTest, TheNewestErrorsAreRemembered) {
  for (int i = 0; i < 150; ++i) add(trace_of("1s", "ERROR"));
  EXPECT_EQ(samples.failed.size(), kErrorsRead);
}

TEST(Figures, NamesThatAVersionCouldHave) {
  for (const char* name :
       {"error_rate", "cost_usd", "mean:x", "pass_rate.human:x", "count:x/y z",
        "errors.llm_judge:x", "mean.expectation:x", "count.expectation.code:x"}) {
    EXPECT_TRUE(is_figure_name(name)) << name;
  }
  for (const char* name : {"", "latency", "mean", "mean:", "median:x", "mean.robot:x",
                           "pass_rate.human.expectation:x"}) {
    EXPECT_FALSE(is_figure_name(name)) << name;
  }
}

TEST(ErrorMessages, AreCountedByTheirFirstLineTheMostFrequentFirst) {
  const ErrorMessages errors = count_messages({"b", "a\nat 1", "a\nat 2", "c"}, 2);
  ASSERT_EQ(errors.messages.size(), 3u);
  EXPECT_EQ(errors.messages[0], (std::pair<std::string, std::size_t>{"a", 2}));
  EXPECT_EQ(errors.messages[1].first, "b");
  EXPECT_EQ(errors.read, 6u);
  EXPECT_EQ(errors.unknown, 2u);
}

TEST(ErrorMessages, AreCutBetweenCharacters) {
  std::string message = "x";
  while (message.size() < 300) message += "é";
  EXPECT_EQ(count_messages({message}, 0).messages[0].first.size(), 199 + std::string("…").size());
}

}  // namespace
}  // namespace tracelink::compare
