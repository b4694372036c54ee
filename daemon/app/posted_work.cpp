#include "daemon/app/posted_work.hpp"

#include <utility>

namespace tracelink {

void PostedWork::run(const std::stop_token& stop) {
  for (;;) {
    std::function<void()> work;
    {
      const MutexLock lock(mutex_);
      wake_.wait(mutex_, stop, [this]() REQUIRES(mutex_) { return !posted_.empty(); });
      ended_ = posted_.empty();  // nothing comes after the last look
      if (ended_) return;
      work = std::move(posted_.front());
      posted_.pop_front();
    }
    work();
  }
}

bool PostedWork::post(std::function<void()> work) {
  const MutexLock lock(mutex_);
  if (ended_) return false;
  posted_.push_back(std::move(work));
  wake_.notify_one();
  return true;
}

}  // namespace tracelink
