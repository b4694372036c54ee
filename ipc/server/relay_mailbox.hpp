#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "daemon/base/mutex.hpp"
#include "daemon/http/relay.hpp"

namespace tracelink {

// What has come of a relayed request, until its connection takes it.
// Threads: RelayTarget's calls on the relay's, the others on the connection's; `wake` is called on
// the relay's.
class RelayMailbox final : public RelayTarget {
 public:
  explicit RelayMailbox(std::function<void()> wake) : wake_(std::move(wake)) {}

  void on_answer(RelayAnswer answer) override {
    {
      const MutexLock lock(mutex_);
      answer_ = std::move(answer);
    }
    wake_();
  }
  std::size_t on_body(std::string bytes) override {
    {
      const MutexLock lock(mutex_);
      body_ += bytes;
    }
    wake_();
    return 0;
  }
  void on_sent(std::size_t bytes) override {
    {
      const MutexLock lock(mutex_);
      sent_ += bytes;
    }
    wake_();
  }
  void on_end(Result<void> result) override {
    {
      const MutexLock lock(mutex_);
      end_ = std::move(result);
    }
    wake_();
  }

  std::size_t sent() const {
    const MutexLock lock(mutex_);
    return sent_;
  }
  // Nothing more will come than what is here.
  bool ended() const {
    const MutexLock lock(mutex_);
    return end_.has_value();
  }
  bool answered() const {
    const MutexLock lock(mutex_);
    return answer_ || end_;
  }
  // Of the answer that was not taken yet; 0: there is none.
  int status() const {
    const MutexLock lock(mutex_);
    return answer_ ? answer_->status : 0;
  }
  // Precondition of these two: answered(), ended().
  std::optional<RelayAnswer> take_answer() {
    const MutexLock lock(mutex_);
    return std::exchange(answer_, std::nullopt);
  }
  Result<void> result() const {
    const MutexLock lock(mutex_);
    return *end_;
  }
  std::string take_body() {
    const MutexLock lock(mutex_);
    return std::exchange(body_, {});
  }

 private:
  const std::function<void()> wake_;
  mutable Mutex mutex_;
  std::optional<RelayAnswer> answer_ GUARDED_BY(mutex_);
  std::string body_ GUARDED_BY(mutex_);
  std::size_t sent_ GUARDED_BY(mutex_) = 0;
  std::optional<Result<void>> end_ GUARDED_BY(mutex_);
};

}  // namespace tracelink
