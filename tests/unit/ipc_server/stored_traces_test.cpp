#include "ipc/server/stored_traces.hpp"

#include <gtest/gtest.h>

#include "daemon/mlflow/rest/trace_change.hpp"
#include "tests/support/trace_record.hpp"

namespace tracelink {
namespace {

TraceSlice slice(std::uint64_t trace, std::size_t bytes, std::uint32_t spans = 1) {
  TraceSlice slice;
  slice.trace_id = trace_id(trace);
  slice.span_count = spans;
  slice.otlp.assign(bytes, 'x');
  return slice;
}

// Of the first trace: so many, and no more.
bool has_spans(StoredTraces& stored, std::uint64_t count) {
  const auto has = [&](std::uint64_t announced) {
    stored.announce(trace_id(1), announced, {});
    return stored.has_all_spans(trace_id(1));
  };
  return has(count) && !has(count + 1);
}

TEST(StoredTraces, WithoutAnAnnouncementOneSpanIsAll) {
  StoredTraces stored;
  stored.announce(trace_id(1), 0, {});
  EXPECT_FALSE(stored.has_all_spans(trace_id(1)));
  stored.add(slice(1, 10));
  EXPECT_TRUE(stored.has_all_spans(trace_id(1)));
  EXPECT_FALSE(stored.has_all_spans(trace_id(2)));
}

TEST(StoredTraces, HoldWhatCameSinceTheTraceWasDelivered) {
  StoredTraces stored;
  stored.add(slice(1, 10, 2));
  stored.add(slice(1, 20));
  EXPECT_TRUE(has_spans(stored, 3));
  ASSERT_EQ(stored.content(trace_id(1)).size(), 2u);
  EXPECT_EQ(stored.content(trace_id(1))[1].otlp.size(), 20u);
  stored.delivered(trace_id(1));
  EXPECT_TRUE(stored.content(trace_id(1)).empty());
  EXPECT_TRUE(has_spans(stored, 3));
  EXPECT_TRUE(stored.knows(trace_id(1)));
  stored.add(slice(1, 30));
  EXPECT_EQ(stored.content(trace_id(1)).size(), 1u);
  EXPECT_FALSE(stored.knows(trace_id(2)));
}

TraceSlice info_of(std::uint64_t trace, const std::string& experiment) {
  TraceSlice slice;
  slice.trace_id = trace_id(trace);
  slice.info = R"({"trace_location":{"type":"MLFLOW_EXPERIMENT","mlflow_experiment":)"
               R"({"experiment_id":")" +
               experiment + "\"}}}";
  return slice;
}

TEST(StoredTraces, RememberTheExperimentOfTheLastInfo) {
  StoredTraces stored({.trace_bytes = 1'000});
  EXPECT_EQ(stored.experiment(trace_id(1)), "");
  stored.announce(trace_id(1), 1, "12");
  stored.add(slice(1, 2'000));
  EXPECT_EQ(stored.experiment(trace_id(1)), "12") << "its content is not held";
  stored.add(info_of(1, "13"));
  stored.delivered(trace_id(1));
  EXPECT_EQ(stored.experiment(trace_id(1)), "13") << "an earlier process has stored it";
  stored.announce(trace_id(1), 1, std::string(StoredTraces::kMaxExperimentBytes + 1, '9'));
  EXPECT_EQ(stored.experiment(trace_id(1)), "");
}

TEST(StoredTraces, LetTheOldestGoFirst) {
  StoredTraces stored({.traces = 3, .bytes = 4'000, .trace_bytes = 3'000});
  stored.add(slice(1, 1'500));
  stored.add(slice(2, 1'000));
  stored.add(slice(3, 1'500));
  EXPECT_TRUE(stored.content(trace_id(1)).empty()) << "too many bytes";
  EXPECT_EQ(stored.content(trace_id(2)).size(), 1u);
  stored.add(slice(1, 10));
  EXPECT_TRUE(stored.content(trace_id(1)).empty()) << "the rest of it is gone";
  EXPECT_TRUE(has_spans(stored, 2));
  stored.add(slice(4, 10));
  EXPECT_FALSE(stored.knows(trace_id(1))) << "too many traces";
  EXPECT_TRUE(stored.knows(trace_id(2)));
}

TEST(StoredTraces, HoldNothingOfOneThatIsTooLarge) {
  StoredTraces stored({.traces = 3, .bytes = 40'000, .trace_bytes = 3'000});
  stored.add(slice(1, 2'000));
  stored.add(slice(1, 2'000));
  EXPECT_TRUE(stored.content(trace_id(1)).empty());
  stored.add(slice(1, 10));
  EXPECT_TRUE(stored.content(trace_id(1)).empty());
  EXPECT_TRUE(has_spans(stored, 3));
}

TEST(StoredTraces, KnowATraceWhoseContentWasTooLargeToCome) {
  StoredTraces stored;
  const auto worth = StoredTraces::worth_holding({slice(1, StoredTraces::kMaxTraceBytes, 3)});
  ASSERT_EQ(worth.size(), 1u);
  EXPECT_TRUE(worth[0].slice.otlp.empty());
  stored.add(slice(1, 10));
  stored.add(worth[0]);
  EXPECT_TRUE(has_spans(stored, 4));
  EXPECT_TRUE(stored.content(trace_id(1)).empty()) << "a part of it is not held";
  EXPECT_EQ(stored.undelivered(), std::nullopt);
}

TraceSlice artifact_of(std::size_t bytes) {
  return trace_change_slice(artifact_change("/api/2.0/mlflow-artifacts/artifacts/12/traces/tr-" +
                                                std::string(32, 'a') + "/artifacts/traces.json",
                                            std::string(bytes, 'x')));
}

TEST(StoredTraces, HoldArtifactsBesideWhatElseTheTraceHas) {
  StoredTraces stored({.trace_bytes = 4'000});
  const TraceSlice small = artifact_of(1'000), large = artifact_of(3'000);
  stored.add(small);
  stored.add(large);
  const auto content = stored.content(small.trace_id);
  ASSERT_EQ(content.size(), 2u);
  EXPECT_EQ(content[0].change, small.change);
  EXPECT_TRUE(content[1].change.empty()) << "there is no room for it";
}

TEST(StoredTraces, DoNotHoldTheBytesOfLargeArtifacts) {
  StoredTraces stored;
  const TraceSlice artifact = artifact_of(StoredTraces::kMaxTraceBytes);
  stored.add(artifact);
  stored.add(StoredTraces::worth_holding({artifact}).front());
  EXPECT_TRUE(stored.knows(artifact.trace_id));
  ASSERT_EQ(stored.content(artifact.trace_id).size(), 2u);
  EXPECT_TRUE(stored.content(artifact.trace_id).front().change.empty());
}

}  // namespace
}  // namespace tracelink
