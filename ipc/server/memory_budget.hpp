#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

namespace tracelink {

using RequestId = std::uint64_t;

// Bytes in flight against a limit, granted in order of asking.
//
// Once a reservation had to wait, none is granted before the use has fallen to half the limit, so
// that reading stops and resumes in long strides. A reservation larger than the limit is granted
// alone. Threads: one.
class MemoryBudget {
 public:
  explicit MemoryBudget(std::size_t limit_bytes) : limit_(limit_bytes) {}

  // False: it waits; next_granted() names it later.
  bool reserve(RequestId id, std::size_t bytes);
  // After release() or cancel(), call until it returns nothing.
  std::optional<RequestId> next_granted();
  void cancel(RequestId id);  // forgets a waiting reservation, if there is one

  void release(std::size_t bytes) { used_ -= bytes; }
  // What was reserved turned out to be `after` bytes; never waits.
  void resize(std::size_t before, std::size_t after) { used_ += after - before; }

  std::size_t used_bytes() const { return used_; }
  bool exceeded() const { return used_ > limit_; }

 private:
  bool fits(std::size_t bytes) const;

  struct Waiting {
    RequestId id;
    std::size_t bytes;
  };
  std::size_t limit_;
  std::size_t used_ = 0;
  bool paused_ = false;
  std::deque<Waiting> waiting_;
};

}  // namespace tracelink
