#pragma once

#include <cstdint>
#include <vector>

#include "daemon/base/result.hpp"
#include "daemon/types/record.hpp"

namespace tracelink {

// uid and gid of a sender whose credentials the kernel does not tell (TCP).
inline constexpr std::uint32_t kUnknownUser = 0xffffffff;

// The sender on a connected Unix socket, by SO_PEERCRED.
Result<Peer> peer_of(int socket);

// Who may send. Both lists empty: everybody who could connect.
struct PeerPolicy {
  std::vector<std::uint32_t> allow_uids, allow_gids;

  // True if the uid, the gid or one of the supplementary groups is listed.
  bool allows(const Peer& peer, const std::vector<std::uint32_t>& groups) const;
};

// Supplementary groups of the sender, by SO_PEERGROUPS; empty where the kernel does not tell.
std::vector<std::uint32_t> groups_of(int socket);

}  // namespace tracelink
