#include "daemon/queue/wall_clock_steps.hpp"

#include <iterator>

namespace tracelink {
namespace {

// Two clocks drift apart, and are read one after the other.
constexpr std::chrono::seconds kNoise{1};
constexpr std::size_t kMaxSteps = 1'000;

}  // namespace

WallClockSteps::WallClockSteps(const Clock& clock) : clock_(clock) {
  offsets_[0] = offset_now();  // of what was accepted before this process, as far as it can know
}

WallClockSteps::Offset WallClockSteps::offset_now() const {
  return std::chrono::duration_cast<Offset>(clock_.wall().time_since_epoch()) -
         std::chrono::duration_cast<Offset>(clock_.steady().time_since_epoch());
}

void WallClockSteps::note(std::uint64_t sequence) {
  const Offset now = offset_now();
  const auto last = std::prev(offsets_.upper_bound(sequence));
  if (std::chrono::abs(now - last->second) <= kNoise) return;
  offsets_[sequence] = now;
  if (offsets_.size() > kMaxSteps) offsets_.erase(std::next(offsets_.begin()));
}

WallTime WallClockSteps::as_of_now(std::uint64_t sequence, WallTime accepted_at) const {
  const Offset then = std::prev(offsets_.upper_bound(sequence))->second;
  const Offset moved = offset_now() - then;
  if (std::chrono::abs(moved) <= kNoise) return accepted_at;
  return accepted_at + std::chrono::duration_cast<WallTime::duration>(moved);
}

}  // namespace tracelink
