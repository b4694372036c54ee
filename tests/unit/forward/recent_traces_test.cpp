#include "daemon/forward/recent_traces.hpp"

#include <chrono>
#include <optional>
#include <set>

#include <gtest/gtest.h>

#include "tests/support/trace_record.hpp"

namespace tracelink {
namespace {

using std::chrono::minutes;
using Step = TraceNote::Step;

class RecentTracesTest : public ::testing::Test {
 protected:
  void remember(std::uint64_t trace, Step step, bool root = false, char link = 'a') {
    recent.remember({.trace_id = trace_id(trace),
                     .step = step,
                     .link = link_of(link),
                     .root_delivered = root,
                     .start_ns = 0,
                     .at = {}},
                    now, read_up_to.value_or(now));
  }
  std::optional<RecentTrace> find(std::uint64_t trace) {
    return recent.find(trace_id(trace), read_up_to.value_or(now));
  }

  SteadyTime now{std::chrono::hours(1)};
  std::optional<SteadyTime> read_up_to;  // else everything is read
  std::set<TraceId> spilled;
  RecentTraces recent{[this](const TraceId& id) { return spilled.contains(id); }, 4};
};

TEST_F(RecentTracesTest, KnowsLinkAndSteps) {
  EXPECT_FALSE(find(1));
  remember(1, Step::linked);
  ASSERT_TRUE(find(1));
  EXPECT_EQ(find(1)->link, link_of('a'));
  EXPECT_FALSE(find(1)->delivered);
  remember(1, Step::delivered, true);
  EXPECT_TRUE(find(1)->delivered);
  EXPECT_TRUE(find(1)->root_delivered);
}

TEST_F(RecentTracesTest, AStepThatIsDoneStaysDone) {
  remember(1, Step::delivered, true);
  remember(1, Step::linked);
  EXPECT_TRUE(find(1)->delivered);
  EXPECT_TRUE(find(1)->root_delivered);
}

TEST_F(RecentTracesTest, ForgetsAfterAnHour) {
  remember(1, Step::linked);
  now += minutes(60);
  EXPECT_TRUE(find(1));
  now += std::chrono::seconds(1);
  EXPECT_FALSE(find(1));
  remember(2, Step::linked);
  EXPECT_EQ(recent.size(), 1u);
}

TEST_F(RecentTracesTest, ANewNoteKeepsATraceForAnotherHour) {
  remember(1, Step::linked);
  now += minutes(50);
  remember(1, Step::delivered);
  now += minutes(50);
  remember(2, Step::linked);
  EXPECT_TRUE(find(1));
}

TEST_F(RecentTracesTest, WhileTheReaderIsBehindTheHourLiesBeforeWhatItReads) {
  remember(1, Step::linked);
  read_up_to = now + minutes(10);
  now += minutes(300);
  remember(2, Step::linked);
  EXPECT_TRUE(find(1));
  read_up_to = now;
  EXPECT_FALSE(find(1));
}

TEST_F(RecentTracesTest, KnowsATraceAsLongAsAPartOfItIsSpilled) {
  remember(1, Step::delivered);
  remember(2, Step::delivered);
  spilled = {trace_id(1)};
  for (int hour = 0; hour < 5; ++hour) {
    now += minutes(61);
    remember(3, Step::linked);
    EXPECT_TRUE(find(1)) << hour;
    EXPECT_FALSE(find(2)) << hour;
  }
  spilled.clear();
  now += minutes(61);
  EXPECT_FALSE(find(1));
}

TEST_F(RecentTracesTest, ManySpilledTracesAreBoundedLikeOthers) {
  for (std::uint64_t trace = 1; trace <= 6; ++trace) {
    spilled.insert(trace_id(trace));
    remember(trace, Step::linked);
    now += minutes(61);
  }
  EXPECT_EQ(recent.size(), 4u);
}

TEST_F(RecentTracesTest, TellsWhatIsLinkedAndNotDelivered) {
  remember(1, Step::linked);
  remember(2, Step::delivered);
  remember(3, Step::linked, false, 'b');
  EXPECT_EQ(recent.undelivered(link_of('a'), now), std::vector<TraceId>{trace_id(1)});
}

TEST_F(RecentTracesTest, TheStepsOfATraceTakeOnePlace) {
  for (std::uint64_t trace = 1; trace <= 4; ++trace) {
    remember(trace, Step::linked);
    now += std::chrono::seconds(1);
    remember(trace, Step::delivered);
  }
  for (std::uint64_t trace = 1; trace <= 4; ++trace) EXPECT_TRUE(find(trace)) << trace;
}

TEST_F(RecentTracesTest, TheOneThatWasNotedLastIsForgottenLast) {
  for (std::uint64_t trace = 1; trace <= 4; ++trace) remember(trace, Step::linked);
  remember(1, Step::delivered);
  remember(5, Step::linked);
  EXPECT_TRUE(find(1));
  EXPECT_FALSE(find(2));
}

TEST_F(RecentTracesTest, IsBoundedTheOldestGoesFirst) {
  for (std::uint64_t trace = 1; trace <= 6; ++trace) {
    now += std::chrono::seconds(1);
    remember(trace, Step::linked);
  }
  EXPECT_EQ(recent.size(), 4u);
  EXPECT_FALSE(find(2));
  EXPECT_TRUE(find(3));
}

}  // namespace
}  // namespace tracelink
