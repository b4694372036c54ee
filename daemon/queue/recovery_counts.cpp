#include <algorithm>

#include "daemon/queue/recovery.hpp"

// How Recovery counts what a segment holds, and what of it is lost.
namespace tracelink {
namespace {

// What the journal says is done in [begin, end).
struct DoneInRange {
  std::uint64_t spans = 0;
  std::uint64_t changes = 0;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
};
DoneInRange done_in(const std::vector<JournalEntry>& journal, std::uint64_t begin,
                    std::uint64_t end) {
  DoneInRange done;
  for (const auto& entry : journal) {
    if (entry.offset < begin || entry.offset >= end) continue;
    done.spans += entry.spans();
    done.changes += entry.changes;
    done.records += entry.records;
    done.bytes += entry.bytes;
  }
  return done;
}

// How many changes are missing before a segment, if `known` are known to be there.
std::uint64_t missing_changes(const std::optional<SegmentHeader>& header, std::uint64_t known) {
  if (!header || header->version < kFirstVersionWithChanges) return 0;
  const auto ahead = static_cast<std::int32_t>(header->first_change -  // modulo 2^32
                                               static_cast<std::uint32_t>(known));
  return ahead > 0 ? static_cast<std::uint64_t>(ahead) : 0;
}

}  // namespace

void Recovery::account(Segment& segment, const SegmentContent& content,
                       const std::vector<JournalEntry>& journal) {
  auto counts = content.counts;
  for (const auto& gap : content.gaps) {
    // Of a torn group only what was delivered all the same is known to have been there.
    const auto done = done_in(journal, gap.begin, gap.end);
    counts.spans += gap.torn ? done.spans : gap.spans;
    counts.changes += gap.torn ? done.changes : gap.changes;
    counts.records += gap.torn ? done.records : gap.records;
    counts.record_bytes += done.bytes;
  }
  const auto behind = done_in(journal, content.end, UINT64_MAX);
  counts.spans += behind.spans;
  counts.changes += behind.changes;
  counts.records += behind.records;
  counts.record_bytes += behind.bytes;

  segment.end = content.end;
  segment.next_sequence = content.next_sequence;
  segment.spans_end = content.spans_end;
  segment.changes_end = content.changes_end;
  segment.gaps = content.gaps;
  segment.set_counts(counts);
  for (const auto& entry : journal) segment.add_done(entry);
  for (const auto& gap : content.gaps) account_gap(segment, gap, journal);
  segment.charged_bytes = content.end + kFooterBytes + journal_bytes(counts.records);
}

void Recovery::account_gap(Segment& segment, const Gap& gap,
                           const std::vector<JournalEntry>& journal) {
  const auto done = done_in(journal, gap.begin, gap.end);
  const auto spans = gap.spans - std::min(done.spans, gap.spans);
  const auto changes = gap.changes - std::min(done.changes, gap.changes);
  const auto records = gap.records - std::min(done.records, gap.records);
  if (gap.torn || spans + changes + records == 0) return;
  const JournalEntry entry{.offset = gap.begin,
                           .damaged = static_cast<std::uint32_t>(spans + changes),
                           .records = static_cast<std::uint32_t>(records),
                           .bytes = 0,
                           .changes = static_cast<std::uint32_t>(changes)};
  segment.add_done(entry);
  segment.unsaved.push_back(entry);
}

// What a segment without a footer lost at its end looks like a torn group, until the next segment
// tells how much had been stored. What is missing behind a whole one was in a segment that is
// gone.
void Recovery::account_losses() {
  if (!found_.empty() || std::exchange(losses_accounted_, true)) return;
  store_.change_totals([this] { account_missing_spans(); });
  core_.signal.want_moves();
}

void Recovery::account_missing_spans() {
  auto known = retired_spans_ + adopted_spans_;
  auto known_changes = retired_changes_ + adopted_changes_;
  std::uint64_t open_before = 0;  // the segment before, if it has no footer
  for (const auto& [id, loaded] : loaded_) {
    const auto first_span = loaded.header ? loaded.header->first_span : known;
    const auto spans = first_span - std::min(known, first_span);
    const auto changes = missing_changes(loaded.header, known_changes);
    if (totals_lost_ && open_before == 0) {
      const auto state = core_.state.lock();
      state->saved.unaccounted += spans;
      state->saved.unaccounted_changes += changes;
      state->next_span += spans;
      state->next_change += changes;
    } else if (spans + changes > 0) {
      account_loss(open_before, spans, changes);
    }
    known += spans + loaded.spans;
    known_changes += changes + loaded.changes;
    open_before = loaded.closed ? 0 : id;
  }
  const auto state = core_.state.lock();
  state->totals_known = true;
  state->next_span = std::max(state->next_span, known);
  state->next_change = std::max(state->next_change, known_changes);
}

void Recovery::account_loss(std::uint64_t before, std::uint64_t spans, std::uint64_t changes) {
  std::shared_ptr<Segment> segment;
  {
    const auto state = core_.state.lock();
    state->next_span += spans;
    state->next_change += changes;
    segment = state->find(before);
    if (!segment) {
      state->saved.retired.spans.accepted += spans;
      state->saved.retired.spans.damaged += spans;
      state->saved.retired.changes.accepted += changes;
      state->saved.retired.changes.damaged += changes;
      return;
    }
    auto counts = segment->counts;
    counts.spans += spans;
    counts.changes += changes;
    counts.records += 1;  // at least
    segment->set_counts(counts);
    const JournalEntry entry{.offset = segment->end,
                             .damaged = static_cast<std::uint32_t>(spans + changes),
                             .records = 1,
                             .changes = static_cast<std::uint32_t>(changes)};
    segment->add_done(entry);
    segment->unsaved.push_back(entry);
    ++state->unsaved_entries;
    state->note_done(*segment);
  }
  keep_lost_tail(segment);
}

void Recovery::keep_lost_tail(const std::shared_ptr<Segment>& segment) {
  auto file = core_.fs.open_read_only(core_.paths.segment(segment->id));
  const auto size = file ? (*file)->size() : Result<std::uint64_t>(file.error());
  if (!size) return core_.count_failure();
  const auto end = segment->end;
  if (*size == end || *size == 0) return;
  {
    const auto state = core_.state.lock();
    // Shorter: it lost even the place where its records began.
    segment->uncopied.push_back({.begin = *size < end ? 0 : end, .end = *size});
  }
  (void)store_.copy_damaged(segment);  // else before it is deleted
}

}  // namespace tracelink
