#pragma once

#include <chrono>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace tracelink {

// What an HTTP/2 client begins with: the preface and SETTINGS (RFC 9113, section 3.4).
inline std::string http2_opening() {
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string("\0\0\0\4\0\0\0\0\0", 9);
}

// A blocking client on a socket, for tests: sends bytes, reads bytes. Throws instead of hanging.
class RawClient {
 public:
  static RawClient connect_unix(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    return RawClient(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  static RawClient connect_tcp(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return RawClient(AF_INET, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  RawClient(RawClient&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  RawClient& operator=(RawClient&&) = delete;
  ~RawClient() {
    if (fd_ >= 0) ::close(fd_);
  }

  // False when the server has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  // What is there, after waiting for it; empty at the end of the stream.
  std::string receive() {
    wait_readable();
    char buffer[16384];
    const ssize_t size = ::recv(fd_, buffer, sizeof buffer, 0);
    return size > 0 ? std::string(buffer, static_cast<std::size_t>(size)) : std::string();
  }
  // Exactly `size` bytes, or less at the end of the stream.
  std::string receive(std::size_t size) {
    std::string bytes(size, '\0');
    std::size_t have = 0;
    while (have < size) {
      wait_readable();
      const ssize_t got = ::recv(fd_, bytes.data() + have, size - have, 0);
      if (got <= 0) break;
      have += static_cast<std::size_t>(got);
    }
    bytes.resize(have);
    return bytes;
  }
  std::string receive_until(std::string_view end) {
    std::string bytes;
    while (!bytes.ends_with(end)) {
      const std::string next = receive(1);
      if (next.empty()) break;
      bytes += next;
    }
    return bytes;
  }
  std::string receive_all() {
    std::string all;
    for (std::string part = receive(); !part.empty(); part = receive()) all += part;
    return all;
  }
  bool readable_now() const {
    pollfd entry{fd_, POLLIN, 0};
    return ::poll(&entry, 1, 0) == 1;
  }
  void finish_sending() { ::shutdown(fd_, SHUT_WR); }

 private:
  RawClient(int family, const sockaddr* address, socklen_t size)
      : fd_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (::connect(fd_, address, size) != 0) throw std::runtime_error("test client: connect failed");
  }
  // The bound only turns a hang into a failure.
  void wait_readable() const {
    pollfd entry{fd_, POLLIN, 0};
    if (::poll(&entry, 1, 300'000) != 1) throw std::runtime_error("test client: no answer");
  }

  int fd_ = -1;
};

}  // namespace tracelink
