#include "daemon/app/tap.hpp"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.hpp"

namespace tracelink {
namespace {

class TapTest : public testing::Test {
 protected:
  static std::vector<Record> records(std::size_t count, std::size_t bytes = 3) {
    std::vector<Record> all(count);
    for (Record& record : all) record.slice.otlp = std::string(bytes, 'x');
    return all;
  }
  void accept(std::size_t count, std::size_t bytes = 3) {
    for (const Record& record : records(count, bytes)) tap.add(tap.batch_of({record}));
  }
  static std::vector<std::uint64_t> numbers(const Tap::View& view) {
    std::vector<std::uint64_t> all;
    for (const auto& entry : view.entries) all.push_back(entry->number);
    return all;
  }

  FakeClock clock;
  Tap tap{clock};
};

using Numbers = std::vector<std::uint64_t>;

TEST_F(TapTest, KeepsNothingWhileNobodyWatches) {
  accept(3);
  EXPECT_EQ(tap.after(std::nullopt).next, 3u);
  accept(1);
  clock.advance(std::chrono::seconds(11));
  accept(5);
  const Tap::View view = tap.after(3);
  EXPECT_EQ(view.entries.size(), 0u);
  EXPECT_EQ(view.lost, 6u) << "nobody had asked for ten seconds";
  EXPECT_EQ(view.next, 9u);
}

TEST_F(TapTest, ShowsWhatCameSinceTheLastLook) {
  (void)tap.after(std::nullopt);
  accept(3);
  const Tap::View first = tap.after(0);
  EXPECT_EQ(numbers(first), (Numbers{1, 2, 3}));
  EXPECT_EQ(first.entries[0]->otlp, "xxx");
  EXPECT_EQ(tap.after(first.next).entries.size(), 0u);
  accept(1);
  EXPECT_EQ(numbers(tap.after(first.next)), Numbers{4});
  EXPECT_EQ(numbers(tap.after(first.next)), Numbers{4}) << "each viewer asks for itself";
}

TEST_F(TapTest, WhoAsksTooLateIsToldHowMuchIsGone) {
  (void)tap.after(std::nullopt);
  accept(1003);
  Tap::View view = tap.after(0);
  EXPECT_EQ(view.lost, 3u);
  EXPECT_EQ(view.entries.size(), 100u);
  std::size_t shown = 0;
  while (!view.entries.empty()) {
    shown += view.entries.size();
    view = tap.after(view.next);
    EXPECT_EQ(view.lost, 0u);
  }
  EXPECT_EQ(shown, 1000u);
}

TEST_F(TapTest, SpansHaveABoundInBytes) {
  (void)tap.after(std::nullopt);
  accept(1, (256u << 10) + 1);
  EXPECT_EQ(tap.after(0).entries.at(0)->otlp, "") << "too large to be kept";
  accept(20, 256u << 10);
  const Tap::View view = tap.after(0);
  EXPECT_EQ(view.lost, 5u) << "sixteen of 256 KiB are four MiB";
  EXPECT_EQ(view.entries.size(), 4u) << "and four are one answer";
}

TEST_F(TapTest, WhatHoldsNothingTakesNothingAway) {
  (void)tap.after(std::nullopt);
  accept(2);
  tap.add({});
  EXPECT_EQ(numbers(tap.after(0)), (Numbers{1, 2}));
}

TEST_F(TapTest, ANumberOfAnEarlierProcessBeginsAnew) {
  (void)tap.after(std::nullopt);
  accept(2);
  EXPECT_EQ(numbers(tap.after(500)), (Numbers{1, 2}));
}

}  // namespace
}  // namespace tracelink
