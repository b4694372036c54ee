#include "daemon/base/listening_socket.hpp"

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/raw_client.hpp"
#include "tests/support/temp_directory.hpp"

namespace tracelink {
namespace {

class ListeningSocketTest : public testing::Test {
 protected:
  Result<ListeningSocket> open() { return ListeningSocket::open_unix(options()); }
  UnixSocketOptions options() const {
    UnixSocketOptions options;
    options.path = path();
    return options;
  }
  std::string path() const { return directory_.file("s"); }
  // A socket file that nobody listens on any more.
  void leave_stale_file() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path().c_str(), sizeof address.sun_path - 1);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ::close(fd);
  }
  bool exists() const { return std::filesystem::exists(path()); }

 private:
  TempDirectory directory_;
};

TEST_F(ListeningSocketTest, IsConnectableWithTheAskedModeAndLeavesNoFile) {
  auto wanted = options();
  wanted.mode = 0666;
  wanted.owner = std::to_string(::getuid());
  wanted.group = std::to_string(::getgid());
  {
    const auto socket = ListeningSocket::open_unix(wanted);
    ASSERT_TRUE(socket) << socket.error().message;
    struct stat status{};
    ASSERT_EQ(::stat(path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0666u);
    RawClient::connect_unix(path());
  }
  EXPECT_FALSE(exists());
}

TEST_F(ListeningSocketTest, ReplacesAStaleFile) {
  leave_stale_file();
  ASSERT_TRUE(exists());
  const auto socket = open();
  ASSERT_TRUE(socket) << socket.error().message;
  RawClient::connect_unix(path());
}

TEST_F(ListeningSocketTest, LeavesASocketThatSomebodyServes) {
  const auto socket = open();
  ASSERT_TRUE(socket);
  const auto locked = open();
  ASSERT_FALSE(locked);
  EXPECT_EQ(locked.error().code, ErrorCode::rejected);
  EXPECT_NE(locked.error().message.find("pid " + std::to_string(::getpid())), std::string::npos);

  std::filesystem::remove(path() + ".lock");  // served, but its lock is gone
  const auto answered = open();
  ASSERT_FALSE(answered);
  EXPECT_EQ(answered.error().code, ErrorCode::unavailable);
  RawClient::connect_unix(path());
}

TEST_F(ListeningSocketTest, WhatLiesInThePlaceOfTheLockFileIsNoObstacle) {
  std::filesystem::create_directory(path() + ".lock");  // as one that another user owns
  auto socket = open();
  ASSERT_TRUE(socket) << socket.error().message;
  EXPECT_EQ(open().error().code, ErrorCode::rejected) << "this user's daemons keep each other away";
  std::filesystem::remove(path());
  EXPECT_TRUE(socket->open_again()) << "with the same lock";
}

// Nothing can be written, as on a full disk; a socket needs no room.
TEST_F(ListeningSocketTest, WhoHoldsTheLockCannotBeSaidAndThatIsNoObstacle) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit nothing{.rlim_cur = 0, .rlim_max = before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &nothing), 0);
  const auto socket = open();
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  ASSERT_TRUE(socket) << socket.error().message;
  EXPECT_EQ(open().error().code, ErrorCode::rejected);
}

TEST_F(ListeningSocketTest, RefusesWhatIsNotASocket) {
  std::ofstream(path()) << "precious";
  const auto socket = open();
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().code, ErrorCode::invalid);
  EXPECT_TRUE(exists());
}

TEST_F(ListeningSocketTest, SaysThatAPathIsTooLong) {
  UnixSocketOptions options;
  options.path = "/tmp/" + std::string(103, 'x');
  const auto socket = ListeningSocket::open_unix(options);
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().code, ErrorCode::invalid);
  EXPECT_NE(socket.error().message.find("108 bytes"), std::string::npos) << socket.error().message;
  EXPECT_NE(socket.error().message.find("107"), std::string::npos);
}

TEST_F(ListeningSocketTest, RefusesUnknownOwnersAndLeavesNoFile) {
  auto wanted = options();
  wanted.group = "no-such-group-here";
  const auto socket = ListeningSocket::open_unix(wanted);
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().code, ErrorCode::invalid);
  EXPECT_FALSE(exists());
}

