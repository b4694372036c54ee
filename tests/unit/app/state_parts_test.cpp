#include "daemon/app/state_parts.hpp"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.hpp"
#include "tests/support/temp_directory.hpp"

namespace tracelink {
namespace {

namespace fs = std::filesystem;

class StatePartsTest : public testing::Test {
 protected:
  StatePartsTest() { fs::create_directories(queue_); }
  std::vector<std::string> held() {
    std::vector<std::string> paths;
    for (const HeldFile& file : held_.list()) paths.push_back(file.path);
    return paths;
  }

  const TempDirectory base_;
  const fs::path state_ = base_.file("state");
  const fs::path queue_ = state_ / "queue";
  const std::vector<std::string> none_;
  FakeClock clock_;
  HeldFiles held_{clock_};
  StateParts parts_{state_};
};

TEST_F(StatePartsTest, ADirectoryThatWasReplacedSaysNothingAboutItsFiles) {
  parts_.note();
  EXPECT_TRUE(parts_.check(queue_ / "checkpoint"));
  fs::rename(queue_, base_.file("away"));
  EXPECT_EQ(parts_.check(queue_ / "checkpoint").error().code, ErrorCode::io);
  fs::create_directory(queue_);
  EXPECT_FALSE(parts_.check(queue_)) << "another one does not do";
  EXPECT_TRUE(parts_.check(state_ / "models" / "links")) << "the others go on";
  EXPECT_TRUE(parts_.check(state_ / "queue-2"));
  parts_.tell(held_);
  EXPECT_EQ(held(), std::vector<std::string>{queue_.string() + "/"});

  fs::remove(queue_);
  fs::rename(base_.file("away"), queue_);
  EXPECT_TRUE(parts_.check(queue_ / "checkpoint")) << "it is back";
  parts_.tell(held_);
  EXPECT_EQ(held(), none_);
}

TEST_F(StatePartsTest, WhatCannotBeLookedAtYetIsNotMissed) {
  fs::create_symlink(state_ / "volume", state_ / "models");
  parts_.note();
  EXPECT_TRUE(parts_.check(state_ / "models" / "active.json"));
  fs::create_directory(state_ / "volume");
  parts_.note();
  EXPECT_TRUE(parts_.check(state_ / "models" / "active.json"));
  fs::remove(state_ / "volume");
  EXPECT_FALSE(parts_.check(state_ / "models" / "active.json"));
}

TEST_F(StatePartsTest, WhileOneDiskKeepsALookWaitingTheOthersAreAskedFor) {
  fs::create_directory(state_ / "dead-letters");
  int looks = 0;
  std::optional<StateParts> parts;
  parts.emplace(state_, [&](const fs::path& path) {
    if (path != queue_) {
      ++looks;
      EXPECT_TRUE(parts->check(queue_ / "checkpoint"));
    }
    return StateParts::identity_of(path);
  });
  parts->note();
  EXPECT_EQ(looks, 2);
  parts->tell(held_);
  EXPECT_EQ(looks, 3);
}

TEST_F(StatePartsTest, OnlyItsOwnFilesAreReleased) {
  parts_.note();
  held_.hold(StateFile::directory, queue_.string(), Error{}, [] { return Result<void>(); });
  parts_.tell(held_);
  EXPECT_EQ(held(), std::vector<std::string>{queue_.string()});
}

}  // namespace
}  // namespace tracelink
