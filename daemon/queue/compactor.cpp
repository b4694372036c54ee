#include "daemon/queue/compactor.hpp"

#include <algorithm>
#include <utility>

#include "daemon/codec/link_codec.hpp"

namespace tracelink {
namespace {

constexpr std::uint64_t kTurnBytes = 1u << 20;
constexpr std::chrono::milliseconds kTurnTime{20};
// A segment on its way to be done is left alone.
constexpr auto kQuiet = std::chrono::seconds(10);
constexpr auto kRetry = std::chrono::minutes(1);
constexpr auto kCommitRetry = std::chrono::milliseconds(200);
constexpr int kPatience = 50;

// Of what a segment takes, in eighths.
constexpr std::uint64_t kSparse = 2;
constexpr std::uint64_t kSparseNearTheBound = 4;
constexpr std::uint64_t kSparseWhenFull = 7;
constexpr std::uint64_t kGainShare = 16;  // of a segment: less is not worth a move

}  // namespace

bool Compactor::take_turn(bool room_is_wanted) {
  if (!move_ && !begin(room_is_wanted)) return false;
  if (core_.clock.steady() < resume_at_) return false;
  if (!move_->target) {
    const auto copied = copy_some();
    if (!copied) {
      core_.count_failure();
      give_up();
      return true;
    }
    if (!*copied) return true;
  }
  commit();
  return true;
}

std::optional<std::chrono::milliseconds> Compactor::next_turn() const {
  const auto at = move_ ? resume_at_ : look_at_;
  if (at == SteadyTime::max()) return std::nullopt;
  const auto now = core_.clock.steady();
  if (at <= now) return std::chrono::milliseconds(0);
  return std::chrono::ceil<std::chrono::milliseconds>(at - now);
}

bool Compactor::begin(bool room_is_wanted) {
  const auto sources = choose(room_is_wanted);
  if (sources.empty()) return false;
  move_ = std::make_unique<SegmentMove>();
  for (const auto& segment : sources) move_->sources.push_back({.segment = segment});
  source_ = 0;
  patience_ = kPatience;
  resume_at_ = SteadyTime::min();
  if (open_target()) return true;
  for (const auto& segment : sources) hold_off(*segment);
  move_.reset();
  return false;
}

std::vector<std::shared_ptr<Segment>> Compactor::choose(bool room_is_wanted) {
  const auto now = core_.clock.steady();
  if (!room_is_wanted && !core_.signal.take_moves() && now < look_at_) return {};
  look_at_ = SteadyTime::max();
  const auto state = core_.state.lock();
  if (!state->totals_known) return {};  // segments may come in between these
  const std::uint64_t segment_bytes = core_.options.segment_bytes;
  const bool near = core_.used_bytes(*state) + 2 * segment_bytes > core_.options.max_bytes;
  std::vector<std::shared_ptr<Segment>> segments;
  std::vector<MoveCandidate> candidates;
  for (const auto& [place, segment] : state->segments) {
    const bool in_use = place == state->cursor.place || place == state->read_up_to.place;
    bool movable = segment->closed && !segment->done() && !segment->dropped && !in_use;
    movable = movable && !segment->hold && !segment->unread_from;
    const auto quiet_at = room_is_wanted || near ? SteadyTime::min() : segment->done_at + kQuiet;
    const auto movable_at = std::max(segment->movable_from, quiet_at);
    if (movable && now < movable_at) {
      if (segment->is_sparse()) look_at_ = std::min(look_at_, movable_at);
      movable = false;
    }
    segments.push_back(segment);
    candidates.push_back({movable, segment->charged_bytes, segment->moved_bytes()});
  }
  const auto eighths = room_is_wanted ? kSparseWhenFull : near ? kSparseNearTheBound : kSparse;
  const auto run = choose_move(
      candidates, {.live_eighths = eighths,
                   .min_gain_bytes = segment_bytes / kGainShare,
                   .max_bytes = segment_bytes,
                   .overhead_bytes = kSegmentHeaderBytes + kFooterBytes + kJournalHeaderBytes});
  if (!run) return {};
  segments = {segments.begin() + static_cast<std::ptrdiff_t>(run->begin),
              segments.begin() + static_cast<std::ptrdiff_t>(run->end)};
  for (const auto& segment : segments) segment->moving = true;  // so none is deleted meanwhile
  return segments;
}

Result<void> Compactor::open_target() {
  SegmentCapacity capacity{.bytes = kSegmentHeaderBytes + kFooterBytes, .records = 0};
  {
    const auto state = core_.state.lock();
    for (const auto& source : move_->sources) {
      const auto records = source.segment->live_records();
      capacity.bytes += source.segment->moved_bytes() - records * kJournalEntryBytes;
      capacity.records += records;
    }
  }
  auto opened = store_.open_move_target(capacity);
  if (!opened) return std::move(opened).error();
  writer_ = *std::move(opened);
  target_id_ = writer_->id();
  return {};
}

Result<bool> Compactor::copy_some() {
  const auto enough = writer_->staged_end() + kTurnBytes;
  const auto late = core_.clock.steady() + kTurnTime;
  while (source_ < move_->sources.size() && writer_->staged_end() < enough &&
         core_.clock.steady() < late) {
    if (auto step = copy_step(); !step) {
      unreadable_ = move_->sources[source_].segment;
      return std::move(step).error();
    }
  }
  if (auto committed = writer_->commit(); !committed) return std::move(committed).error();
  if (source_ < move_->sources.size()) return false;
  if (auto finished = finish_target(); !finished) return std::move(finished).error();
  return true;
}

Result<void> Compactor::copy_step() {
  if (!reader_) return enter_source();
  const bool at_end = offset_ >= move_->sources[source_].segment->end;
  return at_end ? leave_source() : copy_next();
}

Result<void> Compactor::enter_source() {
  auto& source = move_->sources[source_];
  Segment& segment = *source.segment;
  auto file = core_.fs.open_read_only(core_.paths.segment(segment.id));
  if (!file) return std::move(file).error();
  auto done = store_.begin_source(source);
  if (!done) return std::move(done).error();
  reader_ = std::make_unique<SegmentReader>(*std::move(file), segment.key);
  done_ = *std::move(done);
  offset_ = reader_->first_record();
  links_.clear();
  const auto state = core_.state.lock();
  gaps_ = segment.gaps;
  // What begin_source() took; later completions are in `done_while_moving`.
  expected_records_ = segment.live_records();
  expected_spans_ = segment.live_spans();
  expected_changes_ = segment.live_changes();
  for (const auto& entry : segment.done_while_moving) {
    expected_records_ += entry.records;
    expected_spans_ += entry.spans();
    expected_changes_ += entry.changes;
  }
  return {};
}

bool Compactor::skip_done_or_gap() {
  const auto gap = std::ranges::find(gaps_, offset_, &Gap::begin);
  if (gap != gaps_.end()) {
    offset_ = gap->end;
    return true;
  }
  const auto at = std::ranges::lower_bound(done_, offset_, {}, &JournalEntry::offset);
  if (at == done_.end() || at->offset != offset_ || at->records != 1) return false;
  if (at->bytes < kEnvelopeBytes) return false;
  offset_ += at->bytes;
  return true;
}

Result<void> Compactor::copy_next() {
  if (skip_done_or_gap()) return {};
  const auto raw = reader_->read(offset_, move_->sources[source_].segment->end);
  if (!raw) return raw.error();
  offset_ = raw->next_offset;
  if (raw->header.type == RecordType::link) {
    links_.emplace(hash_link(raw->body), raw->body);
  } else if (is_accepted(raw->header.type)) {
    return copy_record(*raw);
  }
  return {};
}

Result<void> Compactor::copy_record(const RawRecord& raw) {
  const auto record = decode_record(raw.header.type, raw.body);
  if (!record) return record.error();
  if (!record->link.is_zero()) {
    const auto here = links_.find(record->link);
    const auto stored = core_.links.encoded(record->link);
    if (here != links_.end()) {
      writer_->stage_link(record->link, here->second);
    } else if (stored) {
      writer_->stage_link(record->link, *stored);
    }
  }
  auto& source = move_->sources[source_];
  const RecordOrigin origin{source.segment->id, raw.offset, raw.header.sequence};
  const auto body = moved_body(raw.body, decode_origin(raw.body).value_or(origin));
  const auto offset = writer_->stage_copy(raw.header, body, record->accepted_at);
  source.copies.push_back({.from = raw.offset,
                           .to = offset,
                           .bytes = static_cast<std::uint32_t>(writer_->staged_end() - offset)});
  --expected_records_;
  expected_spans_ -= record->slice.span_count;
  expected_changes_ -= raw.header.changes;
  return {};
}

Result<void> Compactor::leave_source() {
  reader_.reset();
  done_.clear();
  if (expected_records_ != 0 || expected_spans_ != 0 || expected_changes_ != 0) {
    return Error{ErrorCode::corrupt, "a segment does not hold what is live of it"};
  }
  ++source_;
  return {};
}

Result<void> Compactor::finish_target() {
  const auto counts = writer_->counts();
  const auto end = writer_->durable_end();
  const auto bytes = writer_->close();
  if (!bytes) return bytes.error();
  auto target = std::make_shared<Segment>();
  target->id = writer_->id();
  target->place = move_->sources.back().segment->place;
  target->moved = target->closed = true;
  target->key = writer_->key();
  target->first_sequence = 1;
  target->end = end;
  target->counts = counts;
  target->next_sequence = writer_->next_sequence();
  target->spans_end = counts.spans;
  target->changes_end = counts.changes;
  target->charged_bytes = *bytes + journal_bytes(counts.records);
  target->journal = std::make_unique<DeliveryJournal>(core_.fs, core_.paths, target->key, 0);
  target->done_at = core_.clock.steady();
  move_->target = std::move(target);
  writer_.reset();
  return {};
}

void Compactor::commit() {
  const auto result = store_.commit_move(*move_);
  if (result == SegmentStore::MoveState::done) {
    move_.reset();
    store_.retire_done_segments();
    store_.restore_reserve();
    return;
  }
  const bool waits = result == SegmentStore::MoveState::failed ||
                     (result == SegmentStore::MoveState::not_now && patience_-- > 0);
  if (!waits) return give_up();
  wait(kCommitRetry);
}

void Compactor::give_up() {
  writer_.reset();
  reader_.reset();
  if (!store_.give_up_move(*move_, target_id_)) return wait(kCommitRetry);
  if (const auto unreadable = std::exchange(unreadable_, nullptr)) {
    hold_off(*unreadable);
    look_at_ = core_.clock.steady();  // its neighbours are moved without it
  } else {
    for (const auto& source : move_->sources) hold_off(*source.segment);
  }
  move_.reset();
  store_.retire_done_segments();
  store_.restore_reserve();
}

void Compactor::hold_off(Segment& segment) {
  const auto state = core_.state.lock();
  segment.moving = false;
  segment.movable_from = core_.clock.steady() + kRetry;
  look_at_ = std::min(look_at_, segment.movable_from);
}

void Compactor::stop() {
  if (!move_) return;
  if (move_->target) commit();
  // What is not certain now, the next start knows from the checkpoint that it finds.
  if (move_) give_up();
}

}  // namespace tracelink
