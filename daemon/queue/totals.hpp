#pragma once

#include <cstdint>

namespace tracelink {

// The terms of docs/design.md#p2, of spans or of changes of traces. Arithmetic is modulo 2^64: a
// segment that holds replayed spans has a "negative" share of dead_lettered, and the sum over all
// segments is right again.
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
  // Takes in what is stored now, and was not before.
  void add_stored(std::uint64_t all, std::uint64_t of_them_replayed);
  // How many were ever stored: replayed ones once more.
  std::uint64_t stored() const { return accepted + replayed; }
  bool operator==(const Totals&) const = default;
};

struct Balance {
  Totals spans;
  Totals changes;

  Balance& operator+=(const Balance& other);
  bool operator==(const Balance&) const = default;
};

}  // namespace tracelink
