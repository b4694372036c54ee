#pragma once

#include <deque>
#include <utility>
#include <vector>

#include "daemon/destination/destination.hpp"

namespace tracelink {

// Batches whose outcomes are known, until poll() or cancel() may say so. Threads: one.
class FinishedBatches {
 public:
  void add(Destination::Done done, std::vector<Outcome> outcomes) {
    batches_.emplace_back(std::move(done), std::move(outcomes));
  }
  bool empty() const { return batches_.empty(); }
  // Calls what waits; it may add more.
  void tell() {
    while (!batches_.empty()) {
      auto [done, outcomes] = std::move(batches_.front());
      batches_.pop_front();
      done(std::move(outcomes));
    }
  }

 private:
  std::deque<std::pair<Destination::Done, std::vector<Outcome>>> batches_;
};

}  // namespace tracelink
