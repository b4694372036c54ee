#include "daemon/forward/span_bisection.hpp"

namespace tracelink {

SpanBisection::SpanBisection(std::size_t total) : total_(total) { push_halves({0, total}); }

std::optional<SpanRange> SpanBisection::current() const {
  if (open_.empty()) return std::nullopt;
  return open_.back();
}

void SpanBisection::current_delivered() {
  open_.pop_back();
  any_delivered_ = true;
}

void SpanBisection::current_refused() {
  const SpanRange range = open_.back();
  open_.pop_back();
  if (range.size() > 1) return push_halves(range);
  bad_.insert(range.begin);
  if (any_delivered_ || bad_.size() < kGiveUpAfter) return;
  open_.clear();
  for (std::size_t span = 0; span < total_; ++span) bad_.insert(span);
}

void SpanBisection::push_halves(SpanRange range) {
  const std::size_t middle = range.begin + range.size() / 2;
  open_.push_back({middle, range.end});
  open_.push_back({range.begin, middle});
}

}  // namespace tracelink
