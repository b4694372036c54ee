#include <algorithm>

#include "daemon/queue/recovery.hpp"

// How Recovery counts what a segment holds, and what of it is lost.
namespace tracelink {
namespace {

// Spans and records that the journal says are done in [begin, end).
struct DoneInRange {
  std::uint64_t spans = 0;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
};
DoneInRange done_in(const std::vector<JournalEntry>& journal, std::uint64_t begin,
                    std::uint64_t end) {
  DoneInRange done;
  for (const auto& entry : journal) {
    if (entry.offset < begin || entry.offset >= end) continue;
    done.spans += entry.spans();
    done.records += entry.records;
    done.bytes += entry.bytes;
  }
  return done;
}

}  // namespace

void Recovery::account(Segment& segment, const SegmentContent& content,
                       const std::vector<JournalEntry>& journal) {
  auto counts = content.counts;
  for (const auto& gap : content.gaps) {
    // Of a torn group only what was delivered all the same is known to have been there.
    const auto done = done_in(journal, gap.begin, gap.end);
    counts.spans += gap.torn ? done.spans : gap.spans;
    counts.records += gap.torn ? done.records : gap.records;
    counts.record_bytes += done.bytes;
  }
  const auto behind = done_in(journal, content.end, UINT64_MAX);
  counts.spans += behind.spans;
  counts.records += behind.records;
  counts.record_bytes += behind.bytes;

  segment.end = content.end;
  segment.next_sequence = content.next_sequence;
  segment.spans_end = content.spans_end;
  segment.gaps = content.gaps;
  segment.set_counts(counts);
  for (const auto& entry : journal) segment.add_done(entry);
  for (const auto& gap : content.gaps) account_gap(segment, gap, journal);
  segment.charged_bytes = content.end + kFooterBytes + journal_bytes(counts.records);
}

void Recovery::account_gap(Segment& segment, const Gap& gap,
                           const std::vector<JournalEntry>& journal) {
  const auto done = done_in(journal, gap.begin, gap.end);
  if (gap.torn || (done.spans >= gap.spans && done.records >= gap.records)) return;
  const JournalEntry entry{
      .offset = gap.begin,
      .damaged = static_cast<std::uint32_t>(gap.spans - std::min(done.spans, gap.spans)),
      .records = static_cast<std::uint32_t>(gap.records - std::min(done.records, gap.records)),
      .bytes = 0};
  segment.add_done(entry);
  segment.unsaved.push_back(entry);
}

// What a segment without a footer lost at its end looks like a torn group, until the next segment
// tells how many spans had been stored. What is missing behind a whole one was in a segment that is
// gone.
void Recovery::account_losses() {
  if (!found_.empty() || std::exchange(losses_accounted_, true)) return;
  store_.change_totals([this] { account_missing_spans(); });
  core_.signal.want_moves();
}

void Recovery::account_missing_spans() {
  auto known = retired_spans_ + adopted_spans_;
  std::uint64_t open_before = 0;  // the segment before, if it has no footer
  for (const auto& [id, loaded] : loaded_) {
    const auto first_span = loaded.header ? loaded.header->first_span : known;
    if (first_span > known && totals_lost_ && open_before == 0) {
      const auto state = core_.state.lock();
      state->saved.unaccounted += first_span - known;
      state->next_span += first_span - known;
    } else if (first_span > known) {
      account_loss(open_before, first_span - known);
    }
    known = std::max(known, first_span) + loaded.spans;
    open_before = loaded.closed ? 0 : id;
  }
  const auto state = core_.state.lock();
  state->totals_known = true;
  state->next_span = std::max(state->next_span, known);
}

void Recovery::account_loss(std::uint64_t before, std::uint64_t spans) {
  std::shared_ptr<Segment> segment;
  {
    const auto state = core_.state.lock();
    state->next_span += spans;
    segment = state->find(before);
    if (!segment) {
      state->saved.retired.accepted += spans;
      state->saved.retired.damaged += spans;
      return;
    }
    auto counts = segment->counts;
    counts.spans += spans;
    counts.records += 1;  // at least
    segment->set_counts(counts);
    const JournalEntry entry{
        .offset = segment->end, .damaged = static_cast<std::uint32_t>(spans), .records = 1};
    segment->add_done(entry);
    segment->unsaved.push_back(entry);
    ++state->unsaved_entries;
    state->note_done(*segment);
  }
  keep_lost_tail(*segment);
}

void Recovery::keep_lost_tail(Segment& segment) {
  auto file = core_.fs.open_read_only(core_.paths.segment(segment.id));
  const auto size = file ? (*file)->size() : Result<std::uint64_t>(file.error());
  if (!size) return core_.count_failure();
  if (*size == segment.end || *size == 0) return;
  {
    const auto state = core_.state.lock();
    // Shorter: it lost even the place where its records began.
    segment.uncopied.push_back({.begin = *size < segment.end ? 0 : segment.end, .end = *size});
  }
  (void)store_.copy_damaged(segment);  // else before it is deleted
}

}  // namespace tracelink
