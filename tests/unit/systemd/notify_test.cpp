#include "systemd/notify.hpp"

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/temp_directory.hpp"

namespace tracelink {
namespace {

// Plays systemd's side of $NOTIFY_SOCKET, on an abstract address that the kernel chooses.
class Notify : public ::testing::Test {
 protected:
  void SetUp() override {
    socket_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socklen_t length = sizeof(sa_family_t);
    ASSERT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), length), 0);
    length = sizeof address;
    ASSERT_EQ(getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length), 0);
    const std::string name(address.sun_path + 1, length - sizeof(sa_family_t) - 1);
    setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1);
  }
  void TearDown() override {
    close(socket_);
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) unsetenv(name);
  }
  std::string received() {
    char buffer[512];
    const ssize_t n = recv(socket_, buffer, sizeof buffer, 0);
    return n < 0 ? "nothing" : std::string(buffer, static_cast<std::size_t>(n));
  }
  int socket_ = -1;
};

TEST_F(Notify, TellsSystemd) {
  EXPECT_TRUE(systemd::ready());
  EXPECT_EQ(received(), "READY=1");
  EXPECT_TRUE(systemd::stopping());
  EXPECT_EQ(received(), "STOPPING=1");
  EXPECT_TRUE(systemd::watchdog());
  EXPECT_EQ(received(), "WATCHDOG=1");
}

TEST_F(Notify, SaysWhenAReloadBegan) {
  EXPECT_TRUE(systemd::reloading());
  const std::string said = received();
  ASSERT_TRUE(said.starts_with("RELOADING=1\nMONOTONIC_USEC=")) << said;
  EXPECT_EQ(said.find_first_not_of("0123456789", said.rfind('=') + 1), std::string::npos) << said;
}

TEST_F(Notify, KeepsTheStatusOnOneLine) {
  EXPECT_TRUE(systemd::status("3 traces\nREADY=1"));
  EXPECT_EQ(received(), "STATUS=3 traces READY=1");
}

TEST_F(Notify, DoesNothingWithoutSystemd) {
  unsetenv("NOTIFY_SOCKET");
  EXPECT_TRUE(systemd::ready());
  EXPECT_TRUE(systemd::status("text"));
  EXPECT_EQ(received(), "nothing");
}

// Nobody reads: what is told from the thread that serves clients does not wait for that.
TEST_F(Notify, DoesNotWaitForAServiceManagerThatHangs) {
  constexpr int kMost = 1'000'000;  // of any system's queue
  int told = 0;
  while (told < kMost && systemd::watchdog()) ++told;
  ASSERT_LT(told, kMost);
  EXPECT_FALSE(systemd::status("text"));
  EXPECT_FALSE(systemd::stopping());
  EXPECT_EQ(received(), "WATCHDOG=1");
  EXPECT_TRUE(systemd::status("text")) << "it reads again";
}

TEST_F(Notify, FindsASocketByItsPath) {
  const TempDirectory directory;
  const std::string path = directory.file("notify");
  close(socket_);
  socket_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  setenv("NOTIFY_SOCKET", path.c_str(), 1);
  EXPECT_TRUE(systemd::watchdog());
  EXPECT_EQ(received(), "WATCHDOG=1");
}

TEST_F(Notify, ReportsASocketThatIsGone) {
  close(socket_);
  socket_ = -1;
  const auto result = systemd::ready();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::io);
}

TEST_F(Notify, HalvesTheWatchdogTime) {
  EXPECT_EQ(systemd::watchdog_interval(), std::nullopt);
  setenv("WATCHDOG_USEC", "30000000", 1);
  EXPECT_EQ(systemd::watchdog_interval(), std::chrono::seconds(15));
  setenv("WATCHDOG_PID", "1", 1);  // meant for another process
  EXPECT_EQ(systemd::watchdog_interval(), std::nullopt);
}

}  // namespace
}  // namespace tracelink
