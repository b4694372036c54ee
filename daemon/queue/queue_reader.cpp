#include "daemon/queue/queue_reader.hpp"

#include <algorithm>
#include <utility>

namespace tracelink {

Result<std::unique_ptr<SegmentReader>> QueueReader::open(std::uint64_t place) const {
  SegmentKey key;
  {
    const std::lock_guard lock(core_.mutex);
    const auto found = core_.segments.find(place);
    if (found == core_.segments.end()) return Error{ErrorCode::io, "the segment is gone"};
    key = found->second->key;
  }
  auto file = core_.fs.open_read_only(core_.paths.segment(key.segment_id));
  if (!file) return std::move(file).error();
  return std::make_unique<SegmentReader>(*std::move(file), key);
}

// At the cursor, unless others took its place.
std::shared_ptr<Segment> QueueReader::segment_lock_held(const SegmentReader& reader) const {
  const auto found = core_.segments.find(place_);
  if (found == core_.segments.end() || found->second->id != reader.segment_id()) return nullptr;
  return found->second;
}

std::optional<QueueReader::View> QueueReader::view() const {
  const std::lock_guard lock(core_.mutex);
  const auto found = segment_lock_held(*reader_);
  if (!found || found->dropped) return std::nullopt;
  const auto& segment = *found;
  return View{.end = segment.end,
              .next_sequence = segment.next_sequence,
              .spans_end = segment.spans_end,
              .closed = segment.closed};
}

Result<bool> QueueReader::enter_next_segment() {
  std::uint64_t place = 0;
  {
    const std::lock_guard lock(core_.mutex);
    auto next = core_.segments.upper_bound(place_);
    while (next != core_.segments.end() && next->first < read_up_to_.segment_id &&
           next->second->aside_records == 0) {
      ++next;
    }
    if (next == core_.segments.end()) return false;
    place = next->first;
  }
  auto reader = open(place);
  auto done = core_.accounted_for(place);
  {
    const std::lock_guard lock(core_.mutex);
    const auto found = core_.segments.find(place);
    const bool there = found != core_.segments.end();
    if (there && !reader) return reader.error();
    if (there && !done) return done.error();
    // Deleted, or its records moved, meanwhile: what is there now is looked for again.
    if (!there || found->second->id != (*reader)->segment_id()) return true;
    gaps_ = found->second->gaps;
    order_ = {};
    order_.sequence = found->second->first_sequence;
    moved_ = found->second->moved;
  }
  reader_ = *std::move(reader);
  place_ = place;
  done_ = *std::move(done);
  move_to(reader_->first_record());
  resume();
  return true;
}

void QueueReader::resume() {
  auto at = std::exchange(resume_at_, std::nullopt);
  if (const auto from = std::exchange(look_from_, std::nullopt)) {
    if (moved_) skip_before_ = from;  // where that record lies now is met on the way
    if (!moved_) at = from;
  }
  const auto now = view();
  if (!at || !now || at->segment_id != place_ || at->offset > now->end) return;
  if (at->offset == now->end) {
    order_ = {.sequence = now->next_sequence, .spans_before = now->spans_end, .durable_end = 0};
    return move_to(at->offset);
  }
  const auto raw = reader_->read(at->offset, now->end);
  if (!raw) return;  // damaged: what lies before it helps to tell what is lost
  order_ = {
      .sequence = raw->header.sequence, .spans_before = raw->header.spans_before, .durable_end = 0};
  move_to(at->offset);
}

void QueueReader::leave_segment() {
  reader_.reset();
  done_.clear();
  gaps_.clear();
  skip_before_.reset();
}

void QueueReader::move_to(std::uint64_t offset) {
  offset_ = offset;
  read_up_to_ = std::max(read_up_to_, {place_, offset_});
  const std::lock_guard lock(core_.mutex);
  core_.cursor = {place_, offset_};
  core_.read_up_to = read_up_to_;
}

void QueueReader::look_back(Position from) {
  std::uint64_t oldest = 0;
  {
    const std::lock_guard lock(core_.mutex);
    auto found = core_.segments.lower_bound(from.segment_id);
    while (found != core_.segments.end() && found->second->aside_records == 0) ++found;
    if (found == core_.segments.end()) return;
    oldest = found->first;
  }
  leave_segment();
  place_ = oldest - 1;
  resume_at_.reset();
  look_from_ = from;
}

void QueueReader::look_ahead() {
  if (read_up_to_ == Position{place_, offset_}) return;
  leave_segment();
  place_ = read_up_to_.segment_id - 1;
  resume_at_ = read_up_to_;
  look_from_.reset();
}

bool QueueReader::is_done(std::uint64_t offset) const {
  const auto at = std::ranges::lower_bound(done_, offset, {}, &JournalEntry::offset);
  return at != done_.end() && at->offset == offset;
}

bool QueueReader::skip_known_gap() {
  const auto gap =
      std::ranges::find_if(gaps_, [&](const Gap& known) { return known.begin == offset_; });
  if (gap == gaps_.end()) return false;
  order_.spans_before += gap->spans;
  if (order_.sequence != 0) order_.sequence += gap->records;
  move_to(gap->end);
  return true;
}

JournalEntry QueueReader::damage_before(std::uint64_t end, const View& view) {
  auto spans_after = view.spans_end;
  auto sequence_after = view.next_sequence;
  if (end < view.end) {
    if (const auto next = reader_->read(end, view.end)) {
      spans_after = next->header.spans_before;
      sequence_after = next->header.sequence;
    }
  }
  std::uint64_t spans = spans_after - order_.spans_before;
  std::uint64_t records = order_.sequence == 0 ? 1 : sequence_after - order_.sequence;
  std::uint64_t bytes = end - offset_;
  const auto accounted = [&](std::uint64_t known_spans, std::uint64_t known_records,
                             std::uint64_t known_bytes) {
    spans -= std::min(spans, known_spans);
    records -= std::min(records, known_records);
    bytes -= std::min(bytes, known_bytes);
  };
  for (const auto& gap : gaps_) {
    if (gap.begin >= offset_ && gap.begin < end) {
      accounted(gap.spans, gap.records, gap.end - gap.begin);
    }
  }
  for (const auto& entry : done_) {
    if (entry.offset >= offset_ && entry.offset < end) {
      accounted(entry.spans(), entry.records, entry.bytes);
    }
  }
  order_.spans_before = spans_after;
  order_.sequence = sequence_after;
  return {.offset = offset_,
          .damaged = static_cast<std::uint32_t>(spans),
          .records = static_cast<std::uint32_t>(records),
          .bytes = static_cast<std::uint32_t>(bytes)};
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
  const auto before = order_;
  const auto entry = damage_before(end, view);
  const Gap gap{.begin = begin,
                .end = end,
                .spans = order_.spans_before - before.spans_before,
                .records = before.sequence == 0 ? 1 : order_.sequence - before.sequence};
  const auto bytes = reader_->raw_bytes(begin, static_cast<std::size_t>(end - begin));
  const auto id = reader_->segment_id();
  const auto name = QueuePaths::hex16(id) + "-" + std::to_string(begin);
  if (!core_.quarantine.keep(name, bytes)) core_.count_failure();
  move_to(end);
  remember_gap(gap);
  if (entry.records == 0) return false;
  core_.count_damage(place_, id, entry);
  return true;
}

// It stays lost for a look back, even if the disk can read it by then.
void QueueReader::remember_gap(const Gap& gap) {
  const std::lock_guard lock(core_.mutex);
  if (const auto found = segment_lock_held(*reader_)) found->gaps.push_back(gap);
}

RecordOrigin QueueReader::origin_of(const RawRecord& raw) const {
  const RecordOrigin here{place_, raw.offset, raw.header.sequence};
  return decode_origin(raw.body).value_or(here);
}

// It was set aside, but lies before what the look back is for.
bool QueueReader::is_skipped(const RawRecord& raw) const {
  if (!skip_before_) return false;
  const auto origin = origin_of(raw);
  return Position{origin.segment_id, origin.offset} < *skip_before_;
}

std::optional<StoredRecord> QueueReader::hand_out(const RawRecord& raw, Record record, bool again) {
  const auto origin = origin_of(raw);
  StoredRecord stored{.position = {origin.segment_id, origin.offset},
                      .sequence = origin.sequence,
                      .record = std::move(record),
                      .again = again,
                      .replayed = (raw.header.flags & kFlagReplayed) != 0};
  const std::lock_guard lock(core_.mutex);
  core_.cursor_accepted_at = stored.record.accepted_at;
  const auto found = segment_lock_held(*reader_);
  if (!found || found->dropped) return std::nullopt;
  if (again) --found->aside_records;
  core_.in_flight.emplace(
      stored.position, InFlight{.offset = raw.offset,
                                .sequence = stored.sequence,
                                .spans = stored.record.slice.span_count,
                                .bytes = static_cast<std::uint32_t>(raw.next_offset - raw.offset),
                                .accepted_at = stored.record.accepted_at});
  return stored;
}

Result<std::optional<StoredRecord>> QueueReader::next() {
  while (true) {
    const auto now = reader_ ? view() : std::nullopt;
    if (!now) {
      leave_segment();
      const auto entered = enter_next_segment();
      if (!entered) return entered.error();
      if (!*entered) return std::optional<StoredRecord>();
      continue;
    }
    if (offset_ >= now->end) {
      if (!now->closed) return std::optional<StoredRecord>();
      leave_segment();
      continue;
    }
    if (skip_known_gap()) continue;
    const auto raw = read_at_cursor(*now);
    if (!raw) {
      auto cause = raw.error();
      if (skip_damage(*now)) return cause;
      continue;
    }
    order_.advance(raw->header);
    if (raw->header.type == RecordType::link && !core_.links.learn(raw->body)) {
      core_.count_failure();
    }
    if (raw->header.type != RecordType::spans) {
      move_to(raw->next_offset);
      continue;
    }
    const bool again = Position{place_, raw->offset} < read_up_to_;
    move_to(raw->next_offset);
    auto record = decode_record(raw->body);
    if (!record) return std::move(record).error();
    if (is_done(raw->offset) || is_skipped(*raw)) continue;
    if (auto stored = hand_out(*raw, *std::move(record), again)) return stored;
  }
}

Result<StoredRecord> QueueReader::read(Position position) {
  while (true) {
    InFlight known;
    std::uint64_t place = 0;
    std::uint64_t id = 0;
    std::uint64_t end = 0;
    {
      const std::lock_guard lock(core_.mutex);
      const auto found = core_.in_flight.find(position);
      if (found == core_.in_flight.end()) {
        return Error{ErrorCode::invalid, "the record is not in flight any more"};
      }
      known = found->second;
      const auto segment = core_.find_segment_lock_held(position.segment_id);
      place = segment->place;
      id = segment->id;
      end = segment->end;
    }
    auto stored = read_at(position, known, place, id, end);
    if (stored || !was_moved(position, id)) return stored;
  }
}

bool QueueReader::was_moved(Position position, std::uint64_t from) const {
  const std::lock_guard lock(core_.mutex);
  const auto segment = core_.find_segment_lock_held(position.segment_id);
  return core_.in_flight.contains(position) && segment->id != from;
}

Result<StoredRecord> QueueReader::read_at(Position position, const InFlight& known,
                                          std::uint64_t place, std::uint64_t id,
                                          std::uint64_t end) {
  if (!reread_ || reread_->segment_id() != id) {
    auto reader = open(place);
    if (!reader) return std::move(reader).error();
    reread_ = *std::move(reader);
    if (reread_->segment_id() != id) return Error{ErrorCode::io, "the record is being moved"};
  }
  auto raw = reread_->read(known.offset, end);
  auto record = raw ? decode_record(raw->body) : Result<Record>(raw.error());
  if (record)
    return StoredRecord{
        .position = position, .sequence = known.sequence, .record = *std::move(record)};
  const auto name = QueuePaths::hex16(id) + "-" + std::to_string(known.offset);
  if (!core_.quarantine.keep(name, reread_->raw_bytes(known.offset, known.bytes))) {
    core_.count_failure();
  }
  core_.count_damage(position, id);
  return std::move(record).error();
}

}  // namespace tracelink
