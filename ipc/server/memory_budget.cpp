#include "ipc/server/memory_budget.hpp"

namespace tracelink {

bool MemoryBudget::fits(std::size_t bytes) const {
  return used_ == 0 || (used_ <= limit_ && bytes <= limit_ - used_);
}

bool MemoryBudget::within_floor(const ClientId& client, std::size_t bytes) const {
  const auto held = held_.find(client);
  return (held == held_.end() ? 0 : held->second) + bytes <= floor_;
}

bool MemoryBudget::reserve(const ClientId& client, RequestId id, std::size_t bytes) {
  if (within_floor(client, bytes) || (order_.empty() && fits(bytes))) {
    resize(client, 0, bytes);
    return true;
  }
  order_.push(client, id, bytes);
  waiting_.emplace(id, Waiting{client, bytes});
  return false;
}

std::optional<MemoryBudget::Granted> MemoryBudget::next_granted() {
  if (order_.empty()) return std::nullopt;
  const auto first = waiting_.find(order_.front());
  const auto [client, bytes] = first->second;
  if (!fits(bytes)) return std::nullopt;
  resize(client, 0, bytes);
  waiting_.erase(first);
  return Granted{order_.pop(), bytes};
}

void MemoryBudget::cancel(RequestId id) {
  order_.remove(id);
  waiting_.erase(id);
}

void MemoryBudget::resize(const ClientId& client, std::size_t before, std::size_t after) {
  used_ += after - before;
  std::size_t& held = held_[client];
  held += after - before;
  if (held == 0) held_.erase(client);
}

}  // namespace tracelink
