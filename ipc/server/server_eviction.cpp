#include <compare>
#include <map>
#include <optional>
#include <utility>

#include "ipc/server/server.hpp"

// Which connection makes room where all places are taken.
namespace tracelink {

namespace {

// What a client is given to say something, and to send the rest of it, before it makes room.
constexpr std::chrono::milliseconds kPatience{100};
// Who has stored nothing for so long has no claim to that.
constexpr std::chrono::seconds kLongInVain{1};

// Which connection is given up first, the lowest first: of the user who has most of them, one that
// never sent anything useful, then the one idle for longest, then the one that has kept us waiting
// for longest, then one that sends without pause and never anything useful.
struct EvictionRank {
  std::size_t others = 0;  // how many connections fewer than the greatest number its user has
  int kind = 0;
  SteadyTime since;
  auto operator<=>(const EvictionRank&) const = default;
};

int eviction_kind(const ClientConnection& connection) {
  if (!connection.served()) return 0;
  return connection.idle() ? 1 : 2;
}

}  // namespace

// False: every client is waiting for an answer, or came only just now.
bool Server::evict_one() {
  std::map<std::uint32_t, std::size_t> of_user;
  for (const auto& [id, connection] : connections_) ++of_user[connection->peer().uid];
  const SteadyTime now = context_.clock.steady();
  std::optional<std::pair<EvictionRank, ConnectionId>> first;
  for (const auto& [id, connection] : connections_) {
    const auto since = connection->waits_since();
    if (!since || leaving_.contains(id)) continue;
    int kind = eviction_kind(*connection);
    if (kind != 1 && now - *since < kPatience) {
      const bool in_vain = kind == 0 && now - connection->came_at() >= kLongInVain;
      if (!in_vain) continue;
      kind = 3;
    }
    const std::size_t others = connections_.size() - of_user.at(connection->peer().uid);
    const std::pair<EvictionRank, ConnectionId> entry{{others, kind, *since}, id};
    if (!first || entry < *first) first = entry;
  }
  if (!first) return false;
  ++stats_.connections_evicted;
  leaving_.insert(first->second);
  connections_.at(first->second)->evict();
  return true;
}

bool Server::make_relay_room() {
  std::optional<std::pair<SteadyTime::duration, ConnectionId>> longest;
  for (const auto& [id, connection] : connections_) {
    const auto delay = connection->delays_relay_by();
    if (delay && (!longest || *delay > longest->first)) longest = {*delay, id};
  }
  if (!longest) return false;
  ++stats_.connections_evicted;
  connections_.at(longest->second)->abort();
  return true;
}

}  // namespace tracelink
