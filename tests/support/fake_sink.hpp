#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

#include "ipc/server/record_sink.hpp"

namespace tracelink {

// Records what the server hands inwards and answers on command, or at once with success.
// Threads: any.
class FakeSink final : public RecordSink {
 public:
  explicit FakeSink(bool answer_at_once = true) : answer_at_once_(answer_at_once) {}

  void submit(AcceptedRequest request, Done done) override {
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(std::move(request));
      if (!answer_at_once_) waiting_.push_back(std::exchange(done, nullptr));
    }
    arrived_.notify_all();
    if (done) done({});
  }

  // Blocks until `count` requests came in all. Throws instead of hanging.
  std::vector<AcceptedRequest> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    const bool came = arrived_.wait_for(lock, std::chrono::seconds(300),
                                        [&] { return requests_.size() >= count; });
    if (!came) throw std::runtime_error("fake sink: the request did not come");
    return requests_;
  }
  std::vector<AcceptedRequest> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

  // Answers the oldest unanswered request from the calling thread. Precondition: there is one.
  void answer(Result<void> result) {
    Done done;
    {
      const std::lock_guard lock(mutex_);
      done = std::move(waiting_.front());
      waiting_.pop_front();
    }
    done(std::move(result));
  }

 private:
  const bool answer_at_once_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<AcceptedRequest> requests_;
  std::deque<Done> waiting_;
};

}  // namespace tracelink
