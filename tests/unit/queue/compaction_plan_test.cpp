#include "daemon/queue/compaction_plan.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace tracelink {
namespace {

constexpr MovePolicy kPolicy{
    .live_eighths = 2, .min_gain_bytes = 100, .max_bytes = 1600, .overhead_bytes = 10};

MoveCandidate segment(std::uint64_t charged, std::uint64_t live) {
  return {.movable = true, .charged_bytes = charged, .moved_bytes = live};
}
std::optional<MoveRun> choose(const std::vector<MoveCandidate>& segments,
                              const MovePolicy& policy = kPolicy) {
  return choose_move(segments, policy);
}

TEST(CompactionPlan, MovesNothingThatIsMostlyLive) {
  EXPECT_EQ(choose({segment(1000, 1000), segment(1000, 260)}), std::nullopt);
}

TEST(CompactionPlan, MovesSparseNeighboursTogether) {
  const auto run = choose({segment(1000, 900), segment(1000, 50), segment(1000, 250)});
  EXPECT_EQ(run, (MoveRun{.begin = 1, .end = 3, .gain_bytes = 1690}));
}

TEST(CompactionPlan, DoesNotReachOverASegmentThatStays) {
  auto open = segment(1000, 10);
  open.movable = false;
  const auto run = choose({segment(1000, 200), open, segment(1000, 100)});
  EXPECT_EQ(run, (MoveRun{.begin = 2, .end = 3, .gain_bytes = 890}));
}

TEST(CompactionPlan, TheNewSegmentHasABoundOfItsOwn) {
  const std::vector<MoveCandidate> segments(10, segment(2000, 500));
  EXPECT_EQ(choose(segments), (MoveRun{.begin = 0, .end = 3, .gain_bytes = 4490}));
  EXPECT_EQ(choose({segment(9000, 2000)}), (MoveRun{.begin = 0, .end = 1, .gain_bytes = 6990}));
}

TEST(CompactionPlan, AGainThatIsTooSmallIsNone) {
  EXPECT_EQ(choose({segment(120, 20)}), std::nullopt);
  EXPECT_TRUE(choose({segment(120, 5)}));
}

TEST(CompactionPlan, AFullSegmentIsCopiedOnlyWithAsMuchElse) {
  EXPECT_EQ(choose({segment(400, 390), segment(1000, 50)}),
            (MoveRun{.begin = 1, .end = 2, .gain_bytes = 940}));
  EXPECT_EQ(choose({segment(60, 50), segment(1000, 50)}),
            (MoveRun{.begin = 0, .end = 2, .gain_bytes = 950}));
}

TEST(CompactionPlan, ManySmallFilesBecomeOne) {
  EXPECT_EQ(choose(std::vector<MoveCandidate>(7, segment(50, 40))), std::nullopt);
  EXPECT_EQ(choose(std::vector<MoveCandidate>(8, segment(50, 40))),
            (MoveRun{.begin = 0, .end = 8, .gain_bytes = 70}));
}

// Each comes with as much that is live, for a while; every copy is counted.
TEST(CompactionPlan, ARecordIsCopiedALogarithmicNumberOfTimes) {
  std::vector<MoveCandidate> segments;
  std::uint64_t copied = 0;
  const MovePolicy policy{
      .live_eighths = 2, .min_gain_bytes = 100, .max_bytes = 1 << 20, .overhead_bytes = 10};
  for (int i = 0; i < 1024; ++i) {
    segments.push_back(segment(1000, 10));
    const auto run = choose(segments, policy);
    ASSERT_TRUE(run);
    std::uint64_t moved = 0;
    for (std::size_t at = run->begin; at < run->end; ++at) moved += segments[at].moved_bytes;
    copied += moved;
    const auto begin = segments.begin() + static_cast<std::ptrdiff_t>(run->begin);
    segments.erase(begin, segments.begin() + static_cast<std::ptrdiff_t>(run->end));
    segments.insert(segments.begin() + static_cast<std::ptrdiff_t>(run->begin),
                    segment(moved + 10, moved));
  }
  EXPECT_LE(segments.size(), 11u);
  EXPECT_LE(copied, 1024u * 10 * 11);
}

TEST(CompactionPlan, NothingIsMovedTwiceForNothing) {
  EXPECT_EQ(
      choose({segment(1010, 1000)},
             {.live_eighths = 7, .min_gain_bytes = 100, .max_bytes = 1600, .overhead_bytes = 10}),
      std::nullopt);
}

}  // namespace
}  // namespace tracelink
