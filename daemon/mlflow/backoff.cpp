#include "daemon/mlflow/backoff.hpp"

#include <algorithm>

namespace tracelink {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirst{500};
constexpr milliseconds kLongest{30'000};
constexpr milliseconds kPermanent{60'000};
constexpr unsigned kDoublings = 6;  // 0.5 s * 2^6 is over the longest

}  // namespace

milliseconds random_below(RandomSource& random, milliseconds most) {
  const auto range = static_cast<std::uint64_t>(most.count()) + 1;
  return milliseconds(static_cast<milliseconds::rep>(random.next() % range));
}

milliseconds Backoff::after(const Failure& failure) {
  const bool permanent = failure.failure_class == FailureClass::configuration ||
                         failure.failure_class == FailureClass::poison;
  if (permanent) return kPermanent;
  const milliseconds bound = std::min(kFirst * (1 << attempts_), kLongest);
  attempts_ = std::min(attempts_ + 1, kDoublings);
  return std::max(random_below(random_, bound), failure.retry_after.value_or(milliseconds(0)));
}

}  // namespace tracelink
