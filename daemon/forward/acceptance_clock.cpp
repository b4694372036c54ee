#include "daemon/forward/acceptance_clock.hpp"

#include <algorithm>
#include <iterator>

namespace tracelink {

namespace {

// Two clocks drift apart, and two records of one moment may come in any order.
constexpr std::chrono::seconds kNoise{1};
constexpr std::size_t kMaxCorrections = 1'000;

}  // namespace

SteadyTime AcceptanceClock::by_wall(WallTime accepted_at, Correction correction) const {
  return start_ + std::chrono::duration_cast<SteadyTime::duration>(accepted_at - start_wall_) +
         correction;
}

AcceptanceClock::Correction AcceptanceClock::correction_at(std::uint64_t sequence) const {
  const auto next = corrections_.upper_bound(sequence);
  return next == corrections_.begin() ? Correction(0) : std::prev(next)->second;
}

SteadyTime AcceptanceClock::of(const StoredRecord& stored) {
  const SteadyTime now = clock_.steady();
  const WallTime accepted_at = stored.record.accepted_at;
  const SteadyTime told = by_wall(accepted_at, correction_at(stored.sequence));
  // A replayed dead letter has its old time under a new sequence.
  if (stored.replayed || stored.sequence <= last_sequence_) return std::min(told, now);
  // Where the clock was set, "now" is what is certain not to make a trace older than it is.
  const bool was_set = last_ - told > kNoise || told - now > kNoise;
  const SteadyTime possible = was_set ? now : std::clamp(told, std::min(last_, now), now);
  if (was_set) {
    corrections_[stored.sequence] = possible - by_wall(accepted_at, Correction(0));
    if (corrections_.size() > kMaxCorrections) corrections_.erase(corrections_.begin());
  }
  last_sequence_ = stored.sequence;
  last_ = possible;
  return possible;
}

}  // namespace tracelink
