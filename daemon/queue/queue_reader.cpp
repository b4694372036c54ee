#include "daemon/queue/queue_reader.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace tracelink {

std::shared_ptr<Segment> QueueReader::current(const QueueState& state) const {
  return state.find(place_, reader_->segment_id());
}

std::optional<QueueReader::View> QueueReader::view() const {
  const auto state = core_.state.lock();
  const auto segment = current(*state);
  if (!segment || segment->dropped) return std::nullopt;
  return View{.end = segment->end,
              .next_sequence = segment->next_sequence,
              .spans_end = segment->spans_end,
              .changes_end = segment->changes_end,
              .closed = segment->closed};
}

std::optional<QueueReader::Next> QueueReader::choose_next() {
  const auto state = core_.state.lock();
  const auto& segments = state->segments;
  const auto now = core_.clock.steady();
  const auto left = state->left_for_later(now);
  auto next = segments.end();
  if (left) {
    next = segments.find(*left);
    if (!return_to_) return_to_ = resume_at_.value_or(ReadPoint{place_ + 1, 0});
    resume_at_ = ReadPoint{*left, *next->second->unread_from};
  } else {
    if (const auto back = std::exchange(return_to_, std::nullopt)) {
      place_ = back->place - 1;
      if (back->offset > 0) resume_at_ = back;
    }
    const auto passed_over = [&](const auto& entry) {
      const bool read = entry.first < read_up_to_.place && !entry.second->has_unread();
      return read || state->waits(*entry.second, now);
    };
    const auto first = segments.upper_bound(place_);
    next = std::find_if_not(first, segments.end(), passed_over);
    missed_spilled_ |= std::any_of(first, next, [](const auto& entry) {
      return entry.second->spilled_records > 0 && !entry.second->dropped;
    });
  }
  if (next == segments.end()) return std::nullopt;
  return Next{.place = next->first, .id = next->second->id, .was_left = left.has_value()};
}

bool QueueReader::enter_next_segment() {
  const auto next = choose_next();
  if (!next) return false;
  if (!enter(*next)) leave_segment();
  return true;
}

// False if it cannot be read: it is held then, or given up because it is gone; or if it was
// deleted, or its records moved, meanwhile.
bool QueueReader::enter(const Next& next) {
  place_ = next.place;
  offset_ = 0;
  const auto path = core_.paths.segment(next.id);
  auto reader = store_.open(next.place);
  if (!reader && store_.has_vanished(next.place, next.id)) {
    core_.state.lock()->count_vanished(next.place, next.id);
    return false;
  }
  if (!reader) {
    hold_back(next.id, StateFile::segment, path, reader.error());
    return false;
  }
  auto done = store_.accounted_for(next.place);
  if (!done) {
    hold_back(next.id, StateFile::journal, core_.paths.journals(next.id), done.error());
    return false;
  }
  if (!take_over(next, **reader)) {
    place_ = next.place - 1;  // what is there now is looked for again
    return false;
  }
  reader_ = *std::move(reader);
  done_ = *std::move(done);
  move_to(reader_->first_record());
  resume(next.was_left);
  if (!reader_->failure()) return true;
  hold_back(next.id, StateFile::segment, path, *reader_->failure());
  return false;
}

// False if the segment is not there any more.
bool QueueReader::take_over(const Next& next, const SegmentReader& reader) {
  const auto state = core_.state.lock();
  const auto segment = state->find(next.place, next.id);
  if (!segment || reader.segment_id() != next.id) return false;
  gaps_ = segment->gaps;
  order_ = {};
  order_.sequence = segment->first_sequence;
  moved_ = segment->moved;
  return true;
}

void QueueReader::resume(bool was_left) {
  auto at = std::exchange(resume_at_, std::nullopt);
  if (!was_left) {
    if (const auto from = std::exchange(look_from_, std::nullopt)) {
      if (moved_) skip_before_ = from;  // where that record lies now is met on the way
      if (!moved_) at = ReadPoint{from->segment_id, from->offset};
    }
  }
  const auto now = view();
  if (!at || !now || at->place != place_ || at->offset <= offset_) return;
  if (at->offset > now->end) return;
  if (at->offset == now->end) {
    order_ = {.sequence = now->next_sequence,
              .spans_before = now->spans_end,
              .changes_before = now->changes_end,
              .durable_end = 0};
    return move_to(at->offset);
  }
  const auto raw = reader_->read(at->offset, now->end);
  if (!raw) return;  // damaged: what lies before it helps to tell what is lost
  order_ = {.sequence = raw->header.sequence,
            .spans_before = raw->header.spans_before,
            .changes_before = raw->header.changes_before,
            .durable_end = 0};
  move_to(at->offset);
}

bool QueueReader::finish_segment(const View& view) {
  const auto state = core_.state.lock();
  if (const auto segment = current(*state)) segment->unread_from.reset();
  if (view.closed || is_rescanning()) return true;
  if (!state->left_for_later(core_.clock.steady())) return false;
  if (!return_to_) return_to_ = ReadPoint{place_, offset_};
  return true;
}

