#include "daemon/queue/quarantine.hpp"

#include <gtest/gtest.h>

#include "tests/support/fake_file_system.hpp"

namespace tracelink {
namespace {

struct QuarantineTest : testing::Test {
  QuarantineTest() {
    std::string bytes(1u << 20, 'a');
    for (std::size_t at = 0; at < bytes.size(); ++at) bytes[at] = static_cast<char>(at % 251);
    fs.set_content("/s", std::move(bytes));
    source = *fs.open_read_only("/s");
  }
  std::vector<std::string> names() const {
    const auto names = fs.list("/quarantine");
    return *names;
  }

  FakeFileSystem fs;
  std::unique_ptr<File> source;
  Quarantine quarantine{fs, "/quarantine", 1u << 20};
};

TEST_F(QuarantineTest, CopiesPieceByPieceOnce) {
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(quarantine.copy("a", *source, 100, 600'000));
  EXPECT_EQ(fs.content("/quarantine/a"), fs.content("/s").substr(100, 600'000));
  EXPECT_EQ(quarantine.files(), 1u);
  EXPECT_EQ(quarantine.bytes(), 600'000u);
  EXPECT_EQ(fs.read_bytes(), 600'000u);
}

TEST_F(QuarantineTest, ReadsNothingOfWhatHasNoPlace) {
  ASSERT_TRUE(quarantine.copy("a", *source, 0, 600'000));
  ASSERT_TRUE(quarantine.copy("b", *source, 0, 600'000));
  ASSERT_TRUE(quarantine.copy("c", *source, 0, UINT64_MAX));
  EXPECT_EQ(names(), std::vector<std::string>{"a"});
  EXPECT_EQ(fs.read_bytes(), 600'000u);
}

// A rename to another file system fails.
TEST_F(QuarantineTest, WhatCannotBeRenamedIsMovedByACopy) {
  fs.set_content("/links/a", "damaged");
  fs.fail_operation(2);
  ASSERT_TRUE(quarantine.set_aside("/links/a"));
  EXPECT_TRUE(fs.fired());
  EXPECT_EQ(fs.content("/quarantine/a"), "damaged");
  EXPECT_FALSE(*fs.exists("/links/a"));
  EXPECT_EQ(quarantine.bytes(), 7u);
  fs.crash();
  EXPECT_EQ(fs.content("/quarantine/a"), "damaged");
}

TEST_F(QuarantineTest, AFailureAtAnyStepLeavesNothingButTheNextTry) {
  for (std::uint64_t n = 0;; ++n) {
    ASSERT_LT(n, 20u);
    const auto name = std::to_string(n);
    fs.fail_operation(n);
    const auto copied = quarantine.copy(name, *source, 0, 1000);
    const bool fired = fs.fired();
    fs.crash(FakeFileSystem::Crash::keep_all);
    source = *fs.open_read_only("/s");
    if (!fired) break;
    EXPECT_FALSE(copied);
    ASSERT_TRUE(quarantine.copy(name, *source, 0, 1000));
    EXPECT_EQ(fs.content("/quarantine/" + name).size(), 1000u);
  }
  for (const auto& name : names()) EXPECT_FALSE(name.ends_with(".tmp")) << name;
}

}  // namespace
}  // namespace tracelink
