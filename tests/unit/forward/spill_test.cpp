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

}  // namespace
}  // namespace tracelink
