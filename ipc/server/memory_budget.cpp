#include "ipc/server/memory_budget.hpp"

namespace tracelink {

bool MemoryBudget::fits(std::size_t bytes, std::size_t idle_bytes) const {
  return used_ <= idle_bytes || (used_ <= limit_ && bytes <= limit_ - used_);
}

bool MemoryBudget::within_floor(const ClientId& client, std::size_t bytes) const {
  const auto held = held_.find(client);
  return (held == held_.end() ? 0 : held->second) + bytes <= floor_;
}

bool MemoryBudget::reserve(const ClientId& client, RequestId id, std::size_t bytes,
                           std::size_t own_bytes) {
  if (within_floor(client, bytes) || (order_.empty() && fits(bytes, own_bytes))) {
    resize(client, 0, bytes);
    return true;
  }
  order_.push(client, id, bytes);
  waiting_.emplace(id, Waiting{client, bytes, own_bytes});
  held_by_waiting_ += own_bytes;
  return false;
}

std::optional<MemoryBudget::Granted> MemoryBudget::next_granted() {
  if (order_.empty()) return std::nullopt;
  const auto first = waiting_.find(order_.front());
  const Waiting granted = first->second;
  if (!fits(granted.bytes, held_by_waiting_)) return std::nullopt;
  resize(granted.client, 0, granted.bytes);
  forget(first->first);
  return Granted{order_.pop(), granted.bytes};
}

void MemoryBudget::cancel(RequestId id) {
  order_.remove(id);
  forget(id);
}

void MemoryBudget::forget(RequestId id) {
  const auto waiting = waiting_.find(id);
  if (waiting == waiting_.end()) return;
  held_by_waiting_ -= waiting->second.own_bytes;
  waiting_.erase(waiting);
}

void MemoryBudget::resize(const ClientId& client, std::size_t before, std::size_t after) {
  used_ += after - before;
  std::size_t& held = held_[client];
  held += after - before;
  if (held == 0) held_.erase(client);
}

}  // namespace tracelink
