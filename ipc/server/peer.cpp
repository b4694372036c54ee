#include "ipc/server/peer.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>

namespace tracelink {

Result<Peer> peer_of(int socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return Error{ErrorCode::io, std::string("SO_PEERCRED: ") + std::strerror(errno)};
  }
  return Peer{static_cast<std::uint32_t>(credentials.pid), credentials.uid, credentials.gid};
}

bool PeerPolicy::allows(const Peer& peer, const std::vector<std::uint32_t>& groups) const {
  if (allow_uids.empty() && allow_gids.empty()) return true;
  const auto listed = [](const auto& list, std::uint32_t id) {
    return std::find(list.begin(), list.end(), id) != list.end();
  };
  if (listed(allow_uids, peer.uid) || listed(allow_gids, peer.gid)) return true;
  return std::ranges::any_of(groups,
                             [&](std::uint32_t group) { return listed(allow_gids, group); });
}

std::vector<std::uint32_t> groups_of(int socket) {
  std::vector<std::uint32_t> groups(64);
  for (int attempt = 0; attempt < 2; ++attempt) {
    auto size = static_cast<socklen_t>(groups.size() * sizeof(std::uint32_t));
    const int result = ::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size);
    groups.resize(size / sizeof(std::uint32_t));
    if (result == 0) return groups;
    if (errno != ERANGE) break;  // ERANGE: `size` says how much is needed
  }
  return {};
}

}  // namespace tracelink
