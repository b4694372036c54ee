#include "daemon/app/state_lock.hpp"

#include <gtest/gtest.h>

#include "daemon/base/posix_file_system.hpp"
#include "tests/support/temp_directory.hpp"

namespace tracelink {
namespace {

namespace fs = std::filesystem;

class StateLockTest : public testing::Test {
 protected:
  StateLockTest() { fs::create_directory(directory_); }
  StateLock acquire() {
    auto lock = StateLock::acquire(directory_);
    EXPECT_TRUE(lock) << lock.error().message;
    return *std::move(lock);
  }

  TempDirectory base_;
  const fs::path directory_ = base_.file("state");
};

TEST_F(StateLockTest, ASecondOneIsRejectedAlsoWithoutTheLockFile) {
  auto first = acquire();
  for (int n = 0; n < 2; ++n) {
    const auto second = StateLock::acquire(directory_);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::rejected);
    fs::remove(directory_ / "lock");
  }
  EXPECT_TRUE(first.check());
  EXPECT_TRUE(fs::exists(directory_ / "lock")) << "it is made again";
}

TEST_F(StateLockTest, ARemovedOrReplacedDirectoryIsNoticed) {
  auto lock = acquire();
  EXPECT_TRUE(lock.check());
  fs::rename(directory_, base_.file("away"));
  EXPECT_EQ(lock.check().error().code, ErrorCode::io);
  fs::create_directory(directory_);
  EXPECT_EQ(lock.check().error().code, ErrorCode::io);
  EXPECT_FALSE(fs::exists(directory_ / "lock"));
  fs::remove(directory_);
  fs::rename(base_.file("away"), directory_);
  EXPECT_TRUE(lock.check()) << "it is back";
}

TEST_F(StateLockTest, ALockFileThatAnotherProcessHoldsIsTold) {
  auto lock = acquire();
  fs::remove(directory_ / "lock");
  const auto other = FileLock::acquire((directory_ / "lock").string());
  ASSERT_TRUE(other);
  EXPECT_EQ(lock.check().error().code, ErrorCode::rejected);
}

TEST_F(StateLockTest, NothingIsStoredInADirectoryThatIsNotTheOneThatWasLocked) {
  auto lock = acquire();
  PosixFileSystem files;
  files.set_guard([&](const auto&) { return lock.check(); });
  auto file = files.create(directory_ / "f");
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->sync());
  fs::rename(directory_, base_.file("away"));
  fs::create_directory(directory_);
  EXPECT_FALSE((*file)->sync());
  EXPECT_FALSE(files.create(directory_ / "g"));
  EXPECT_FALSE(files.exists(directory_ / "f")) << "whether it is there is not known";
  fs::remove(directory_);
  fs::rename(base_.file("away"), directory_);
  EXPECT_TRUE((*file)->sync());
  fs::remove(directory_ / "f");
  EXPECT_FALSE((*file)->sync()) << "nobody would find it";
}

}  // namespace
}  // namespace tracelink
