#include "daemon/queue/compaction_plan.hpp"

#include <algorithm>

namespace tracelink {
namespace {

constexpr std::size_t kManyFiles = 8;
constexpr std::uint64_t kSmallShare = 16;  // of a new segment: what makes a segment a small one

class Chooser {
 public:
  Chooser(std::span<const MoveCandidate> segments, const MovePolicy& policy)
      : segments_(segments), policy_(policy) {}

  std::optional<MoveRun> run() {
    std::optional<MoveRun> best;
    for (std::size_t seed = 0; seed < segments_.size(); ++seed) {
      if (!is_sparse(segments_[seed])) continue;
      const MoveRun run = grow(seed);
      if (run.gain_bytes < std::max<std::uint64_t>(policy_.min_gain_bytes, 1)) continue;
      if (!best || run.gain_bytes > best->gain_bytes) best = run;
    }
    return best ? best : many_small();
  }

 private:
  bool is_sparse(const MoveCandidate& segment) const {
    return segment.movable &&
           segment.moved_bytes * 8 <= segment.charged_bytes * policy_.live_eighths;
  }
  bool is_small(const MoveCandidate& segment) const {
    return segment.movable && segment.charged_bytes <= policy_.max_bytes / kSmallShare;
  }

  std::optional<MoveRun> many_small() const {
    for (std::size_t seed = 0; seed < segments_.size(); ++seed) {
      if (!is_small(segments_[seed])) continue;
      const MoveRun run = grow(seed);
      if (run.end - run.begin >= kManyFiles) return run;
    }
    return std::nullopt;
  }

  MoveRun grow(std::size_t seed) const {
    MoveRun run{.begin = seed, .end = seed + 1};
    std::uint64_t moved = segments_[seed].moved_bytes;
    std::uint64_t charged = segments_[seed].charged_bytes;
    const auto take = [&](const MoveCandidate& next) {
      const bool joins = is_sparse(next) || (next.movable && next.moved_bytes <= moved);
      if (!joins || moved + next.moved_bytes + policy_.overhead_bytes > policy_.max_bytes) {
        return false;
      }
      moved += next.moved_bytes;
      charged += next.charged_bytes;
      return true;
    };
    for (bool grew = true; grew;) {
      grew = false;
      while (run.end < segments_.size() && take(segments_[run.end])) grew = ++run.end > 0;
      while (run.begin > 0 && take(segments_[run.begin - 1])) grew = run.begin-- > 0;
    }
    const std::uint64_t then = moved + policy_.overhead_bytes;
    run.gain_bytes = charged - std::min(charged, then);
    return run;
  }

  const std::span<const MoveCandidate> segments_;
  const MovePolicy& policy_;
};

}  // namespace

std::optional<MoveRun> choose_move(std::span<const MoveCandidate> segments,
                                   const MovePolicy& policy) {
  return Chooser(segments, policy).run();
}

}  // namespace tracelink
