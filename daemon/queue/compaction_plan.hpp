#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace tracelink {

// A segment as far as the choice of what to move needs to know it.
struct MoveCandidate {
  bool movable = false;             // closed, and readable when it was last tried
  std::uint64_t charged_bytes = 0;  // on the disk now, its journal included
  std::uint64_t moved_bytes = 0;    // of its live records in another segment, journal included
};

struct MovePolicy {
  std::uint64_t live_eighths = 2;    // a segment that is live to at most so much is worth moving
  std::uint64_t min_gain_bytes = 0;  // less is not worth a new file
  std::uint64_t max_bytes = 0;       // of the new segment, except that one source is always enough
  std::uint64_t overhead_bytes = 0;  // of the new segment itself
};

// Segments [begin, end) that are moved together, and what that gives back.
struct MoveRun {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::uint64_t gain_bytes = 0;
  bool operator==(const MoveRun&) const = default;
};

// The neighbours whose move gives back most; without any worth it, many small neighbours that
// become one file. Neighbours only, so that the new segment takes their place in the order of
// acceptance. A segment that is mostly live is moved with others only if it is not larger than what
// is moved anyway, so that a record is copied a logarithmic number of times.
std::optional<MoveRun> choose_move(std::span<const MoveCandidate> segments,
                                   const MovePolicy& policy);

}  // namespace tracelink
