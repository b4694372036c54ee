#include "daemon/destination/file/day_file.hpp"

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/fake_file_system.hpp"

namespace tracelink {
namespace {

class DayFileTest : public ::testing::Test {
 protected:
  Result<void> try_open() {
    auto opened = DayFile::open(fs, kPath);
    if (!opened) return std::move(opened).error();
    file = *std::move(opened);
    return {};
  }
  void open() { ASSERT_TRUE(try_open()); }
  std::string content() { return fs.content(kPath); }

  const std::filesystem::path kPath = "/archive/traces-2026-11-23.jsonl";
  FakeFileSystem fs;
  std::unique_ptr<DayFile> file;
};

TEST_F(DayFileTest, GrowsByLinesThatSurviveACrash) {
  open();
  ASSERT_TRUE(file->append("one\n"));
  ASSERT_TRUE(file->append("two\nthree\n"));
  EXPECT_EQ(file->bytes(), 14u);
  fs.crash();
  open();
  EXPECT_EQ(content(), "one\ntwo\nthree\n");
  EXPECT_EQ(file->bytes(), 14u);
}

TEST_F(DayFileTest, CutsATornLineOff) {
  fs.set_content(kPath, "one\ntw");
  open();
  EXPECT_EQ(file->bytes(), 4u);
  ASSERT_TRUE(file->append("two\n"));
  EXPECT_EQ(content(), "one\ntwo\n");
}

TEST_F(DayFileTest, ATornFirstLineLeavesNothing) {
  fs.set_content(kPath, "on");
  open();
  EXPECT_EQ(file->bytes(), 0u);
  EXPECT_EQ(content(), "");
}

TEST_F(DayFileTest, FindsTheEndOfTheLastWholeLineBehindALongTornOne) {
  fs.set_content(kPath, "one\n" + std::string(200'000, 'x'));
  open();
  EXPECT_EQ(content(), "one\n");
}

TEST_F(DayFileTest, AFailedAppendLeavesNothingOfItsLines) {
  open();
  ASSERT_TRUE(file->append("one\n"));
  fs.fail_operation(0);
  EXPECT_FALSE(file->append("2\n3\n4\n5\n6\n7\n"));
  EXPECT_EQ(content(), "one\n");
}

TEST_F(DayFileTest, AFailedSyncLeavesNothingOfItsLines) {
  open();
  ASSERT_TRUE(file->append("one\n"));
  fs.fail_operation(1);
  EXPECT_FALSE(file->append("two\n"));
  EXPECT_EQ(content(), "one\n");
  open();
  ASSERT_TRUE(file->append("two\n"));
  fs.crash();
  EXPECT_EQ(content(), "one\ntwo\n");
}

TEST_F(DayFileTest, EveryFailureOfOpenIsAnError) {
  for (std::uint64_t n = 0; n < 4; ++n) {
    fs.fail_operation(n);
    EXPECT_FALSE(try_open()) << n;
    ASSERT_TRUE(fs.remove(kPath));
  }
}

}  // namespace
}  // namespace tracelink
