#include "systemd/socket_activation.hpp"

#include <string>
#include <system_error>

#include <sys/socket.h>
#include <systemd/sd-daemon.h>

namespace tracelink::systemd {
namespace {

bool is_listening_stream(int fd) {
  return sd_is_socket(fd, AF_UNIX, SOCK_STREAM, 1) > 0 ||
         sd_is_socket_inet(fd, AF_UNSPEC, SOCK_STREAM, 1, 0) > 0;
}

}  // namespace

Result<std::vector<int>> listen_fds() {
  const int count = sd_listen_fds(1);
  if (count < 0) {
    return Error{ErrorCode::invalid,
                 "the sockets of systemd: " + std::generic_category().message(-count)};
  }
  std::vector<int> fds;
  for (int i = 0; i < count; ++i) {
    const int fd = SD_LISTEN_FDS_START + i;
    if (!is_listening_stream(fd)) {
      return Error{ErrorCode::invalid, "descriptor " + std::to_string(i + 1) + " of " +
                                           std::to_string(count) +
                                           " from systemd is no listening Unix or TCP stream; the "
                                           "socket unit may have ListenStream= only"};
    }
    fds.push_back(fd);
  }
  return fds;
}

}  // namespace tracelink::systemd
