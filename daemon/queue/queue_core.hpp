#pragma once

#include <cstdint>

#include "daemon/base/guarded.hpp"
#include "daemon/base/random_source.hpp"
#include "daemon/queue/disk_reserve.hpp"
#include "daemon/queue/link_store.hpp"
#include "daemon/queue/quarantine.hpp"
#include "daemon/queue/queue.hpp"
#include "daemon/queue/queue_paths.hpp"
#include "daemon/queue/queue_state.hpp"
#include "daemon/queue/trace_notes.hpp"
#include "daemon/queue/writer_signal.hpp"

namespace tracelink {

// What the writer, the reader and recovery of one queue have in common: its state, its small files,
// and where they lie. Each part has its own lock. Locks are taken in the order: the two of
// SegmentStore (checkpoint, journals), `state`, all others.
struct QueueCore {
  QueueCore(QueueOptions options, FileSystem& fs, const Clock& clock, RandomSource& random);

  void count_failure() { ++state.lock()->write_failures; }
  // What counts against max_bytes.
  std::uint64_t used_bytes(const QueueState& now) const;
  QueueStats stats() const;

  const QueueOptions options;
  const QueuePaths paths;
  FileSystem& fs;
  const Clock& clock;
  RandomSource& random;  // the segments' secrets: writer thread
  const std::uint64_t reserve_bytes;
  HeldFiles held;
  DiskReserve reserve;
  Quarantine quarantine;
  LinkStore links;
  TraceNotes notes;
  WriterSignal signal;
  Guarded<QueueState> state;
};

}  // namespace tracelink
