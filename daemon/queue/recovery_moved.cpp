#include <algorithm>
#include <limits>

#include "daemon/queue/recovery.hpp"

// How Recovery tells the segments of moved records that count from those that do not.
namespace tracelink {

// The checkpoint names those that took their sources' place. Any other was given up, or the crash
// came first: the sources have all that it has.
Result<void> Recovery::settle_moves() {
  std::vector<std::uint64_t> unnamed;
  for (const auto& [id, found] : found_) {
    if (!found.segment || core_.moved_.contains(id)) continue;
    const auto header = header_of(id);
    if (!header) return header.error();
    if (*header && (*header)->kind == SegmentKind::moved) unnamed.push_back(id);
  }
  std::ranges::reverse(unnamed);  // the sources of a move are older
  for (const auto id : unnamed) {
    if (!found_[id].segment) continue;
    if (!checkpoint_lost_) {
      found_[id].segment = false;  // deleted as a leftover
    } else if (auto settled = settle_move_without_checkpoint(id); !settled) {
      return settled;
    }
  }
  return {};
}

// Without the checkpoint, what is left of the sources tells: no source, and it took their place; a
// complete one has all that is live of them; an incomplete one beside a source was never finished.
Result<void> Recovery::settle_move_without_checkpoint(std::uint64_t id) {
  bool complete = false;
  const auto origins = origins_of(id, complete);
  if (!origins) return origins.error();
  const auto [first, last] = *origins;
  std::vector<std::uint64_t> sources;
  for (const auto& [other, found] : found_) {
    if (found.segment && other >= first && other <= last) sources.push_back(other);
  }
  if (!sources.empty() && !complete) return set_aside_segment(id);
  for (const auto source : sources) {
    if (auto gone = set_aside_segment(source); !gone) return gone;
  }
  for (const auto& [newer, range] : adopted_) {  // it has what is live of this one
    if (range.first <= last && range.second >= first) return set_aside_segment(id);
  }
  adopted_[id] = *origins;
  core_.moved_[id] = {.place = last};
  return {};
}

Result<void> Recovery::set_aside_segment(std::uint64_t id) {
  found_[id].segment = false;
  return core_.quarantine.set_aside(core_.paths.segment(id));
}

Result<std::optional<SegmentHeader>> Recovery::header_of(std::uint64_t id) const {
  auto file = core_.fs.open_read_only(core_.paths.segment(id));
  if (!file) return std::move(file).error();
  const auto origin = read_segment_origin(**file, id);
  if (origin) return origin->header;
  if (origin.error().code != ErrorCode::invalid) return origin.error();
  return std::optional<SegmentHeader>();  // of a later version
}

Result<std::pair<std::uint64_t, std::uint64_t>> Recovery::origins_of(std::uint64_t id,
                                                                     bool& complete) const {
  auto file = core_.fs.open_read_only(core_.paths.segment(id));
  if (!file) return std::move(file).error();
  const auto size = (*file)->size();
  if (!size) return size.error();
  const auto origin = read_segment_origin(**file, id);
  if (!origin) return origin.error();
  SegmentReader reader(*std::move(file), origin->key);
  complete = read_footer(reader, *origin, *size).has_value();
  std::uint64_t first = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t last = 0;
  for (std::uint64_t offset = reader.first_record(); offset < *size;) {
    const auto raw = reader.read(offset, *size);
    if (!raw) break;
    offset = raw->next_offset;
    if (raw->header.type != RecordType::spans || !decode_record(raw->body)) continue;
    if (const auto accepted = decode_origin(raw->body)) {
      first = std::min(first, accepted->segment_id);
      last = std::max(last, accepted->segment_id);
    }
  }
  return std::pair(first, last);
}

Result<void> Recovery::load_moved(std::uint64_t id, std::uint64_t generations) {
  auto& known = core_.moved_.at(id);
  SegmentContent gone;
  gone.origin.key = {.segment_id = id, .secret = known.secret};
  gone.end = kSegmentHeaderBytes;
  auto content = found_[id].segment ? read_content(id) : Result<SegmentContent>(std::move(gone));
  if (!content) return std::move(content).error();
  const auto& key = content->origin.key;
  auto journal = DeliveryJournal::load(core_.fs, core_.paths, key, generations);
  if (!journal) journal = std::vector<JournalEntry>();
  auto segment = std::make_shared<Segment>();
  segment->id = id;
  segment->place = known.place;
  segment->key = key;
  segment->first_sequence = 1;
  segment->done_at = core_.clock.steady();
  segment->moved = segment->closed = true;
  segment->journal = std::make_unique<DeliveryJournal>(core_.fs, core_.paths, key, generations);
  account(*segment, *content, *journal);
  if (checkpoint_lost_) {  // with it went where these spans were counted
    known.records = segment->counts.records;
    known.spans = segment->counts.spans;
    core_.retired_.accepted += known.spans;
  }
  account_lost_copies(*segment, known);
  core_.segments.emplace(segment->place, std::move(segment));
  return {};
}

void Recovery::account_lost_copies(Segment& segment, const MovedSegment& known) {
  if (segment.counts.spans >= known.spans && segment.counts.records >= known.records) return;
  const JournalEntry entry{
      .offset = segment.end,
      .damaged = static_cast<std::uint32_t>(known.spans - segment.counts.spans),
      .records = static_cast<std::uint32_t>(known.records - segment.counts.records)};
  auto counts = segment.counts;
  counts.spans = known.spans;
  counts.records = known.records;
  segment.set_counts(counts);
  count_damaged(segment, entry);
  if (found_[segment.id].segment) keep_lost_tail(segment);
}

}  // namespace tracelink
