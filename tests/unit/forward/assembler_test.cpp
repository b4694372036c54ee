#include "daemon/forward/assembler.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <vector>

#include <gtest/gtest.h>
#include <protozero/pbf_writer.hpp>

#include "daemon/codec/split_request.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/trace_record.hpp"

namespace tracelink {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::uint32_t kRemote = 0x300;

class AssemblerTest : public ::testing::Test {
 protected:
  struct Options {
    char link = 'a';
    seconds age{0};  // how long ago it was accepted
    std::optional<RecentTrace> known{};
    LinkChoice choice{};
    std::uint32_t flags = 0;
    std::uint64_t earlier = 0;  // so many sequence numbers ago, and spilled since
    const char* experiment = "";
    bool info = false;  // it is the trace info of an SDK
  };
  void add(std::uint64_t trace, bool root, Options options) {
    StoredRecord stored;
    const TestSpan span{.id = ++sequence_, .parent = root ? 0u : 999u, .flags = options.flags};
    stored.record = trace_record(trace, {span}, clock.wall() - options.age);
    stored.record.link = link_of(options.link);
    stored.record.experiment = options.experiment;
    if (options.info) stored.record.slice.info = "{}";
    stored.sequence = sequence_ - options.earlier;
    stored.position = {1, stored.sequence};
    LinkChoice choice = options.choice;
    choice.link = stored.record.link;
    assembler.add(stored, options.known, choice);
  }
  void add(std::uint64_t trace, bool root) { add(trace, root, Options{}); }

  std::vector<TraceId> ready(bool caught_up = true) {
    std::vector<TraceId> ids;
    for (const TraceWork& work : assembler.take_ready(caught_up)) ids.push_back(work.trace_id);
    return ids;
  }
  static std::vector<TraceId> ids(std::initializer_list<std::uint64_t> traces) {
    std::vector<TraceId> all;
    for (const std::uint64_t trace : traces) all.push_back(trace_id(trace));
    return all;
  }

  FakeClock clock;
  Assembler assembler{{.trace_grace = seconds(2), .trace_idle = minutes(10)}, clock};

