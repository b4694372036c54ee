#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <unordered_map>

#include "ipc/server/fair_queue.hpp"

namespace tracelink {

// Bytes in flight against a limit. What does not fit waits, and is granted in turns by client.
//
// Each client may always hold `floor_bytes`: a small request does not wait for what others hold.
// A reservation larger than the limit is granted when nothing is held but by those that wait, which
// cannot go on without it. Threads: one.
class MemoryBudget {
 public:
  MemoryBudget(std::size_t limit_bytes, std::size_t floor_bytes)
      : limit_(limit_bytes), floor_(floor_bytes) {}

  // What is held above a lower limit stays; nothing more is granted until it is released. After it,
  // call next_granted() as after release().
  void set_limits(std::size_t limit_bytes, std::size_t floor_bytes) {
    limit_ = limit_bytes;
    floor_ = floor_bytes;
  }

  // Whether the client may hold so much more whatever others hold.
  bool within_floor(const ClientId& client, std::size_t bytes) const;
  // Beyond the `own_bytes` that the request holds already. False: it waits; next_granted() names it
  // later.
  bool reserve(const ClientId& client, RequestId id, std::size_t bytes, std::size_t own_bytes = 0);
  // After release() or cancel(), call until it returns nothing. `bytes` as asked for.
  struct Granted {
    RequestId id = 0;
    std::size_t bytes = 0;
  };
  std::optional<Granted> next_granted();
  bool waiting() const { return !order_.empty(); }
  void cancel(RequestId id);  // forgets a waiting reservation, if there is one

  void release(const ClientId& client, std::size_t bytes) { resize(client, bytes, 0); }
  // What was reserved turned out to be `after` bytes; never waits.
  void resize(const ClientId& client, std::size_t before, std::size_t after);

  std::size_t used_bytes() const { return used_; }
  bool exceeded() const { return used_ > limit_; }

 private:
  struct Waiting {
    ClientId client;
    std::size_t bytes = 0;
    std::size_t own_bytes = 0;
  };
  // `idle_bytes`: held by those that wait, the one that asks among them.
  bool fits(std::size_t bytes, std::size_t idle_bytes) const;
  void forget(RequestId id);

  std::size_t limit_;
  std::size_t floor_;
  std::size_t used_ = 0;
  std::size_t held_by_waiting_ = 0;
  std::map<ClientId, std::size_t> held_;
  FairQueue order_;
  std::unordered_map<RequestId, Waiting> waiting_;
};

}  // namespace tracelink
