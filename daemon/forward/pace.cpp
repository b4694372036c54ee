#include "daemon/forward/pace.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

namespace tracelink {
namespace {

using Seconds = std::chrono::duration<double>;

constexpr double kBurst = 0.1;   // of a second's traces
constexpr double kGrowth = 0.1;  // for each trace taken
constexpr double kLeast = 1;
constexpr double kRounding = 1e-6;
constexpr std::chrono::seconds kSecond{1};

}  // namespace

Pace::Pace(std::uint32_t max_per_second, const Clock& clock)
    : max_(max_per_second),
      clock_(clock),
      rate_(max_),
      ceiling_(max_),
      tokens_(capacity()),
      at_(clock.steady()) {}

double Pace::capacity() const { return std::max(1.0, rate_ * kBurst); }

double Pace::tokens() const {
  return std::min(capacity(), tokens_ + rate_ * Seconds(clock_.steady() - at_).count());
}

std::size_t Pace::allowance() const {
  if (rate_ == 0) return std::numeric_limits<std::size_t>::max();
  const double there = tokens() + kRounding;
  return there < capacity() ? 0 : static_cast<std::size_t>(there);
}

std::optional<SteadyTime> Pace::next_due() const {
  if (allowance() > 0) return std::nullopt;
  const Seconds missing((capacity() - tokens()) / rate_);
  return clock_.steady() + std::chrono::ceil<SteadyTime::duration>(missing);
}

void Pace::sent(std::size_t traces) {
  const SteadyTime now = clock_.steady();
  if (!second_ || now - *second_ >= kSecond) {
    sent_before_ = second_ && now - *second_ < 2 * kSecond ? sent_now_ : 0;
    sent_now_ = 0;
    second_ = now;
  }
  sent_now_ += traces;
  tokens_ = tokens() - static_cast<double>(traces);
  at_ = now;
}

void Pace::answered(std::size_t taken, bool refused) {
  if (refused) return slow_down();
  if (rate_ == 0 || rate_ == max_) return;
  const double faster = rate_ + kGrowth * static_cast<double>(taken);
  set_rate(faster < ceiling_ ? faster : max_);
}

void Pace::slow_down() {
  const SteadyTime now = clock_.steady();
  if (slowed_ && now - *slowed_ < kSecond) return;
  slowed_ = now;
  if (rate_ == 0) {
    rate_ = std::max(kLeast, static_cast<double>(std::max(sent_now_, sent_before_)));
    ceiling_ = 2 * rate_;
    tokens_ = 0;
    at_ = now;
  }
  set_rate(std::max(kLeast, rate_ / 2));
}

void Pace::set_rate(double rate) {
  tokens_ = tokens();
  at_ = clock_.steady();
  rate_ = rate;
}

}  // namespace tracelink