 private:
  std::uint64_t sequence_ = 0;
};

TEST_F(AssemblerTest, WaitsForTheGraceAfterTheRoot) {
  add(1, true);
  clock.advance(milliseconds(1999));
  EXPECT_EQ(ready(), ids({}));
  clock.advance(milliseconds(1));
  EXPECT_EQ(ready(), ids({1}));
  EXPECT_EQ(assembler.records(), 0u);
}

TEST_F(AssemblerTest, WaitsForTheIdleTimeWithoutARoot) {
  add(1, false);
  clock.advance(minutes(10) - milliseconds(1));
  EXPECT_EQ(ready(), ids({}));
  clock.advance(milliseconds(1));
  EXPECT_EQ(ready(), ids({1}));
}

// A span is sent under the experiment of the thread in which it ended.
TEST_F(AssemblerTest, TheExperimentIsThatOfTheTraceInfo) {
  add(1, false, {.experiment = "1"});
  add(1, true, {.experiment = "2", .info = true});
  add(1, false, {.experiment = "1"});
  add(2, true, {.experiment = "2", .info = true});
  add(2, false, {.earlier = 3, .experiment = "1"});
  add(3, true, {.experiment = "1"});
  add(3, false, {.experiment = "2"});
  clock.advance(seconds(2));
  std::vector<std::string> experiments;
  for (const TraceWork& work : assembler.take_ready(true)) {
    experiments.push_back(work.group.experiment);
  }
  EXPECT_EQ(experiments, (std::vector<std::string>{"2", "2", "1"}));
}

TEST_F(AssemblerTest, ATraceThatComesBackTakesTheExperimentOfALaterInfo) {
  add(1, true, {.experiment = "1"});
  clock.advance(seconds(2));
  std::vector<TraceWork> works = assembler.take_ready(true);
  ASSERT_EQ(works.size(), 1u);
  add(1, true, {.experiment = "2", .info = true});
  assembler.put_back(std::move(works.front()));
  clock.advance(seconds(2));
  works = assembler.take_ready(true);
  ASSERT_EQ(works.size(), 1u);
  EXPECT_EQ(works.front().group.experiment, "2");
}

TEST_F(AssemblerTest, ASpanWithARemoteParentStandsForTheRoot) {
  add(1, false, {.flags = kRemote});
  clock.advance(milliseconds(1999));
  EXPECT_EQ(ready(), ids({}));
  clock.advance(milliseconds(1));
  EXPECT_EQ(ready(), ids({1}));
}

TEST_F(AssemblerTest, InnerSpansDoNotPutOffWhatHasARemoteParent) {
  add(1, false);
  add(1, false, {.flags = kRemote});
  clock.advance(milliseconds(1500));
  add(1, false);
  add(1, false, {.flags = kRemote});
  clock.advance(milliseconds(500));
  EXPECT_EQ(ready(), ids({1}));
}

TEST_F(AssemblerTest, TheRootItselfStartsTheGraceAgainBesideARemoteParent) {
  add(1, false, {.flags = kRemote});
  clock.advance(milliseconds(1500));
  add(1, true);
  clock.advance(milliseconds(1999));
  EXPECT_EQ(ready(), ids({}));
  clock.advance(milliseconds(1));
  EXPECT_EQ(ready(), ids({1}));
}

TEST_F(AssemblerTest, WhatHasARemoteParentIsTakenLikeWhatHasItsRoot) {
  add(1, false, {.flags = kRemote});
  add(2, false);
  EXPECT_TRUE(assembler.has_root());
  ASSERT_EQ(assembler.take_with_root().size(), 1u);
  EXPECT_FALSE(assembler.has_root());
}

TEST_F(AssemblerTest, TellsWhatWaitsForItsRootAndUntilWhen) {
  const SteadyTime begin = clock.steady();
  EXPECT_EQ(assembler.rootless().traces, 0u);
  add(1, false);
  clock.advance(minutes(4));
  add(2, false);
  add(3, true);
  add(4, false, {.flags = kRemote});
  EXPECT_EQ(assembler.rootless().traces, 2u);
  EXPECT_EQ(assembler.rootless().first, begin + minutes(10));
  EXPECT_EQ(assembler.rootless().last, begin + minutes(14));
  add(1, true);
  EXPECT_EQ(assembler.rootless().traces, 1u);
  clock.advance(minutes(10));
  EXPECT_EQ(ready().size(), 4u);
  EXPECT_EQ(assembler.rootless().traces, 0u);
}

TEST_F(AssemblerTest, LateSpansWaitForNoRoot) {
  add(1, false);
  assembler.take_soonest();
  add(1, false);
  EXPECT_EQ(assembler.rootless().traces, 0u) << "its trace is on its way";
  assembler.finished(trace_id(1));
  EXPECT_EQ(assembler.rootless().traces, 0u);
  RecentTrace known;
  known.delivered = true;
  add(2, false, {.known = known});
  EXPECT_EQ(assembler.rootless().traces, 0u);
}

TEST_F(AssemblerTest, EachPartWithoutRootStartsTheIdleTimeAgain) {
  add(1, false);
  clock.advance(minutes(9));
  add(1, false);
  clock.advance(minutes(9));
  EXPECT_EQ(ready(), ids({}));
  clock.advance(minutes(1));
  EXPECT_EQ(ready(), ids({1}));
}

TEST_F(AssemblerTest, ARootEndsTheIdleTime) {
  add(1, false);
  clock.advance(minutes(1));
  add(1, true);
  clock.advance(seconds(2));
  EXPECT_EQ(ready(), ids({1}));
}

TEST_F(AssemblerTest, PartsAfterTheRootDoNotStretchTheGrace) {
  add(1, true);
  clock.advance(milliseconds(1500));
  add(1, false);
  clock.advance(milliseconds(500));
  const auto works = assembler.take_ready(true);
  ASSERT_EQ(works.size(), 1u);
  EXPECT_EQ(works[0].parts.size(), 2u);
  EXPECT_TRUE(works[0].root_seen);
}

TEST_F(AssemblerTest, TheFirstPartGivesLinkAndSequence) {
  add(1, false, {.link = 'a'});
  add(1, true, {.link = 'b'});
  clock.advance(seconds(2));
  const auto works = assembler.take_ready(true);
  ASSERT_EQ(works.size(), 1u);
  EXPECT_EQ(works[0].group.link, link_of('a'));
  EXPECT_EQ(works[0].sequence, 1u);
  EXPECT_EQ(works[0].bytes, works[0].parts[0].bytes + works[0].parts[1].bytes);
}

TEST_F(AssemblerTest, AKnownLinkWinsOverTheRecords) {
  add(1, false, {.link = 'b', .known = RecentTrace{.link = link_of('a')}});
  EXPECT_EQ(assembler.take_soonest()->group.link, link_of('a'));
}

TEST_F(AssemblerTest, LateSpansOfADeliveredTraceWaitForTheGraceOnly) {
  add(1, false, {.known = RecentTrace{.link = link_of('a'), .delivered = true}});
  clock.advance(seconds(1));
  EXPECT_EQ(ready(), ids({}));
  clock.advance(seconds(1));
  EXPECT_EQ(ready(), ids({1}));
}

TEST_F(AssemblerTest, AStreamOfLateSpansDoesNotStretchTheGrace) {
  const RecentTrace delivered{.link = link_of('a'), .delivered = true};
  for (int n = 0; n < 3; ++n, clock.advance(seconds(1))) add(1, false, {.known = delivered});
  EXPECT_EQ(ready(), ids({1}));
}

TEST_F(AssemblerTest, WhatCameForATraceOnItsWayIsLateOnceThatIsFinished) {
  add(1, true);
  clock.advance(seconds(2));
  ASSERT_EQ(ready(), ids({1}));
  add(1, false);
  clock.advance(seconds(1));
  assembler.finished(trace_id(1));
  EXPECT_EQ(ready(), ids({}));
  clock.advance(seconds(1));
  EXPECT_EQ(ready(), ids({1}));
}

TEST_F(AssemblerTest, WaitingGoesOnOverARestart) {
  add(1, false, {.age = minutes(9)});
  clock.advance(minutes(1));
  EXPECT_EQ(ready(), ids({1}));
}

TEST_F(AssemblerTest, AClockSetBackDoesNotMakeARecordWaitForTheFuture) {
  add(1, true, {.age = -seconds(3600)});
  clock.advance(seconds(2));
  EXPECT_EQ(ready(), ids({1}));
}

TEST_F(AssemblerTest, TimeStandsStillWhileTheReaderIsBehind) {
  add(1, false, {.age = minutes(60)});
  add(2, true, {.age = minutes(59)});
  EXPECT_EQ(ready(false), ids({})) << "the other half of trace 1 may be the next record";
  add(3, true, {.age = minutes(50)});
  EXPECT_EQ(ready(false), ids({2, 1})) << "in the order of readiness";
  EXPECT_EQ(ready(true), ids({3}));
}

TEST_F(AssemblerTest, WhatComesForATraceThatIsOutWaitsUntilItIsFinished) {
  add(1, true);
  clock.advance(seconds(2));
  ASSERT_EQ(ready(), ids({1}));
  add(1, false);
  clock.advance(minutes(20));
  EXPECT_EQ(ready(), ids({}));
  EXPECT_FALSE(assembler.next_ready());
  EXPECT_FALSE(assembler.take_soonest());
  assembler.finished(trace_id(1));
  EXPECT_EQ(ready(), ids({1}));
}

TEST_F(AssemblerTest, TakesWhatHasItsRootAtOnce) {
  add(1, false);
  add(2, true);
  EXPECT_TRUE(assembler.has_root());
  const auto works = assembler.take_with_root();
  ASSERT_EQ(works.size(), 1u);
  EXPECT_EQ(works[0].trace_id, trace_id(2));
  EXPECT_FALSE(assembler.has_root());
  EXPECT_EQ(assembler.traces(), 1u);
}

TEST_F(AssemblerTest, ABusyTracesLateRootIsNotARootThatCanGo) {
  add(1, false);
  ASSERT_TRUE(assembler.take_soonest());
  add(1, true);
  EXPECT_FALSE(assembler.has_root());
  EXPECT_TRUE(assembler.take_with_root().empty());
}

TEST_F(AssemblerTest, TakesTheSoonestWhenMemoryIsNeeded) {
  add(1, false);
  clock.advance(seconds(1));
  add(2, true);
  EXPECT_EQ(assembler.next_ready(), clock.steady() + seconds(2));
  EXPECT_EQ(assembler.take_soonest()->trace_id, trace_id(2));
  EXPECT_EQ(assembler.take_soonest()->trace_id, trace_id(1));
  EXPECT_FALSE(assembler.take_soonest());
}

class AssemblerOfLargeTracesTest : public AssemblerTest {
 protected:
  // Parts of 100 bytes each, at positions 1, 2, …; three fit into a piece.
  void add_part(bool root, std::optional<RecentTrace> known = std::nullopt) {
    StoredRecord stored;
    stored.sequence = ++sequence_;
    stored.position = {1, sequence_};
    stored.record.accepted_at = clock.wall();
    stored.record.link = link_of('a');
    stored.record.slice = {trace_id(1), 1, root, std::string(100, 'x'), {}, {}};
    large.add(stored, known, {.link = link_of('a')});
  }
  static std::vector<std::uint64_t> offsets(const TraceWork& work) {
    std::vector<std::uint64_t> all;
    for (const Part& part : work.parts) all.push_back(part.position.offset);
    return all;
  }
  // Of the next piece, which is then finished.
  std::vector<std::uint64_t> next_piece() {
    const auto works = large.take_ready(true);
    if (works.size() != 1) return {};
    EXPECT_EQ(works.front().bytes, works.front().parts.size() * 100);
    large.finished(trace_id(1));
    return offsets(works.front());
  }
  using Offsets = std::vector<std::uint64_t>;

