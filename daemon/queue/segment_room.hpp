#pragma once

#include <cstdint>
#include <memory>

#include "daemon/queue/queue_core.hpp"
#include "daemon/queue/segment_store.hpp"
#include "daemon/queue/segment_writer.hpp"

namespace tracelink {

inline constexpr std::uint64_t kSegmentFloorBytes = 8192;

// What is held back for one segment of this size, with its journal and the bookkeeping.
std::uint64_t reserve_for(std::uint64_t segment_bytes);
// What is held back on the disk while the next segment has `size` bytes.
std::uint64_t reserve_beside(std::uint64_t size, const QueueOptions& options);
// Of the next segment: as configured, less while the disk has little room.
std::uint64_t affordable_segment_bytes(FileSystem& fs, const QueueOptions& options);

// Where the writer's next segment finds room: in the bound, and on the disk.
// Threads: the writer's, except can_ever_fit(). Lifetime: the references outlive this object.
class SegmentRoom {
 public:
  SegmentRoom(QueueCore& core, SegmentStore& store) : core_(core), store_(store) {}

  bool can_ever_fit(std::uint64_t bytes, std::uint64_t records) const;
  // Whether the bound and the disk leave room for a new segment that takes this, once `closing` (if
  // any) is closed and, when all of it is done, deleted.
  bool has_room(std::uint64_t bytes, std::uint64_t records, const SegmentWriter* closing) const;
  // `no_space` when the bound or the disk is reached, unless `use_reserve`.
  Result<std::unique_ptr<SegmentWriter>> open_segment(std::uint64_t bytes, std::uint64_t records,
                                                      bool use_reserve);
  // Counts the oldest closed segment's records as dropped and deletes it, to make room for
  // `bytes`. False: there is none, the earlier drops have not had their effect yet, or what else
  // counts against the bound leaves no room even if all of them went, and `closing` (if any) too.
  bool drop_oldest_segment(std::uint64_t bytes, std::uint64_t records,
                           const SegmentWriter* closing);

 private:
  // What closing that segment gives back.
  static std::uint64_t freed_by_closing(const QueueState& state, const SegmentWriter& closing);

  QueueCore& core_;
  SegmentStore& store_;
};

}  // namespace tracelink
