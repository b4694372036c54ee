#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "daemon/destination/destination.hpp"

namespace tracelink {

// A batch on its way: what every kind of storage has in common. Threads: the HttpClient's owner.
// Lifetime: kept alive by its requests.
class BatchDelivery : public std::enable_shared_from_this<BatchDelivery> {
 public:
  virtual ~BatchDelivery() = default;

  virtual void start() = 0;
  // Nothing more is sent; `done` follows when the requests under way have ended.
  void abort(const Failure& failure) { aborted_ = failure; }

 protected:
  BatchDelivery(std::size_t size, Destination::Done done)
      : outcomes_(size), open_(size), done_(std::move(done)) {}

  const std::optional<Failure>& aborted() const { return aborted_; }
  void resume() { aborted_.reset(); }
  bool is_open(std::size_t index) const { return !outcomes_[index]; }
  // Each once. The last one ends the batch.
  void finish(std::size_t index, Outcome outcome) {
    outcomes_[index] = std::move(outcome);
    if (--open_ > 0) return;
    std::vector<Outcome> all;
    all.reserve(outcomes_.size());
    for (auto& one : outcomes_) all.push_back(*std::move(one));
    done_(std::move(all));
  }
  // What one trace met and every other one would meet too is not tried again in this batch.
  void stop_others(const Failure& failure) {
    const bool concerns_all = failure.failure_class == FailureClass::configuration ||
                              failure.failure_class == FailureClass::transient;
    if (!aborted_ && concerns_all) aborted_ = failure;
  }

 private:
  std::vector<std::optional<Outcome>> outcomes_;
  std::size_t open_;
  const Destination::Done done_;
  std::optional<Failure> aborted_;
};

inline Outcome delivered_outcome() {
  Outcome outcome;
  outcome.info_stored = outcome.spans_stored = true;
  return outcome;
}

}  // namespace tracelink
