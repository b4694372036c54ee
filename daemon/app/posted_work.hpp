#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <stop_token>

#include "daemon/base/mutex.hpp"

namespace tracelink {

// Work that any thread posts and one does, in order.
//
// Threads: run() on the one that does it, post() on any.
class PostedWork {
 public:
  // Until `stop`; what was posted before is done first.
  void run(const std::stop_token& stop);
  // False: run() has ended, and `work` is not done.
  bool post(std::function<void()> work);

 private:
  Mutex mutex_;
  std::deque<std::function<void()>> posted_ GUARDED_BY(mutex_);
  bool ended_ GUARDED_BY(mutex_) = false;
  std::condition_variable_any wake_;
};

}  // namespace tracelink
