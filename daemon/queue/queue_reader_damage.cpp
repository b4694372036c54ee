#include <algorithm>
#include <utility>

#include "daemon/queue/queue_reader.hpp"

// Bytes of a segment that hold no record: found, skipped, counted and copied.
namespace tracelink {

bool QueueReader::skip_known_gap() {
  const auto gap =
      std::ranges::find_if(gaps_, [&](const Gap& known) { return known.begin == offset_; });
  if (gap == gaps_.end()) return false;
  order_.spans_before += gap->spans;
  order_.changes_before += gap->changes;
  if (order_.sequence != 0) order_.sequence += gap->records;
  move_to(gap->end);
  return true;
}

JournalEntry QueueReader::damage_before(std::uint64_t end, const View& view) {
  auto spans_after = view.spans_end;
  auto changes_after = view.changes_end;
  auto sequence_after = view.next_sequence;
  if (end < view.end) {
    if (const auto next = reader_->read(end, view.end)) {
      spans_after = next->header.spans_before;
      changes_after = next->header.changes_before;
      sequence_after = next->header.sequence;
    }
  }
  std::uint64_t spans = spans_after - order_.spans_before;
  std::uint64_t changes = changes_after - order_.changes_before;
  std::uint64_t records = order_.sequence == 0 ? 1 : sequence_after - order_.sequence;
  std::uint64_t bytes = end - offset_;
  const auto accounted = [&](std::uint64_t known_spans, std::uint64_t known_changes,
                             std::uint64_t known_records, std::uint64_t known_bytes) {
    spans -= std::min(spans, known_spans);
    changes -= std::min(changes, known_changes);
    records -= std::min(records, known_records);
    bytes -= std::min(bytes, known_bytes);
  };
  for (const auto& gap : gaps_) {
    if (gap.begin >= offset_ && gap.begin < end) {
      accounted(gap.spans, gap.changes, gap.records, gap.end - gap.begin);
    }
  }
  for (const auto& entry : done_) {
    if (entry.offset >= offset_ && entry.offset < end) {
      accounted(entry.spans(), entry.changes, entry.records, entry.bytes);
    }
  }
  order_.spans_before = spans_after;
  order_.changes_before = changes_after;
  order_.sequence = sequence_after;
  return {.offset = offset_,
          .damaged = static_cast<std::uint32_t>(spans + changes),
          .records = static_cast<std::uint32_t>(records),
          .bytes = static_cast<std::uint32_t>(bytes),
          .changes = static_cast<std::uint32_t>(changes)};
}

Result<RawRecord> QueueReader::read_at_cursor(const View& view) {
  auto raw = reader_->read(offset_, view.end);
  if (!raw || order_.is_followed_by(raw->header, offset_)) return raw;
  return Error{ErrorCode::corrupt, "segment " + std::to_string(place_) + " offset " +
                                       std::to_string(offset_) + ": a record out of order"};
}

bool QueueReader::skip_damage(const View& view) {
  const auto begin = offset_;
  const auto end = reader_->find_record(begin, view.end, order_);
  if (reader_->failure()) return false;  // how far the damage goes is not known
  const auto before = order_;
  const auto entry = damage_before(end, view);
  const Gap gap{.begin = begin,
                .end = end,
                .spans = order_.spans_before - before.spans_before,
                .changes = order_.changes_before - before.changes_before,
                .records = before.sequence == 0 ? 1 : order_.sequence - before.sequence};
  const auto id = reader_->segment_id();
  move_to(end);
  remember_gap(gap);
  copy_damaged();
  if (entry.records == 0) return false;
  core_.state.lock()->count_damage(place_, id, entry);
  return true;
}

// It stays lost for a rescan, even if the disk can read it by then.
void QueueReader::remember_gap(const Gap& gap) {
  const auto state = core_.state.lock();
  const auto segment = current(*state);
  if (!segment) return;
  segment->gaps.push_back(gap);
  segment->uncopied.push_back(gap);
}

// If it fails now, it is tried again before the segment is deleted.
void QueueReader::copy_damaged() {
  const auto segment = current(*core_.state.lock());
  if (segment) (void)store_.copy_damaged(segment);
}

}  // namespace tracelink
