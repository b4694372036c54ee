#include "ipc/server/memory_budget.hpp"

namespace tracelink {

bool MemoryBudget::fits(std::size_t bytes) const {
  return used_ == 0 || (used_ <= limit_ && bytes <= limit_ - used_);
}

bool MemoryBudget::reserve(RequestId id, std::size_t bytes) {
  if (waiting_.empty() && fits(bytes)) {
    used_ += bytes;
    return true;
  }
  waiting_.push_back({id, bytes});
  paused_ = true;
  return false;
}

std::optional<RequestId> MemoryBudget::next_granted() {
  if (waiting_.empty()) return std::nullopt;
  if (paused_ && used_ > limit_ / 2) return std::nullopt;
  paused_ = false;
  const Waiting first = waiting_.front();
  if (!fits(first.bytes)) {
    paused_ = true;
    return std::nullopt;
  }
  used_ += first.bytes;
  waiting_.pop_front();
  return first.id;
}

void MemoryBudget::cancel(RequestId id) {
  std::erase_if(waiting_, [id](const Waiting& waiting) { return waiting.id == id; });
}

}  // namespace tracelink
