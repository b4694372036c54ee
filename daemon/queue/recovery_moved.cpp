#include <algorithm>
#include <ranges>

#include "daemon/queue/recovery.hpp"

// How Recovery tells the segments of moved records that count from those that do not.
namespace tracelink {

Result<void> Recovery::finish_moves_without_checkpoint() {
  const auto copies = find_copies();
  if (!copies) return copies.error();
  for (const auto& [id, copy] : std::views::reverse(*copies)) {  // the sources of a move are older
    if (auto finished = finish_move_without_checkpoint(id, *copies); !finished) return finished;
  }
  return {};
}

// All of them have to be readable for this.
Result<Recovery::Copies> Recovery::find_copies() const {
  Copies copies;
  for (const auto& [id, found] : found_) {
    if (!found.segment || adopted_.contains(id)) continue;
    const auto moved = is_copy(id);
    if (!moved) return moved.error();
    if (!*moved) continue;
    Copy copy;
    const auto origins = origins_of(id, copy.complete);
    if (!origins) return origins.error();
    if (!origins->empty()) copy.range = Range{*origins->begin(), *origins->rbegin()};
    copies.emplace(id, copy);
  }
  return copies;
}

// Without the checkpoint, what is left of the sources tells: no source, and it took their place; a
// complete one has all that is live of them; an incomplete one beside a source was never finished.
// Where a copy belongs in the order is told by what was moved to it, and not by its id.
Result<void> Recovery::finish_move_without_checkpoint(std::uint64_t id, const Copies& copies) {
  const auto& [origins, complete] = copies.at(id);
  if (!origins) return set_aside_segment(id);
  const Range range = *origins;
  const auto is_older_source = [&](const auto& other) {
    return other.first < id && other.second.range && other.second.range->overlaps(range);
  };
  std::vector<std::uint64_t> sources;
  for (const auto& [other, found] : found_) {
    if (!found.segment || copies.contains(other) || adopted_.contains(other)) continue;
    if (other >= range.first && other <= range.last) sources.push_back(other);
  }
  const bool is_beside = !sources.empty() || std::ranges::any_of(copies, is_older_source);
  if (is_beside && !complete) return set_aside_segment(id);
  for (const auto source : sources) {
    if (auto gone = set_aside_segment(source); !gone) return gone;
  }
  for (const auto& [newer, other] : adopted_) {  // it has what is live of this one
    if (other.overlaps(range)) return set_aside_segment(id);
  }
  adopted_[id] = range;
  const auto state = core_.state.lock();
  state->saved.moved[id] = {.place = range.last};
  return {};
}

// The checkpoint does not name it, so it was given up, or the crash came first: the sources have
// all that it has. If some are gone, somebody put an older checkpoint back, and this may be all
// that is left of them.
Result<void> Recovery::load_unnamed(std::uint64_t id, const Found& found) {
  bool complete = false;
  const auto origins = origins_of(id, complete);
  if (!origins) return origins.error();
  const auto missing = complete ? without_file(*origins) : Origins();
  if (!missing) return missing.error();
  if (!missing->empty()) return set_aside_segment(id);
  if (delete_files_of(id, found.journal_generations)) return {};
  return Error{ErrorCode::io, "a copy that was given up cannot be deleted"};
}

// Those of them whose records lie neither in their own file nor in one that they were moved to.
Result<Recovery::Origins> Recovery::without_file(Origins origins) const {
  std::erase_if(origins, [this](auto origin) {
    const auto listed = listed_.find(origin);
    return listed != listed_.end() && listed->second.segment;
  });
  for (const auto& [id, found] : listed_) {
    if (origins.empty()) break;
    if (!found.segment || !moved_as(id)) continue;
    bool complete = false;
    const auto held = origins_of(id, complete);
    if (!held) return held;
    for (const auto origin : *held) origins.erase(origin);
  }
  return origins;
}

// What was done in it, nobody needs to know any more.
Result<void> Recovery::set_aside_segment(std::uint64_t id) {
  if (auto moved = core_.quarantine.set_aside(core_.paths.segment(id)); !moved) return moved;
  DeliveryJournal journal(core_.fs, core_.paths, {.segment_id = id},
                          found_.at(id).journal_generations);
  found_.erase(id);
  return journal.remove();
}

Result<std::optional<SegmentHeader>> Recovery::header_of(std::uint64_t id) const {
  auto file = core_.fs.open_read_only(core_.paths.segment(id));
  if (!file) return std::move(file).error();
  const auto origin = read_segment_origin(**file, id);
  if (origin) return origin->header;
  if (origin.error().code != ErrorCode::invalid) return origin.error();
  return std::optional<SegmentHeader>();  // of a later version
}

Result<bool> Recovery::is_copy(std::uint64_t id) const {
  const auto header = header_of(id);
  if (!header) return header.error();
  return *header && (*header)->kind == SegmentKind::moved;
}

Result<Recovery::Origins> Recovery::origins_of(std::uint64_t id, bool& complete) const {
  auto opened = open_segment(id);
  if (!opened) return std::move(opened).error();
  auto& [reader, origin, size] = *opened;
  complete = read_footer(reader, origin, size).has_value();
  Origins origins;
  for (std::uint64_t offset = reader.first_record(); offset < size;) {
    const auto raw = reader.read(offset, size);
    if (!raw) break;  // damaged, if not a failure()
    offset = raw->next_offset;
    const auto type = raw->header.type;
    if (!is_accepted(type) || !decode_record(type, raw->body)) continue;
    if (const auto accepted = decode_origin(raw->body)) origins.insert(accepted->segment_id);
  }
  if (reader.failure()) return *reader.failure();
  return origins;
}

Result<void> Recovery::load_moved(std::uint64_t id, const Found& found, const MovedSegment& known) {
  SegmentContent gone;
  gone.origin.key = {.segment_id = id, .secret = known.secret};
  gone.end = kSegmentHeaderBytes;
  auto content = found.segment ? read_content(id) : Result<SegmentContent>(std::move(gone));
  if (!content) return std::move(content).error();
  const auto& key = content->origin.key;
  const auto generations = found.journal_generations;
  const auto journal = DeliveryJournal::load(core_.fs, core_.paths, key, generations);
  if (!journal) return journal.error();
  auto segment = std::make_shared<Segment>();
  segment->id = id;
  segment->place = known.place;
  segment->key = key;
  segment->first_sequence = 1;
  segment->done_at = core_.clock.steady();
  segment->moved = segment->closed = true;
  segment->journal = std::make_unique<DeliveryJournal>(core_.fs, core_.paths, key, generations);
  account(*segment, *content, *journal);
  for (const auto& gap : content->gaps) {
    if (!gap.torn) segment->uncopied.push_back(gap);
  }
  if (adopted_.contains(id)) adopt_counts(*segment);
  if (!adopted_.contains(id) && account_lost_copies(*segment, known) && found.segment) {
    keep_lost_tail(segment);
  }
  (void)store_.copy_damaged(segment);  // else before it is deleted
  insert(segment);
  return {};
}

// With the checkpoint went where these spans were counted.
void Recovery::adopt_counts(const Segment& segment) {
  const auto& counts = segment.counts;
  adopted_spans_ += counts.spans;
  adopted_changes_ += counts.changes;
  store_.change_totals([&] {
    const auto state = core_.state.lock();
    auto& moved = state->saved.moved[segment.id];
    moved.records = counts.records;
    moved.spans = counts.spans;
    moved.changes = counts.changes;
    moved.secret = segment.key.secret;
    state->saved.retired.spans.accepted += counts.spans;
    state->saved.retired.changes.accepted += counts.changes;
    state->next_span += counts.spans;
    state->next_change += counts.changes;
  });
}

// True if there are any.
bool Recovery::account_lost_copies(Segment& segment, const MovedSegment& known) {
  if (segment.counts.spans >= known.spans && segment.counts.records >= known.records) return false;
  auto counts = segment.counts;
  const auto changes = known.changes - counts.changes;
  const JournalEntry entry{
      .offset = segment.end,
      .damaged = static_cast<std::uint32_t>(known.spans - counts.spans + changes),
      .records = static_cast<std::uint32_t>(known.records - counts.records),
      .changes = static_cast<std::uint32_t>(changes)};
  counts.spans = known.spans;
  counts.changes = known.changes;
  counts.records = known.records;
  segment.set_counts(counts);
  segment.add_done(entry);
  segment.unsaved.push_back(entry);
  return true;
}

}  // namespace tracelink
