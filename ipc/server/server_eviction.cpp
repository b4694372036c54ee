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

// What a connection has to say for keeping its place, the weakest claim first.
enum class Claim {
  never_useful,
  idle,
  waiting,       // for the rest of what its client sends
  busy_in_vain,  // it sends without pause, and never anything useful
};

// Which connection is given up first, the lowest first: of the user who has most of them the one
// with the weakest claim, and of these the one that has had it for longest.
struct EvictionRank {
  std::size_t others = 0;  // how many connections fewer than the greatest number its user has
  Claim claim = Claim::never_useful;
  SteadyTime since;
  auto operator<=>(const EvictionRank&) const = default;
};

Claim claim_of(const ClientConnection& connection) {
  if (!connection.served()) return Claim::never_useful;
  return connection.idle() ? Claim::idle : Claim::waiting;
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
    Claim claim = claim_of(*connection);
    if (claim != Claim::idle && now - *since < kPatience) {
      const bool in_vain =
          claim == Claim::never_useful && now - connection->came_at() >= kLongInVain;
      if (!in_vain) continue;
      claim = Claim::busy_in_vain;
    }
    const std::size_t others = connections_.size() - of_user.at(connection->peer().uid);
    const std::pair<EvictionRank, ConnectionId> entry{{others, claim, *since}, id};
    if (!first || entry < *first) first = entry;
  }
  if (!first) return false;
  ++stats_.connections_evicted;
  leaving_.insert(first->second);
  connections_.at(first->second)->evict();
  return true;
}

std::vector<SlowRelays::Delay> Server::relay_delays() const {
  std::vector<SlowRelays::Delay> delays;
  for (const auto& [id, connection] : connections_) {
    if (const auto delay = connection->delays_relay_by()) delays.push_back({*delay, id});
  }
  return delays;
}

bool Server::make_relay_room() {
  while (const auto id = slow_relays_.next(context_.clock.steady())) {
    const auto found = connections_.find(*id);
    if (found == connections_.end() || !found->second->delays_relay_by()) continue;
    ++stats_.connections_evicted;
    found->second->abort();
    return true;
  }
  return false;
}

}  // namespace tracelink
