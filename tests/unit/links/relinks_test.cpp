#include "daemon/links/relinks.hpp"

#include <gtest/gtest.h>

#include "tests/support/fake_file_system.hpp"
#include "tests/support/trace_record.hpp"

namespace tracelink {
namespace {

using Crash = FakeFileSystem::Crash;

constexpr const char* kFile = "/models/relinks.json";

class RelinksTest : public testing::Test {
 protected:
  RelinksTest() { open(); }
  void open() {
    relinks = std::make_unique<Relinks>(fs, kFile);
    const auto loaded = relinks->load();
    ASSERT_TRUE(loaded) << loaded.error().message;
  }
  static WallTime at(int seconds) { return WallTime(std::chrono::seconds(seconds)); }
  bool relink(char from, char to, int seconds) {
    const auto before = static_cast<std::uint64_t>(seconds) * 10 + 1;
    return relinks->add({link_of(from), link_of(to), at(seconds), before}).has_value();
  }
  char resolved(char link, const Relinks::Acceptance& accepted) const {
    return static_cast<char>(relinks->resolve(link_of(link), accepted).bytes[0]);
  }
  // Accepted at that second, ten records a second.
  char resolved(char link, int second) const {
    return resolved(link, {static_cast<std::uint64_t>(10 * second), at(second)});
  }

  FakeFileSystem fs;
  std::unique_ptr<Relinks> relinks;
};

TEST_F(RelinksTest, WhatWasAcceptedBeforeGetsTheNewLink) {
  ASSERT_TRUE(relink('a', 'b', 10));
  EXPECT_EQ(resolved('a', 9), 'b');
  EXPECT_EQ(resolved('a', 10), 'b');
  EXPECT_EQ(resolved('a', 11), 'a') << "accepted later: the configuration's word";
  EXPECT_EQ(resolved('x', 9), 'x');
}

TEST_F(RelinksTest, AChainIsFollowedToItsEnd) {
  ASSERT_TRUE(relink('a', 'b', 10));
  ASSERT_TRUE(relink('b', 'c', 20));
  EXPECT_EQ(resolved('a', 5), 'c');
  EXPECT_EQ(resolved('b', 15), 'c');
}

TEST_F(RelinksTest, ALaterDecisionUndoesAnEarlierOne) {
  ASSERT_TRUE(relink('a', 'b', 10));
  ASSERT_TRUE(relink('b', 'a', 20));
  EXPECT_EQ(resolved('a', 5), 'a');
}

TEST_F(RelinksTest, AnEarlierDecisionDoesNotTouchWhatALaterOneBrings) {
  ASSERT_TRUE(relink('a', 'b', 10));
  ASSERT_TRUE(relink('c', 'a', 20));
  EXPECT_EQ(resolved('c', 5), 'a');
  EXPECT_EQ(resolved('a', 25), 'a') << "fixed after both";
}

TEST_F(RelinksTest, WhatWasAcceptedBeforeIsToldBySequencesWhateverTheClockWasSetTo) {
  ASSERT_TRUE(relink('a', 'b', 10));
  EXPECT_EQ(resolved('a', {100, at(90'000)}), 'b')
      << "accepted before, under a clock that was fast";
  EXPECT_EQ(resolved('a', {101, at(1)}), 'a') << "accepted after, under a clock that was slow";
}

TEST_F(RelinksTest, WhatWasAcceptedUnderAnUnknownSequenceGoesByTime) {
  ASSERT_TRUE(relink('a', 'b', 10));
  EXPECT_EQ(resolved('a', {0, at(10)}), 'b');
  EXPECT_EQ(resolved('a', {0, at(11)}), 'a');
}

TEST_F(RelinksTest, AnOldDecisionWithoutASequenceGoesByTime) {
  ASSERT_TRUE(relinks->add({link_of('a'), link_of('b'), at(10), 0}));
  EXPECT_EQ(resolved('a', {500, at(10)}), 'b');
  EXPECT_EQ(resolved('a', {5, at(11)}), 'a');
}

TEST_F(RelinksTest, DecisionsLastOverAPowerCut) {
  ASSERT_TRUE(relink('a', 'b', 10));
  ASSERT_TRUE(relink('b', 'c', 20));
  fs.crash();
  open();
  EXPECT_EQ(resolved('a', 5), 'c');
  EXPECT_EQ(relinks->all().size(), 2u);
  EXPECT_TRUE(relinks->take_notices().empty());
}

TEST_F(RelinksTest, ADamagedFileIsSetAsideAndSaid) {
  ASSERT_TRUE(relink('a', 'b', 10));
  const std::string whole = fs.content(kFile);
  for (std::size_t byte = 0; byte < whole.size(); ++byte) {
    std::string damaged = whole;
    damaged[byte] = static_cast<char>(damaged[byte] ^ 1);
    fs.set_content(kFile, damaged);
    open();
    const bool harmless =
        relinks->all() == std::vector<Relink>{{link_of('a'), link_of('b'), at(10), 101}};
    EXPECT_EQ(relinks->take_notices().size(), harmless ? 0u : 1u) << "byte " << byte;
    EXPECT_TRUE(harmless || relinks->all().empty()) << "byte " << byte;
  }
}

TEST_F(RelinksTest, AnAnsweredDecisionIsThereAndAFailedOneIsNotUsed) {
  for (const bool power_cut : {false, true}) {
    for (std::uint64_t n = 0;; ++n) {
      SCOPED_TRACE("operation " + std::to_string(n));
      fs.crash();
      ASSERT_TRUE(fs.remove(kFile) && fs.sync_directory("/models"));
      open();
      ASSERT_TRUE(relink('a', 'b', 10));
      power_cut ? fs.lose_power_at(n) : fs.fail_operation(n);
      const bool done = relink('b', 'c', 20);
      EXPECT_EQ(resolved('a', 5), done ? 'c' : 'b');
      const bool fired = fs.fired();
      fs.crash(power_cut ? Crash::keep_some : Crash::keep_all, static_cast<std::uint32_t>(n));
      open();
      EXPECT_TRUE(resolved('a', 5) == 'c' || (!done && resolved('a', 5) == 'b'));
      if (!fired || HasFailure()) break;
    }
  }
}

}  // namespace
}  // namespace tracelink
