#include "daemon/queue/recovery.hpp"

#include <algorithm>
#include <array>

namespace tracelink {
namespace {

// Added to the highest id seen when the record of used ids is lost.
constexpr std::uint64_t kIdJump = std::uint64_t{1} << 32;

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

Result<void> QueueCore::recover() { return Recovery(*this).run(); }

Result<void> Recovery::run() {
  if (auto made = make_directories(); !made) return made;
  if (auto opened = core_.quarantine.open(); !opened) return opened;
  if (auto opened = core_.links.open(); !opened) return opened;
  if (auto loaded = load_checkpoint(); !loaded) return loaded;
  if (auto found = find_files(); !found) return found;
  if (auto settled = settle_moves(); !settled) return settled;
  if (auto deleted = delete_leftovers(); !deleted) return deleted;
  for (const auto& [id, info] : core_.moved_) {
    if (auto loaded = load_moved(id, found_[id].journal_generations); !loaded) return loaded;
  }
  for (const auto& [id, found] : found_) {
    if (!found.segment || core_.moved_.contains(id)) continue;
    if (auto loaded = load_segment(id, found.journal_generations); !loaded) return loaded;
  }
  if (auto opened = core_.notes.open(); !opened) return opened;
  core_.maintenance_due = core_.look_for_moves = true;
  core_.reserve.restore();
  return {};
}

Result<void> Recovery::make_directories() {
  const std::array directories = {core_.paths.queue, core_.paths.links, core_.paths.quarantine};
  for (const auto& directory : directories) {
    if (auto made = core_.fs.create_directories(directory); !made) return made;
  }
  const auto& state = core_.options.state_dir;
  for (const auto& parent : {state.parent_path(), state, state / "models"}) {
    if (parent.empty()) continue;
    if (auto synced = core_.fs.sync_directory(parent); !synced) return synced;
  }
  return {};
}

Result<void> Recovery::load_checkpoint() {
  const auto path = core_.paths.checkpoint();
  const auto there = core_.fs.exists(path);
  if (!there) return there.error();
  if (!*there) return {};
  const auto content = read_file(core_.fs, path);
  if (!content) return content.error();
  auto checkpoint = decode_checkpoint(*content);
  if (!checkpoint) {
    checkpoint_lost_ = true;
    return core_.quarantine.set_aside(path);
  }
  core_.retired_ = checkpoint->retired;
  core_.next_span = checkpoint->retired.accepted + checkpoint->retired.replayed;
  core_.next_segment_id = checkpoint->next_segment_id;
  core_.next_sequence = checkpoint->next_sequence;
  core_.retired_ids_ = std::move(checkpoint->retired_ids);
  core_.sealed_at_ = std::move(checkpoint->sealed_at);
  core_.moved_ = std::move(checkpoint->moved);
  return {};
}

Result<void> Recovery::find_files() {
  const auto names = core_.fs.list(core_.paths.queue);
  if (!names) return names.error();
  for (const auto& name : *names) {
    if (const auto id = QueuePaths::parse_segment(name)) {
      found_[*id].segment = true;
    } else if (const auto journal = QueuePaths::parse_journal(name)) {
      auto& generations = found_[journal->segment_id].journal_generations;
      generations = std::max(generations, journal->generation + 1);
    }
  }
  if (found_.empty()) return {};
  auto& next = core_.next_segment_id;
  next = std::max(next, found_.rbegin()->first + 1);
  if (checkpoint_lost_) next += kIdJump;
  return {};
}

// Files of segments that the checkpoint has counted, and journals without a segment.
Result<void> Recovery::delete_leftovers() {
  const auto& retired = core_.retired_ids_;
  bool deleted = false;
  for (auto& [id, found] : found_) {
    const bool counted = std::ranges::find(retired, id) != retired.end();
    if ((found.segment || core_.moved_.contains(id)) && !counted) continue;
    found.segment = false;
    deleted = true;
    if (auto gone = core_.fs.remove(core_.paths.segment(id)); !gone) return gone;
    DeliveryJournal journal(core_.fs, core_.paths, {.segment_id = id}, found.journal_generations);
    if (auto gone = journal.remove(); !gone) return gone;
  }
  if (deleted) {
    if (auto synced = core_.fs.sync_directory(core_.paths.queue); !synced) return synced;
  }
  core_.retired_ids_.clear();
  return {};
}

Result<void> Recovery::load_segment(std::uint64_t id, std::uint64_t generations) {
  auto content = read_content(id);
  if (!content && content.error().code == ErrorCode::invalid) {
    scanned_ = nullptr;
    return core_.quarantine.set_aside(core_.paths.segment(id));
  }
  if (!content) return std::move(content).error();
  const auto& origin = content->origin;
  auto journal = DeliveryJournal::load(core_.fs, core_.paths, origin.key, generations);
  // Unreadable even now: its steps are repeated, and end in the same stored traces.
  if (!journal) journal = std::vector<JournalEntry>();
  if (origin.header) account_lost_tail(*origin.header);

  auto segment = std::make_shared<Segment>();
  segment->id = segment->place = id;
  segment->done_at = core_.clock.steady();
  segment->key = origin.key;
  segment->first_sequence = origin.header ? origin.header->first_sequence : 0;
  segment->closed = true;
  segment->first_span = core_.next_span;
  segment->journal =
      std::make_unique<DeliveryJournal>(core_.fs, core_.paths, origin.key, generations);
  account(*segment, *content, *journal);
  core_.next_span += segment->counts.spans;
  core_.next_sequence = std::max(core_.next_sequence, content->next_sequence);
  scanned_ = content->closed ? nullptr : segment.get();
  core_.segments.emplace(id, std::move(segment));
  return {};
}

Result<SegmentContent> Recovery::read_content(std::uint64_t id) {
  const auto path = core_.paths.segment(id);
  auto file = core_.fs.open_read_only(path);
  if (!file) return std::move(file).error();
  const auto size = (*file)->size();
  if (!size) return size.error();
  const auto origin = read_segment_origin(**file, id);
  if (!origin) return origin.error();
  SegmentReader reader(*std::move(file), origin->key);
  const auto sealed = core_.sealed_at_.find(id);
  if (sealed != core_.sealed_at_.end()) {
    return scan(reader, *origin, std::min(sealed->second, *size));
  }
  if (auto content = read_footer(reader, *origin, *size)) return *std::move(content);
  harden(id, *size);
  auto content = scan(reader, *origin, *size);
  const bool newest = id == found_.rbegin()->first;
  if (!origin->header && newest && content.counts.records == 0) keep_unless_blank(reader, *size);
  return content;
}

SegmentContent Recovery::scan(SegmentReader& reader, const SegmentOrigin& origin,
                              std::uint64_t end) {
  const auto on_link = [&](std::string_view encoded) {
    if (!core_.links.learn(encoded)) core_.count_failure();
  };
  auto content = scan_segment(reader, origin, end, on_link);
  for (const auto& gap : content.gaps) {
    if (!gap.torn) keep_damaged_bytes(reader, gap);
  }
  return content;
}

void Recovery::harden(std::uint64_t id, std::uint64_t file_bytes) {
  const auto file = core_.fs.open(core_.paths.segment(id));
  const bool hard = file && (*file)->sync() && (*file)->truncate(file_bytes);
  if (!hard) core_.count_failure();  // nothing acknowledged depends on it
}

void Recovery::keep_damaged_bytes(SegmentReader& reader, const Gap& gap) {
  const auto bytes = reader.raw_bytes(gap.begin, static_cast<std::size_t>(gap.end - gap.begin));
  const auto name = QueuePaths::hex16(reader.segment_id()) + "-" + std::to_string(gap.begin);
  if (!core_.quarantine.keep(name, bytes)) core_.count_failure();
}

void Recovery::keep_unless_blank(SegmentReader& reader, std::uint64_t file_bytes) {
  const auto bytes = reader.raw_bytes(0, static_cast<std::size_t>(file_bytes));
  if (bytes.find_first_not_of('\0') == std::string::npos) return;  // a crash while it was created
  keep_damaged_bytes(reader, {.begin = 0, .end = file_bytes});
}

// What a segment without a footer lost at its end looks like a torn group, until the next segment
// tells how many spans had been stored.
void Recovery::account_lost_tail(const SegmentHeader& next) {
  const auto known = std::exchange(core_.next_span, std::max(core_.next_span, next.first_span));
  if (!scanned_ || known >= next.first_span) return;
  const auto records =
      scanned_->next_sequence == 0 ? 1 : next.first_sequence - scanned_->next_sequence;
  auto counts = scanned_->counts;
  counts.spans += next.first_span - known;
  counts.records += records;
  scanned_->set_counts(counts);
  count_damaged(*scanned_, {.offset = scanned_->end,
                            .damaged = static_cast<std::uint32_t>(next.first_span - known),
                            .records = static_cast<std::uint32_t>(records)});
  keep_lost_tail(*scanned_);
}

void Recovery::keep_lost_tail(const Segment& segment) {
  auto file = core_.fs.open_read_only(core_.paths.segment(segment.id));
  const auto size = file ? (*file)->size() : Result<std::uint64_t>(file.error());
  if (!size) return core_.count_failure();
  if (*size == segment.end || *size == 0) return;
  SegmentReader reader(*std::move(file), segment.key);
  // Shorter: it lost even the place where its records began.
  keep_damaged_bytes(reader, {.begin = *size < segment.end ? 0 : segment.end, .end = *size});
}

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
  segment.charged_bytes =
      content.end + kFooterBytes + kJournalHeaderBytes + counts.records * kJournalEntryBytes;
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
  count_damaged(segment, entry);
}

void Recovery::count_damaged(Segment& segment, const JournalEntry& entry) {
  segment.add_done(entry);
  segment.unsaved.push_back(entry);
  ++core_.unsaved_entries_;
}

}  // namespace tracelink
