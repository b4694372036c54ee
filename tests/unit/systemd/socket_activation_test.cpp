#include "systemd/socket_activation.hpp"

#include <cstdlib>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/child_process.hpp"
#include "tests/support/temp_directory.hpp"

namespace tracelink {
namespace {

enum class Kind { unix_listening, unix_idle, unix_datagram, tcp_listening, pipe_end };

int make(Kind kind) {
  if (kind == Kind::pipe_end) {
    int ends[2];
    return pipe(ends) == 0 ? ends[0] : -1;
  }
  const int family = kind == Kind::tcp_listening ? AF_INET : AF_UNIX;
  const int type = kind == Kind::unix_datagram ? SOCK_DGRAM : SOCK_STREAM;
  const int fd = socket(family, type, 0);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const sockaddr unnamed{AF_UNIX, {}};
  const bool tcp = family == AF_INET;
  const auto* address = tcp ? reinterpret_cast<const sockaddr*>(&any) : &unnamed;
  if (bind(fd, address, tcp ? sizeof any : sizeof(sa_family_t)) != 0) return -1;
  const bool listening = kind == Kind::unix_listening || kind == Kind::tcp_listening;
  if (listening && listen(fd, 1) != 0) return -1;
  return fd;
}

std::string describe(const Result<std::vector<int>>& fds) {
  if (!fds) return std::string(to_string(fds.error().code)) + ": " + fds.error().message;
  std::string text = "fds:";
  for (const int fd : *fds) text += " " + std::to_string(fd);
  return text;
}

// What listen_fds() says in a process that systemd gave these descriptors.
std::string handed_over(const std::vector<Kind>& kinds) {
  return test::result_in_child([&] {
    std::vector<int> made;  // beyond where systemd puts them
    for (const Kind kind : kinds) made.push_back(fcntl(make(kind), F_DUPFD, 50));
    for (std::size_t i = 0; i < made.size(); ++i) dup2(made[i], 3 + static_cast<int>(i));
    setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
    setenv("LISTEN_FDS", std::to_string(kinds.size()).c_str(), 1);
    const std::string first = describe(systemd::listen_fds());
    return first + ", then " + describe(systemd::listen_fds());
  });
}

TEST(ListenFds, TakesListeningStreamsOnce) {
  EXPECT_EQ(handed_over({Kind::unix_listening}), "fds: 3, then fds:");
  EXPECT_EQ(handed_over({Kind::unix_listening, Kind::tcp_listening}), "fds: 3 4, then fds:");
}

TEST(ListenFds, RefusesEverythingElse) {
  for (const Kind kind : {Kind::unix_idle, Kind::unix_datagram, Kind::pipe_end}) {
    EXPECT_EQ(handed_over({Kind::unix_listening, kind}),
              "invalid: descriptor 2 of 2 from systemd is no listening Unix or TCP stream; the "
              "socket unit may have ListenStream= only, then fds:");
  }
}

TEST(ListenFds, RefusesANumberThatIsNone) {
  const std::string found = test::result_in_child([] {
    setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
    setenv("LISTEN_FDS", "many", 1);
    return describe(systemd::listen_fds());
  });
  EXPECT_TRUE(found.starts_with("invalid: the sockets of systemd: ")) << found;
}

TEST(ListenFds, AreNoneWithoutSystemdOrForAnotherProcess) {
  EXPECT_EQ(describe(systemd::listen_fds()), "fds:");
  EXPECT_EQ(test::result_in_child([] {
              setenv("LISTEN_PID", "1", 1);
              setenv("LISTEN_FDS", "1", 1);
              return describe(systemd::listen_fds());
            }),
            "fds:");
}

}  // namespace
}  // namespace tracelink
