#include "daemon/queue/segment.hpp"

#include <algorithm>
#include <utility>

namespace tracelink {

void Segment::add_done(const JournalEntry& entry) {
  entry.add_to(totals);
  done_records += entry.records;
  done_bytes += entry.bytes;
}

std::uint64_t Segment::moved_bytes() const {
  const auto records = live_records();
  const auto links = end - std::min(end, key.first_record() + counts.record_bytes);
  constexpr std::uint64_t kMore = kOriginBytes + 2 * kRecordAlignment + kJournalEntryBytes;
  return counts.record_bytes - std::min(done_bytes, counts.record_bytes) + links + records * kMore;
}

void Segment::set_counts(const SegmentCounts& now) {
  if (moved) {  // their spans are counted where they were accepted
    counts = now;
    return;
  }
  totals.spans.add_stored(now.spans - counts.spans, now.replayed_spans - counts.replayed_spans);
  totals.changes.add_stored(now.changes - counts.changes,
                            now.replayed_changes - counts.replayed_changes);
  counts = now;
}

void Segment::replace_done(const std::vector<JournalEntry>& entries) {
  totals = {};
  done_records = done_bytes = 0;
  set_counts(std::exchange(counts, {}));
  for (const auto& entry : entries) add_done(entry);
}

}  // namespace tracelink
