#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <utility>

namespace tracelink {

using RequestId = std::uint64_t;

// Who asks: one connection of one user.
struct ClientId {
  std::uint32_t uid = 0;
  std::uint64_t connection = 0;
  auto operator<=>(const ClientId&) const = default;
};

// Requests that wait for something scarce (memory, a decoding thread), in turns by client: however
// much one client asks for, another's request waits for its own share only. The connections of one
// user share that user's turns.
//
// Self-clocked fair queueing (Golestani, 1994): each request gets the virtual time at which it
// would end if all clients were served at once, and the earliest goes first. Within one client that
// is the order of asking. Threads: one.
class FairQueue {
 public:
  void push(const ClientId& client, RequestId id, std::size_t cost);
  bool empty() const { return by_end_.empty(); }
  // Precondition for both: not empty.
  RequestId front() const { return by_end_.begin()->first.second; }
  RequestId pop();
  void remove(RequestId id);  // if it waits

 private:
  using Key = std::pair<std::uint64_t, RequestId>;  // virtual end
  struct Client {
    std::uint64_t end = 0;  // of its last request
    std::size_t waiting = 0;
  };
  void forget(std::map<Key, ClientId>::iterator entry);

  std::uint64_t now_ = 0;  // virtual time
  std::map<Key, ClientId> by_end_;
  std::unordered_map<RequestId, std::uint64_t> ends_;
  std::map<ClientId, Client> clients_;            // that wait
  std::map<std::uint32_t, std::uint64_t> users_;  // how many clients of each wait
};

}  // namespace tracelink
