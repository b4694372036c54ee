#include "daemon/queue/quarantine.hpp"

#include <gtest/gtest.h>

#include "daemon/base/posix_file_system.hpp"
#include "tests/support/fake_file_system.hpp"
#include "tests/support/temp_directory.hpp"

namespace tracelink {
namespace {

struct QuarantineTest : testing::Test {
  std::vector<std::string> names() const {
    const auto names = fs.list("/quarantine");
    return *names;
  }

  FakeFileSystem fs;
  Quarantine quarantine{fs, "/quarantine", 1u << 20};
};

const std::string& damage() {
  static const std::string bytes = [] {
    std::string made(600'000, 'a');
    for (std::size_t at = 0; at < made.size(); ++at) made[at] = static_cast<char>(at % 251);
    return made;
  }();
  return bytes;
}

TEST_F(QuarantineTest, KeepsTheSameDamageOnce) {
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(quarantine.keep("a", damage()));
  EXPECT_EQ(fs.content("/quarantine/a"), damage());
  EXPECT_EQ(quarantine.files(), 1u);
  EXPECT_EQ(quarantine.bytes(), 600'000u);
}

TEST_F(QuarantineTest, KeepsNothingThatHasNoPlace) {
  ASSERT_TRUE(quarantine.keep("a", damage()));
  ASSERT_TRUE(quarantine.keep("b", damage()));
  EXPECT_EQ(names(), std::vector<std::string>{"a"});
  EXPECT_EQ(quarantine.bytes(), 600'000u);
}

TEST_F(QuarantineTest, ADirectoryThatSomebodyRemovedIsMadeAgain) {
  const TempDirectory state;
  PosixFileSystem disk;
  Quarantine kept(disk, state.path() / "quarantine", 1u << 20);
  const auto done = kept.keep("a", "damage");
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(*read_file(disk, state.path() / "quarantine" / "a"), "damage");
  std::filesystem::remove_all(state.path() / "quarantine");
  ASSERT_TRUE(write_file_durably(disk, state.path() / "link", "a link"));
  EXPECT_TRUE(kept.set_aside(state.path() / "link"));
}

// A rename to another file system fails.
TEST_F(QuarantineTest, WhatCannotBeRenamedIsMovedByACopyPieceByPiece) {
  fs.set_content("/links/a", damage());
  fs.fail_operation(4);
  ASSERT_TRUE(quarantine.set_aside("/links/a"));
  EXPECT_TRUE(fs.fired());
  EXPECT_EQ(fs.content("/quarantine/a"), damage());
  EXPECT_FALSE(*fs.exists("/links/a"));
  EXPECT_EQ(quarantine.bytes(), 600'000u);
  fs.crash();
  EXPECT_EQ(fs.content("/quarantine/a"), damage());
}

TEST_F(QuarantineTest, AFailureAtAnyStepLeavesNothingButTheNextTry) {
  for (std::uint64_t n = 0;; ++n) {
    ASSERT_LT(n, 20u);
    const auto name = std::to_string(n);
    fs.fail_operation(n);
    const auto kept = quarantine.keep(name, damage().substr(0, 1000));
    const bool fired = fs.fired();
    fs.crash(FakeFileSystem::Crash::keep_all);
    if (!fired) break;
    EXPECT_FALSE(kept);
    ASSERT_TRUE(quarantine.keep(name, damage().substr(0, 1000)));
    EXPECT_EQ(fs.content("/quarantine/" + name).size(), 1000u);
  }
  for (const auto& name : names()) EXPECT_FALSE(name.ends_with(".tmp")) << name;
}

}  // namespace
}  // namespace tracelink
