#include "systemd/notify.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <string>
#include <system_error>

#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

namespace tracelink::systemd {
namespace {

Result<void> notify(const std::string& state) {
  const int sent = sd_notify(0, state.c_str());
  if (sent >= 0) return {};
  return Error{ErrorCode::io, "sd_notify: " + std::generic_category().message(-sent)};
}

struct Socket {
  int fd = -1;
  Socket() : fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}
  ~Socket() {
    if (fd >= 0) ::close(fd);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
};

Result<void> send_at_once(std::string_view path, const std::string& state) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Error{ErrorCode::io, "$NOTIFY_SOCKET is too long"};
  }
  std::ranges::copy(path, address.sun_path);
  if (path.front() == '@') address.sun_path[0] = '\0';  // an abstract name
  const Socket socket;
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const auto sent = ::sendto(socket.fd, state.data(), state.size(), MSG_NOSIGNAL,
                             reinterpret_cast<const sockaddr*>(&address), length);
  if (sent >= 0) return {};
  return Error{ErrorCode::io, "$NOTIFY_SOCKET: " + std::generic_category().message(errno)};
}

// sd_notify() waits while the socket's queue is full, as long as whoever reads it hangs.
Result<void> notify_at_once(const std::string& state) {
  const char* const named = std::getenv("NOTIFY_SOCKET");
  const std::string_view path = named == nullptr ? "" : named;
  if (path.starts_with('/') || path.starts_with('@')) return send_at_once(path, state);
  return notify(state);
}

}  // namespace

Result<void> ready() { return notify("READY=1"); }

Result<void> reloading() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto since_boot = std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(since_boot).count();
  return notify("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(us));
}

Result<void> stopping() { return notify_at_once("STOPPING=1"); }

Result<void> status(std::string_view text) {
  std::string line(text);
  std::ranges::replace(line, '\n', ' ');  // a line break would begin another assignment
  return notify_at_once("STATUS=" + line);
}

std::optional<std::chrono::microseconds> watchdog_interval() {
  std::uint64_t timeout_us = 0;
  if (sd_watchdog_enabled(0, &timeout_us) <= 0) return std::nullopt;
  return std::chrono::microseconds(timeout_us / 2);
}

Result<void> watchdog() { return notify_at_once("WATCHDOG=1"); }

}  // namespace tracelink::systemd
