#include "ipc/server/fair_queue.hpp"

#include <algorithm>

namespace tracelink {

void FairQueue::push(const ClientId& client, RequestId id, std::size_t cost) {
  Client& state = clients_[client];
  if (state.waiting++ == 0) ++users_[client.uid];
  const std::uint64_t share = users_[client.uid];
  state.end = std::max(state.end, now_) + std::max<std::size_t>(cost, 1) * share;
  by_end_.emplace(Key{state.end, id}, client);
  ends_.emplace(id, state.end);
}

RequestId FairQueue::pop() {
  const auto first = by_end_.begin();
  const auto [end, id] = first->first;
  now_ = end;
  forget(first);
  return id;
}

void FairQueue::remove(RequestId id) {
  const auto found = ends_.find(id);
  if (found != ends_.end()) forget(by_end_.find(Key{found->second, id}));
}

// A client without a waiting request has no virtual end after now, so nothing has to be kept of it.
void FairQueue::forget(std::map<Key, ClientId>::iterator entry) {
  const ClientId client = entry->second;
  ends_.erase(entry->first.second);
  by_end_.erase(entry);
  if (--clients_[client].waiting > 0) return;
  clients_.erase(client);
  if (--users_[client.uid] == 0) users_.erase(client.uid);
}

}  // namespace tracelink
