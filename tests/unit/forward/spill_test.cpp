#include "daemon/forward/spill.hpp"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_random_source.hpp"
#include "tests/support/fake_source.hpp"
#include "tests/support/trace_record.hpp"

namespace tracelink {
namespace {

// A record that was moved lies behind later ones of its trace.
TEST(SpillTest, ARescanBeginsAtThePartThatLiesFirst) {
  FakeClock clock;
  FakeRandomSource random;
  FakeSource source;
  TraceWork work;
  for (std::uint64_t n = 0; n < 6; ++n) {
    source.append(trace_record(1, {TestSpan{.id = n + 1}}, clock.wall()));
    ASSERT_TRUE(source.next());
  }
  for (const std::uint64_t offset : {5u, 2u}) {
    Part part;
    part.position = {1, offset};
    work.parts.push_back(part);
  }
  Spill spill(source, clock, random);
  spill.put_flood(work);
  spill.advance(Backlog{}, {.window_records = 100}, false);
  const auto first = source.next();
  ASSERT_TRUE(first && *first);
  EXPECT_EQ((*first)->position, (Position{1, 2}));
}

// A trace that follows its trace aside (or seems to: the ids are in a filter) is of no flood that
// would bring it back.
class SpillOfOthersTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kSlice = 8'192;

  // The last `count` records, of no scope.
  void spill_others(std::size_t count) {
    TraceWork work;
    for (std::size_t n = 0; n < count; ++n) {
      Part part;
      part.position = source.append(trace_record(1, {TestSpan{.id = n + 1}}, clock.wall()));
      work.parts.push_back(part);
    }
    ASSERT_NO_FATAL_FAILURE(read_all());
    spill.put_held(work, {});
  }
  void read_all() {
    while (true) {
      const auto stored = source.next();
      ASSERT_TRUE(stored);
      if (!*stored) break;
      spill.note_read(**stored);
      if ((*stored)->again) spill.note_back({});
    }
    spill.note_end();
  }
  bool begins_again() {
    spill.advance(Backlog{}, {.window_records = 2 * kSlice}, false);
    return spill.is_scanning();
  }

  FakeClock clock;
  FakeRandomSource random;
  FakeSource source;
  Spill spill{source, clock, random};
};

TEST_F(SpillOfOthersTest, AFewComeBackASecondAfterTheLastGeneralRescan) {
  spill_others(1);
  ASSERT_TRUE(begins_again());
  read_all();
  ASSERT_TRUE(spill.empty());
  spill_others(kSlice);
  clock.advance(std::chrono::milliseconds(999));
  EXPECT_FALSE(begins_again());
  clock.advance(std::chrono::milliseconds(1));
  EXPECT_TRUE(begins_again());
}

TEST_F(SpillOfOthersTest, MoreThanASliceIsReadAgainOnceAMinute) {
  spill_others(1);
  ASSERT_TRUE(begins_again());
  read_all();
  spill_others(kSlice + 1);
  clock.advance(std::chrono::milliseconds(59'999));
  EXPECT_FALSE(begins_again());
  clock.advance(std::chrono::milliseconds(1));
  EXPECT_TRUE(begins_again());
}

}  // namespace
}  // namespace tracelink
