#pragma once

#include <algorithm>
#include <cstddef>

namespace tracelink {

// How many traces go in one batch: doubled while the server keeps up, halved when it does not.
class BatchSize {
 public:
  explicit BatchSize(std::size_t max) : max_(std::max<std::size_t>(max, 1)) {
    value_ = std::min<std::size_t>(value_, max_);
  }

  std::size_t value() const { return value_; }
  void grow() { value_ = std::min(value_ * 2, max_); }
  void shrink() { value_ = std::max<std::size_t>(value_ / 2, 1); }

 private:
  std::size_t max_;
  std::size_t value_ = 8;
};

}  // namespace tracelink