TEST_F(ListeningSocketTest, ASuccessorServesWhatWasKeptOpen) {
  int kept = -1;
  {
    auto first = open();
    ASSERT_TRUE(first);
    kept = first->release();
  }
  ASSERT_TRUE(exists());
  RawClient::connect_unix(path());  // waits in the backlog
  {
    auto wanted = options();
    wanted.mode = 0666;
    const auto next = ListeningSocket::resume_unix(kept, wanted);
    ASSERT_TRUE(next) << next.error().message;
    EXPECT_EQ(next->fd(), kept);
    struct stat status{};
    ASSERT_EQ(::stat(path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0666u);
    const auto locked = open();
    ASSERT_FALSE(locked);
    EXPECT_EQ(locked.error().code, ErrorCode::rejected);
  }
  EXPECT_FALSE(exists());
}

TEST_F(ListeningSocketTest, WhatWasKeptElsewhereIsClosed) {
  const int kept = open()->release();
  UnixSocketOptions moved = options();
  moved.path += "2";
  const auto next = ListeningSocket::resume_unix(kept, moved);
  ASSERT_TRUE(next) << next.error().message;
  EXPECT_FALSE(exists());
  RawClient::connect_unix(moved.path);
}

TEST_F(ListeningSocketTest, ATcpSocketIsKeptForItsAddressOnly) {
  auto first = ListeningSocket::open_tcp("127.0.0.1:0");
  ASSERT_TRUE(first);
  const auto port = first->tcp_port();
  const std::string address = "127.0.0.1:" + std::to_string(port);
  const int kept = first->release();
  {
    auto same = ListeningSocket::resume_tcp(kept, address);
    ASSERT_TRUE(same) << same.error().message;
    EXPECT_EQ(same->fd(), kept);
    EXPECT_EQ(same->release(), kept);
  }
  const auto other = ListeningSocket::resume_tcp(kept, "127.0.0.1:0");
  ASSERT_TRUE(other) << other.error().message;
  EXPECT_NE(other->tcp_port(), port);
}

TEST_F(ListeningSocketTest, UsesAHandedOverSocketAndLeavesItsFile) {
  auto made = open();
  ASSERT_TRUE(made);
  {
    const auto adopted = ListeningSocket::adopt(::dup(made->fd()));
    ASSERT_TRUE(adopted);
    EXPECT_EQ(adopted->family(), AF_UNIX);
  }
  EXPECT_TRUE(exists());
  EXPECT_FALSE(ListeningSocket::adopt(0));
}

TEST_F(ListeningSocketTest, ASocketFileThatWasRemovedIsMadeAgain) {
  auto wanted = options();
  wanted.mode = 0666;
  auto socket = ListeningSocket::open_unix(wanted);
  ASSERT_TRUE(socket);
  EXPECT_TRUE(socket->is_found());
  ASSERT_TRUE(std::filesystem::remove(path()));
  ASSERT_TRUE(std::filesystem::remove(path() + ".lock"));
  EXPECT_FALSE(socket->is_found());
  const auto again = socket->open_again();
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(socket->is_found());
  RawClient::connect_unix(path());
  struct stat status{};
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0666u);
  EXPECT_FALSE(open()) << "it has the lock again";
}

TEST_F(ListeningSocketTest, ASocketThatAnotherDaemonMadeInItsPlaceIsLeft) {
  auto first = open();
  ASSERT_TRUE(first);
  std::filesystem::remove(path());
  std::filesystem::remove(path() + ".lock");
  {
    const auto other = open();
    ASSERT_TRUE(other);
    EXPECT_FALSE(first->is_found());
    const auto again = first->open_again();
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, ErrorCode::rejected);
    {
      const auto gone = *std::move(first);
    }
    EXPECT_TRUE(other->is_found());
  }
}

TEST_F(ListeningSocketTest, OnlySystemdMakesItsSocketAgain) {
  const auto made = open();
  ASSERT_TRUE(made);
  auto adopted = ListeningSocket::adopt(::dup(made->fd()));
  ASSERT_TRUE(adopted);
  EXPECT_TRUE(adopted->is_found());
  std::filesystem::remove(path());
  EXPECT_FALSE(adopted->is_found());
  const auto again = adopted->open_again();
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::invalid);
}

TEST_F(ListeningSocketTest, ALockFileOfAnotherUserIsNoObstacleOrIsNamedWithWhatToDo) {
  if (::geteuid() != 0) return;  // only root can make one
  using std::filesystem::perms;
  const auto folder = std::filesystem::path(path()).parent_path();
  ASSERT_TRUE(open());  // leaves the lock file
  const auto open_as_another_user = [&](perms of_folder) {
    std::filesystem::permissions(folder, of_folder);
    EXPECT_EQ(::seteuid(65534), 0);
    auto socket = open();
    EXPECT_EQ(::seteuid(0), 0);
    return socket;
  };
  const auto opened = open_as_another_user(perms::all);
  EXPECT_TRUE(opened) << opened.error().message;
  std::filesystem::remove(path() + ".lock.65534");
  const auto refused =
      open_as_another_user(perms::owner_all | perms::group_exec | perms::others_exec);
  ASSERT_FALSE(refused) << "it can make none of its own";
  EXPECT_EQ(refused.error().message,
            path() +
                ".lock: Permission denied; the file belongs to uid 0: remove it, or run "
                "tracelinkd as that user");
}

TEST(SocketPath, IsThatOfANamedUnixSocket) {
  const TempDirectory directory;
  const std::string path = directory.file("s");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int named = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(bind(named, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  const int unnamed = socket(AF_UNIX, SOCK_STREAM, 0);
  const int tcp = socket(AF_INET, SOCK_STREAM, 0);
  EXPECT_EQ(socket_path(named), path);
  EXPECT_EQ(socket_path(unnamed), "");
  EXPECT_EQ(socket_path(tcp), "");
  for (const int fd : {named, unnamed, tcp}) close(fd);
}

TEST(ListeningTcp, TakesLoopbackOnly) {
  for (const char* good : {"127.0.0.1:0", "localhost:0", "127.9.9.9:0"}) {
    const auto socket = ListeningSocket::open_tcp(good);
    ASSERT_TRUE(socket) << good;
    EXPECT_GT(socket->tcp_port(), 0);
  }
  for (const char* bad : {"0.0.0.0:4318", "10.0.0.1:4318", ":4318", "127.0.0.1", "127.0.0.1:x",
                          "127.0.0.1:70000", "example.org:1", ""}) {
    const auto socket = ListeningSocket::open_tcp(bad);
    ASSERT_FALSE(socket) << bad;
    EXPECT_EQ(socket.error().code, ErrorCode::invalid);
  }
}

}  // namespace
}  // namespace tracelink