void QueueReader::hold_back(std::uint64_t id, StateFile kind, const std::filesystem::path& file,
                            const Error& error) {
  const auto state = core_.state.lock();
  const auto segment = state->find(place_, id);
  // Deleted, or its records moved, meanwhile: what is there now is looked for again.
  if (!segment) return (void)--place_;
  missed_spilled_ |= segment->spilled_records > 0;
  auto& unread = segment->unread_from;
  if (!unread && place_ >= read_up_to_.place) {
    unread = place_ == read_up_to_.place ? read_up_to_.offset : 0;
  }
  state->hold_segment({place_, offset_}, id, kind, file.string(), error);
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
  const auto state = core_.state.lock();
  state->note_readable({place_, offset_}, reader_->segment_id());
  state->cursor = {place_, offset_};
  state->read_up_to = read_up_to_;
}

void QueueReader::rescan(Position from) {
  missed_spilled_ = false;
  std::uint64_t oldest = 0;
  {
    const auto state = core_.state.lock();
    auto found = state->segments.lower_bound(from.segment_id);
    while (found != state->segments.end() && found->second->spilled_records == 0) ++found;
    if (found == state->segments.end()) return;
    oldest = found->first;
  }
  leave_segment();
  place_ = oldest - 1;
  return_to_.reset();
  resume_at_.reset();
  look_from_ = from;
}

void QueueReader::end_rescan() {
  if (!is_rescanning()) return;
  leave_segment();
  place_ = read_up_to_.place - 1;
  resume_at_ = read_up_to_;
  return_to_.reset();
  look_from_.reset();
}

bool QueueReader::is_rescanning() const {
  return return_to_.value_or(ReadPoint{place_, offset_}) < read_up_to_;
}

bool QueueReader::is_done(std::uint64_t offset) const {
  const auto at = std::ranges::lower_bound(done_, offset, {}, &JournalEntry::offset);
  return at != done_.end() && at->offset == offset;
}

// No record at or behind `unread_from` was given out, even if later segments were read meanwhile.
bool QueueReader::was_given_before(std::uint64_t offset) const {
  if (read_up_to_ <= ReadPoint{place_, offset}) return false;
  const auto state = core_.state.lock();
  const auto segment = current(*state);
  return segment && (!segment->unread_from || offset < *segment->unread_from);
}

RecordOrigin QueueReader::origin_of(const RawRecord& raw) const {
  const RecordOrigin here{place_, raw.offset, raw.header.sequence};
  return decode_origin(raw.body).value_or(here);
}

// It was spilled, but lies before what the rescan is for.
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
                      .changes = raw.header.changes,
                      .again = again,
                      .replayed = (raw.header.flags & kFlagReplayed) != 0};
  const auto state = core_.state.lock();
  state->cursor_sequence = stored.sequence;
  state->cursor_accepted_at = stored.record.accepted_at;
  const auto segment = current(*state);
  if (!segment || segment->dropped) return std::nullopt;
  stored.earlier = origin.segment_id < state->first_own_segment;
  if (again) --segment->spilled_records;
  state->in_flight.emplace(
      stored.position, InFlight{.offset = raw.offset,
                                .sequence = stored.sequence,
                                .spans = stored.record.slice.span_count,
                                .changes = stored.changes,
                                .bytes = static_cast<std::uint32_t>(raw.next_offset - raw.offset),
                                .accepted_at = stored.record.accepted_at});
  return stored;
}

Result<std::optional<StoredRecord>> QueueReader::next() {
  while (true) {
    const auto now = reader_ ? view() : std::nullopt;
    if (!now) {
      leave_segment();
      if (!enter_next_segment()) return std::optional<StoredRecord>();
      continue;
    }
    if (const auto& failure = reader_->failure()) {
      const auto id = reader_->segment_id();
      hold_back(id, StateFile::segment, core_.paths.segment(id), *failure);
      leave_segment();
      continue;
    }
    if (offset_ >= now->end) {
      if (!finish_segment(*now)) return std::optional<StoredRecord>();
      leave_segment();
      continue;
    }
    if (skip_known_gap()) continue;
    const auto raw = read_at_cursor(*now);
    if (!raw) {
      auto cause = raw.error();
      if (!reader_->failure() && skip_damage(*now)) return cause;
      continue;
    }
    order_.advance(raw->header);
    if (raw->header.type == RecordType::link) core_.links.learn(raw->body);
    if (!is_accepted(raw->header.type)) {
      move_to(raw->next_offset);
      continue;
    }
    const bool again = was_given_before(raw->offset);
    move_to(raw->next_offset);
    auto record = decode_record(raw->header.type, raw->body);
    if (!record) std::abort();  // read() has checked the envelope
    if (is_done(raw->offset) || is_skipped(*raw)) continue;
    if (auto stored = hand_out(*raw, *std::move(record), again)) return stored;
  }
}

}  // namespace tracelink