  Assembler large{{.trace_grace = seconds(2), .trace_idle = minutes(10), .max_trace_bytes = 300},
                  clock};

 private:
  std::uint64_t sequence_ = 0;
};

TEST_F(AssemblerOfLargeTracesTest, APieceIsReadyAsSoonAsItIsFull) {
  for (int n = 0; n < 3; ++n) add_part(false);
  EXPECT_FALSE(large.take_ready(true).size());
  add_part(false);
  EXPECT_EQ(next_piece(), (Offsets{1, 2, 3}));
  EXPECT_EQ(next_piece(), (Offsets{4}));
  EXPECT_EQ(large.records(), 0u);
  EXPECT_EQ(large.pieces(), 2u);
}

TEST_F(AssemblerOfLargeTracesTest, ThePartWithTheRootGoesInTheFirstPiece) {
  for (int n = 0; n < 6; ++n) add_part(false);
  add_part(true);
  EXPECT_EQ(next_piece(), (Offsets{1, 2, 7}));
  EXPECT_EQ(next_piece(), (Offsets{3, 4, 5}));
  EXPECT_EQ(next_piece(), (Offsets{6}));
}

TEST_F(AssemblerOfLargeTracesTest, OnePieceAtATime) {
  for (int n = 0; n < 5; ++n) add_part(n == 0);
  auto works = large.take_ready(true);
  ASSERT_EQ(works.size(), 1u);
  EXPECT_TRUE(works.front().in_pieces);
  EXPECT_EQ(large.records(), 2u);
  clock.advance(minutes(20));
  EXPECT_TRUE(large.take_ready(true).empty());
  large.finished(trace_id(1));
  works = large.take_ready(true);
  ASSERT_EQ(works.size(), 1u);
  EXPECT_TRUE(works.front().in_pieces);
  EXPECT_TRUE(works.front().root_seen) << "a drain does not leave it behind";
}

TEST_F(AssemblerOfLargeTracesTest, APieceThatComesBackMeetsTheRest) {
  for (int n = 0; n < 5; ++n) add_part(false);
  auto works = large.take_ready(true);
  ASSERT_EQ(works.size(), 1u);
  large.put_back(std::move(works.front()));
  EXPECT_EQ(large.records(), 5u);
  EXPECT_EQ(next_piece(), (Offsets{1, 2, 3}));
  EXPECT_EQ(next_piece(), (Offsets{4, 5}));
}

TEST_F(AssemblerOfLargeTracesTest, OneRecordThatIsLargerGoesAlone) {
  Assembler small{{.max_trace_bytes = 10}, clock};
  StoredRecord stored;
  stored.record.slice = {trace_id(1), 1, true, std::string(100, 'x'), {}, {}};
  small.add(stored, std::nullopt, {});
  const auto works = small.take_ready(true);
  ASSERT_EQ(works.size(), 1u);
  EXPECT_FALSE(works.front().in_pieces);
  EXPECT_EQ(small.records(), 0u);
}

TEST_F(AssemblerOfLargeTracesTest, ManySmallAttributesTakeMoreThanTheirBytes) {
  std::string span;
  for (int i = 0; i < 20; ++i) protozero::pbf_writer(span).add_bytes(9, "");
  std::string otlp = span;
  for (const std::uint32_t field : {2u, 2u, 1u}) {  // spans, scope spans, resource spans
    std::string outer;
    protozero::pbf_writer(outer).add_bytes(field, otlp);
    otlp = outer;
  }
  StoredRecord stored;
  stored.record.slice = {trace_id(1), 1, true, otlp, {}, {}};
  large.add(stored, std::nullopt, {});
  const auto works = large.take_ready(true);
  ASSERT_EQ(works.size(), 1u);
  EXPECT_EQ(works.front().bytes, otlp.size());
  EXPECT_EQ(works.front().cost, (20 + 3) * kMessageCost);
}

TEST_F(AssemblerTest, AnEarlierPartThatComesBackIsTheFirstAgain) {
  add(1, true, {.link = 'b'});
  add(1, false, {.link = 'c', .earlier = 2});
  clock.advance(seconds(2));
  const auto works = assembler.take_ready(true);
  ASSERT_EQ(works.size(), 1u);
  EXPECT_EQ(works[0].group.link, link_of('c'));
  EXPECT_EQ(works[0].accepted_link, link_of('c'));
  EXPECT_EQ(works[0].sequence, 0u);
  EXPECT_TRUE(std::ranges::is_sorted(works[0].parts, {}, &Part::sequence));
  EXPECT_TRUE(works[0].is_mixed);
}

TEST_F(AssemblerTest, AStrongerNamingStaysWhenAnEarlierPartComesBack) {
  add(1, true, {.link = 'b', .choice = {.link = {}, .rank = LinkRank::root_resource}});
  add(1, false, {.link = 'c', .earlier = 2});
  EXPECT_EQ(assembler.accepted_link(trace_id(1), 9), link_of('c'));
  clock.advance(seconds(2));
  const auto works = assembler.take_ready(true);
  ASSERT_EQ(works.size(), 1u);
  EXPECT_EQ(works[0].group.link, link_of('b'));
}

// Read alone it would be of another group, whatever it follows now.
TEST_F(AssemblerTest, WhatFollowsTheLinkOfItsTraceMakesItMixedToo) {
  add(1, true, {.link = 'b'});
  clock.advance(seconds(2));
  auto works = assembler.take_ready(true);
  ASSERT_EQ(works.size(), 1u);
  add(1, false, {.link = 'a', .known = RecentTrace{.link = link_of('b')}});
  assembler.forget(works[0]);
  EXPECT_EQ(works[0].group.link, link_of('b'));
  EXPECT_EQ(works[0].parts.size(), 2u);
  EXPECT_TRUE(works[0].is_mixed);
}

TEST_F(AssemblerTest, PartsOfOneGroupAreNotMixed) {
  add(1, true);
  add(1, false);
  clock.advance(seconds(2));
  EXPECT_FALSE(assembler.take_ready(true).at(0).is_mixed);
}

}  // namespace
}  // namespace tracelink
