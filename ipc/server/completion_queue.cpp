#include "ipc/server/completion_queue.hpp"

#include <utility>

#include <boost/asio/post.hpp>

namespace tracelink {

void CompletionQueue::put(IoCompletion completion) {
  const MutexLock lock(mutex_);
  if (io_ == nullptr) return;
  completions_.push_back(std::move(completion));
  // Posted under the lock: close() must not return while the io_context is in use here.
  if (completions_.size() == 1) {
    boost::asio::post(*io_, [self = shared_from_this()] { self->deliver(); });
  }
}

void CompletionQueue::close() {
  const MutexLock lock(mutex_);
  io_ = nullptr;
  completions_.clear();
}

bool CompletionQueue::closed() {
  const MutexLock lock(mutex_);
  return io_ == nullptr;
}

void CompletionQueue::deliver() {
  {
    const MutexLock lock(mutex_);
    if (io_ == nullptr) return;
    reading_.swap(completions_);
  }
  reader_(reading_);
  reading_.clear();
}

}  // namespace tracelink
