#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/result.hpp"
#include "daemon/queue/totals.hpp"

namespace tracelink {

// A segment of moved records. Their spans and changes are counted as accepted in `retired`.
struct MovedSegment {
  std::uint64_t place = 0;  // the id of the last segment whose place it took
  std::uint64_t records = 0;
  std::uint64_t spans = 0;
  std::uint64_t changes = 0;
  std::uint64_t secret = 0;  // so that its journal can be read without it
  bool operator==(const MovedSegment&) const = default;
};

// What must outlive the segments: replaced as a whole before segments are deleted.
struct Checkpoint {
  Balance retired;  // of every segment ever deleted, `retired_ids` included
  // Spans stored before the totals of deleted segments were lost: what became of them is unknown.
  std::uint64_t unaccounted = 0;
  std::uint64_t unaccounted_changes = 0;
  std::uint64_t next_segment_id = 1;
  std::uint64_t next_sequence = 1;
  // Segments counted in `retired` whose files may still be there: not to be counted again.
  std::vector<std::uint64_t> retired_ids;
  // Where live segments ended when a write or sync failed; bytes behind were stored again
  // elsewhere.
  std::map<std::uint64_t, std::uint64_t> sealed_at;
  // Segments of moved records that took the place of others; one that is not named here never did.
  std::map<std::uint64_t, MovedSegment> moved{};
  bool operator==(const Checkpoint&) const = default;
};

// Two copies of the same content, so that one damaged byte costs nothing.
std::string encode_checkpoint(const Checkpoint& checkpoint);
// `corrupt`: neither copy is whole; `invalid`: of a version that is not known.
Result<Checkpoint> decode_checkpoint(std::string_view bytes);

}  // namespace tracelink
