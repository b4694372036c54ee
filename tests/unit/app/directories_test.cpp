#include "daemon/app/directories.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/temp_directory.hpp"

namespace tracelink {
namespace {

namespace fs = std::filesystem;

class DirectoriesTest : public testing::Test {
 protected:
  fs::path at(const std::string& name) const { return base_.file(name); }
  static unsigned mode(const fs::path& path) {
    return static_cast<unsigned>(fs::status(path).permissions());
  }

 private:
  TempDirectory base_;
};

TEST_F(DirectoriesTest, ASocketsNewDirectoryLetsEverybodyLookForTheSocket) {
  const mode_t previous = ::umask(077);
  const auto made = make_socket_directory(at("new") / "s.sock");
  ::umask(previous);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(mode(at("new")), 0755u);
}

TEST_F(DirectoriesTest, WhatIsThereKeepsItsMode) {
  ASSERT_TRUE(make_private_directory(at("d")));
  EXPECT_EQ(mode(at("d")), 0700u);
  ASSERT_TRUE(make_socket_directory(at("d") / "s.sock"));
  EXPECT_EQ(mode(at("d")), 0700u);
}

TEST_F(DirectoriesTest, OnesOwnDirectoryIsMadePrivateAndUsedAgain) {
  ASSERT_TRUE(make_own_directory(at("own")));
  EXPECT_EQ(mode(at("own")), 0700u);
  ASSERT_TRUE(make_own_directory(at("own")));
}

TEST_F(DirectoriesTest, OnesOwnDirectoryIsRefusedIfOthersMayWriteToIt) {
  fs::create_directory(at("own"));
  fs::permissions(at("own"), fs::perms::owner_all | fs::perms::others_all);
  const auto made = make_own_directory(at("own"));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::rejected);
  EXPECT_NE(made.error().message.find(at("own").string()), std::string::npos);
}

TEST_F(DirectoriesTest, ALinkIsNotOnesOwnDirectory) {
  ASSERT_TRUE(make_private_directory(at("d")));
  fs::create_directory_symlink(at("d"), at("own"));
  EXPECT_FALSE(make_own_directory(at("own")));
}

TEST_F(DirectoriesTest, WhatIsNoDirectoryIsRefused) {
  ASSERT_EQ(::mkfifo(at("own").c_str(), 0700), 0);
  EXPECT_FALSE(make_own_directory(at("own")));
}

}  // namespace
}  // namespace tracelink
