#pragma once

#include <cstdint>

namespace tracelink {

// The terms of docs/design.md#p2, in spans. Arithmetic is modulo 2^64: a segment that holds
// replayed spans has a "negative" share of dead_lettered, and the sum over all segments is right
// again.
struct Totals {
  std::uint64_t accepted = 0;
  std::uint64_t delivered = 0;
  std::uint64_t dead_lettered = 0;
  std::uint64_t duplicate = 0;
  std::uint64_t dropped_policy = 0;
  std::uint64_t dropped_age = 0;
  std::uint64_t dropped_removed = 0;
  std::uint64_t damaged = 0;
  std::uint64_t replayed = 0;  // ever came back from dead letters; no term of the sum

  Totals& operator+=(const Totals& other);
  // What is neither delivered nor explained: still to be sent.
  std::uint64_t queued() const;
  bool operator==(const Totals&) const = default;
};

}  // namespace tracelink
