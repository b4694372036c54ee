#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <utility>

namespace tracelink {

// Lets at most `limit` requests be under way at once; the others wait in order. Threads: one.
class RequestSlots {
 public:
  using Request = std::function<void()>;

  explicit RequestSlots(std::size_t limit) : limit_(limit) {}

  // Runs `request` now or later; it must be followed by one release().
  void enter(Request request) {
    waiting_.push_back(std::move(request));
    run_waiting();
  }
  void release() {
    --running_;
    run_waiting();
  }

 private:
  // A request that ends at once comes back here through release(): the loop below goes on with it,
  // whatever their number.
  void run_waiting() {
    if (std::exchange(looping_, true)) return;
    while (running_ < limit_ && !waiting_.empty()) {
      Request next = std::move(waiting_.front());
      waiting_.pop_front();
      ++running_;
      next();
    }
    looping_ = false;
  }

  const std::size_t limit_;
  std::size_t running_ = 0;
  std::deque<Request> waiting_;
  bool looping_ = false;
};

}  // namespace tracelink
