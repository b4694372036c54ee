#pragma once

#include <cstdint>
#include <memory>

#include "daemon/queue/queue_core.hpp"
#include "daemon/queue/segment_reader.hpp"
#include "daemon/queue/segment_store.hpp"

namespace tracelink {

// Reads again, for a retry, what QueueReader::next() gave and nobody has completed.
//
// Memory: one read window; the file that was read last stays open. Threads: one (the forwarder).
// Lifetime: the references outlive this object.
class InFlightReader {
 public:
  InFlightReader(QueueCore& core, SegmentStore& store) : core_(core), store_(store) {}

  // As RecordSource::read().
  Result<StoredRecord> read(Position position);

 private:
  Result<StoredRecord> read_at(Position position, const InFlight& known, std::uint64_t place,
                               std::uint64_t id, std::uint64_t end);
  bool was_moved(Position position, std::uint64_t from) const;
  void keep_damaged(std::uint64_t place, std::uint64_t id, const Gap& gap);
  Error count_lost(Position position, std::uint64_t id, Error cause);

  QueueCore& core_;
  SegmentStore& store_;
  std::unique_ptr<SegmentReader> reader_;
};

}  // namespace tracelink
