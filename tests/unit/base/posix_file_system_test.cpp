#include "daemon/base/posix_file_system.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/temp_directory.hpp"

namespace tracelink {
namespace {

class PosixFileSystemTest : public testing::Test {
 protected:
  std::string content(const std::filesystem::path& path) {
    const auto bytes = read_file(fs_, path);
    return bytes ? *bytes : bytes.error().message;
  }

  PosixFileSystem fs_;
  const TempDirectory temporary_;
  const std::filesystem::path dir_ = temporary_.path();
};

TEST_F(PosixFileSystemTest, AppendsManyPiecesInOrder) {
  auto file = fs_.create(dir_ / "f");
  ASSERT_TRUE(file);
  std::vector<std::string> texts;
  std::string expected;
  for (int i = 0; i < 3000; ++i) expected += texts.emplace_back(std::to_string(i));
  const std::vector<std::string_view> pieces(texts.begin(), texts.end());
  ASSERT_TRUE((*file)->append(pieces));
  ASSERT_TRUE((*file)->append({}));
  ASSERT_TRUE((*file)->sync());
  EXPECT_EQ(content(dir_ / "f"), expected);
}

TEST_F(PosixFileSystemTest, CreateRefusesAFileThatIsThere) {
  ASSERT_TRUE(fs_.create(dir_ / "f"));
  const auto again = fs_.create(dir_ / "f");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::io);
  EXPECT_NE(again.error().message.find("/f"), std::string::npos);
}

TEST_F(PosixFileSystemTest, OpenAppendsBehindWhatIsThere) {
  ASSERT_TRUE(write_file_durably(fs_, dir_ / "f", "one"));
  auto file = fs_.open(dir_ / "f");
  ASSERT_TRUE(file);
  const std::string_view pieces[] = {"two"};
  ASSERT_TRUE((*file)->append(pieces));
  EXPECT_EQ(content(dir_ / "f"), "onetwo");
}

TEST_F(PosixFileSystemTest, ReadsShorterOnlyAtTheEnd) {
  ASSERT_TRUE(write_file_durably(fs_, dir_ / "f", "0123456789"));
  const auto file = fs_.open_read_only(dir_ / "f");
  ASSERT_TRUE(file);
  EXPECT_EQ(*(*file)->read_at(2, 3), "234");
  EXPECT_EQ(*(*file)->read_at(8, 5), "89");
  EXPECT_EQ(*(*file)->read_at(20, 5), "");
}

TEST_F(PosixFileSystemTest, PreallocateKeepsTheLength) {
  auto file = fs_.create(dir_ / "f");
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->preallocate(1 << 16));
  EXPECT_EQ(*(*file)->size(), 0u);
  ASSERT_TRUE((*file)->truncate(10));
  EXPECT_EQ(*(*file)->size(), 10u);
}

TEST_F(PosixFileSystemTest, WriteFileDurablyReplacesTheWhole) {
  ASSERT_TRUE(write_file_durably(fs_, dir_ / "f", "a long first content"));
  ASSERT_TRUE(write_file_durably(fs_, dir_ / "f", "short"));
  EXPECT_EQ(content(dir_ / "f"), "short");
  EXPECT_EQ(*fs_.list(dir_), std::vector<std::string>{"f"});
}

TEST_F(PosixFileSystemTest, OnlyARegularFileHasASize) {
  ASSERT_TRUE(write_file_durably(fs_, dir_ / "f", "12345"));
  ASSERT_EQ(::chmod((dir_ / "f").c_str(), 0), 0);
  EXPECT_EQ(*fs_.size_of(dir_ / "f"), 5u);
  std::filesystem::create_directory(dir_ / "d");
  std::filesystem::create_symlink("f", dir_ / "l");
  ASSERT_EQ(::mkfifo((dir_ / "p").c_str(), 0600), 0);
  for (const char* name : {"d", "l", "p", "none"}) {
    EXPECT_EQ(*fs_.size_of(dir_ / name), std::nullopt) << name;
  }
  EXPECT_FALSE(fs_.size_of(dir_ / "f" / "below"));
}

TEST_F(PosixFileSystemTest, MakesNestedPrivateDirectories) {
  ASSERT_TRUE(fs_.create_directories(dir_ / "a" / "b"));
  ASSERT_TRUE(fs_.create_directories(dir_ / "a" / "b"));
  EXPECT_EQ(std::filesystem::status(dir_ / "a" / "b").permissions(),
            std::filesystem::perms::owner_all);
}

TEST_F(PosixFileSystemTest, RemoveOfNothingSucceedsAndListIsSorted) {
  ASSERT_TRUE(fs_.remove(dir_ / "nothing"));
  ASSERT_TRUE(fs_.create(dir_ / "b"));
  ASSERT_TRUE(fs_.create(dir_ / "a"));
  EXPECT_EQ(*fs_.list(dir_), (std::vector<std::string>{"a", "b"}));
  EXPECT_FALSE(fs_.list(dir_ / "nothing"));
  EXPECT_GT(*fs_.free_bytes(dir_), 0u);
}

TEST_F(PosixFileSystemTest, WhatLiesInThePlaceOfAFileIsListedAndCannotBeRead) {
  ASSERT_TRUE(fs_.create_directories(dir_ / "directory"));
  std::filesystem::create_symlink(dir_ / "away", dir_ / "link");
  ASSERT_EQ(::mkfifo((dir_ / "pipe").c_str(), 0600), 0);
  const std::vector<std::string> names = {"directory", "link", "pipe"};
  EXPECT_EQ(*fs_.list(dir_), names);
  for (const std::string& name : names) {
    EXPECT_TRUE(*fs_.exists(dir_ / name)) << name;
    EXPECT_FALSE(read_file(fs_, dir_ / name)) << name;
  }
}

TEST_F(PosixFileSystemTest, OnlyWhatIsNotInItsDirectoryIsAbsent) {
  EXPECT_FALSE(*fs_.exists(dir_ / "nothing"));
  EXPECT_FALSE(*fs_.exists(dir_ / "no" / "such" / "place"));
  ASSERT_TRUE(fs_.create(dir_ / "file"));
  EXPECT_FALSE(fs_.exists(dir_ / "file" / "inside"));
  std::filesystem::create_symlink(dir_ / "volume", dir_ / "models");
  EXPECT_FALSE(fs_.exists(dir_ / "models" / "file")) << "the volume may hold it";
  EXPECT_FALSE(fs_.exists(dir_ / "models" / "links" / "file"));
}

TEST_F(PosixFileSystemTest, WhatCannotReserveBlocksIsUsedWithout) {
  const auto device = fs_.open("/dev/null");  // ENODEV
  ASSERT_TRUE(device);
  EXPECT_TRUE((*device)->preallocate(4096));
}

TEST_F(PosixFileSystemTest, WhatIsNoFileCannotBeReadAsOne) {
  ASSERT_EQ(::mkfifo((dir_ / "pipe").c_str(), 0600), 0);
  ASSERT_TRUE(fs_.create_directories(dir_ / "directory"));
  for (const char* name : {"pipe", "directory"}) {
    const auto file = fs_.open_read_only(dir_ / name);
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().code, ErrorCode::io);
    EXPECT_NE(file.error().message.find("not a regular file"), std::string::npos);
  }
}

}  // namespace
}  // namespace tracelink
