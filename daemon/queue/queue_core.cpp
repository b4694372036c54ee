#include "daemon/queue/queue_core.hpp"

#include <algorithm>
#include <cstdlib>

#include "daemon/queue/recovery.hpp"

namespace tracelink {
namespace {

constexpr std::uint64_t kSegmentFloorBytes = 8192;
constexpr std::uint64_t kBytesPerJournaledRecord = 1024;  // records a segment is planned for
constexpr std::uint64_t kMinSegmentRecords = 64;
constexpr std::uint64_t kBookkeepingBytes = 16u << 10;  // checkpoint, its successor, headers
constexpr std::uint64_t kUnsavedEntriesHigh = 1024;
// Of the journal entry of a segment whose file is gone: behind every record.
constexpr std::uint64_t kVanishedOffset = UINT64_MAX - kRecordAlignment + 1;
constexpr std::uint64_t kNoteShare = 32;  // of max_bytes for notes, which are written anew at twice

std::uint64_t journal_bytes(std::uint64_t records) {
  return kJournalHeaderBytes + records * kJournalEntryBytes;
}

std::uint64_t segment_records(std::uint64_t segment_bytes) {
  return std::max(kMinSegmentRecords, segment_bytes / kBytesPerJournaledRecord);
}

QueueOptions normalised(QueueOptions options) {
  const auto bytes = std::min(options.segment_bytes, options.max_bytes / 8);
  options.segment_bytes = std::max(bytes, kSegmentFloorBytes) / kRecordAlignment * kRecordAlignment;
  return options;
}

std::uint64_t reserve_for(std::uint64_t segment_bytes) {
  return segment_bytes + journal_bytes(segment_records(segment_bytes)) + kBookkeepingBytes;
}

std::size_t note_limit(const QueueOptions& options) {
  constexpr std::uint64_t kNoteFileBytes = 56;
  return static_cast<std::size_t>(
      std::clamp<std::uint64_t>(options.max_bytes / kNoteShare / kNoteFileBytes, 64, 100'000));
}

void check(bool invariant) {
  if (!invariant) std::abort();
}

}  // namespace

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
  totals.accepted += (now.spans - now.replayed_spans) - (counts.spans - counts.replayed_spans);
  totals.dead_lettered -= now.replayed_spans - counts.replayed_spans;
  totals.replayed += now.replayed_spans - counts.replayed_spans;
  counts = now;
}

void Segment::replace_done(const std::vector<JournalEntry>& entries) {
  totals = {};
  done_records = done_bytes = 0;
  set_counts(std::exchange(counts, {}));
  for (const auto& entry : entries) add_done(entry);
}

QueueCore::QueueCore(QueueOptions given, FileSystem& file_system, const Clock& the_clock,
                     RandomSource& random_source)
    : options(normalised(std::move(given))),
      paths(options.state_dir),
      fs(file_system),
      clock(the_clock),
      random(random_source),
      held(clock),
      reserve(fs, paths.reserve(), reserve_for(segment_bytes())),
      quarantine(fs, paths.quarantine, options.segment_bytes),
      links(fs, paths.links, quarantine, held),
      notes(fs, paths.notes(), reserve, held, note_limit(options)),
      reserve_bytes_(reserve_for(options.segment_bytes)) {}

QueueCore::~QueueCore() = default;

std::uint64_t QueueCore::segment_bytes() const {
  const auto free_bytes = fs.free_bytes(options.state_dir);
  const auto share = free_bytes ? *free_bytes / 8 : options.segment_bytes;
  return std::clamp(share / kRecordAlignment * kRecordAlignment, kSegmentFloorBytes,
                    options.segment_bytes);
}

SegmentCapacity QueueCore::capacity_for(std::uint64_t bytes, std::uint64_t records,
                                        std::uint64_t size) const {
  return {.bytes = std::max(size, kSegmentHeaderBytes + bytes + kFooterBytes),
          .records = std::max(segment_records(size), records)};
}

bool QueueCore::can_ever_fit(std::uint64_t bytes, std::uint64_t records) const {
  const auto capacity = capacity_for(bytes, records, options.segment_bytes);
  return reserve_bytes_ + capacity.bytes + journal_bytes(capacity.records) <= options.max_bytes;
}

std::uint64_t QueueCore::used_bytes_lock_held() const {
  std::uint64_t used = reserve_bytes_ + external_bytes + notes.file_bytes() + quarantine.bytes();
  used += move_bytes_;
  for (const auto& [id, segment] : segments) used += segment->charged_bytes;
  for (const auto& segment : undeleted_) used += segment->charged_bytes;
  used += unread_segments * options.segment_bytes;
  return used;
}

bool QueueCore::has_room(std::uint64_t bytes, std::uint64_t records,
                         const SegmentWriter* closing) const {
  const auto capacity = capacity_for(bytes, records, segment_bytes());
  std::uint64_t freed = 0;
  {
    const std::lock_guard lock(mutex);
    if (closing != nullptr) {
      const Segment& segment = *segments.at(closing->id());
      const bool done = segment.done_records >= segment.counts.records;
      const auto kept =
          done ? 0 : closing->durable_end() + kFooterBytes + journal_bytes(segment.counts.records);
      freed = segment.charged_bytes - std::min(kept, segment.charged_bytes);
    }
    const auto charge = capacity.bytes + journal_bytes(capacity.records);
    if (used_bytes_lock_held() + charge > options.max_bytes + freed) return false;
  }
  const auto on_disk = fs.free_bytes(options.state_dir);
  return !on_disk || *on_disk + freed >= capacity.bytes;
}

Result<std::unique_ptr<SegmentWriter>> QueueCore::open_segment(std::uint64_t bytes,
                                                               std::uint64_t records,
                                                               bool use_reserve) {
  const auto size = segment_bytes();
  reserve.resize(reserve_for(size));
  const auto capacity = capacity_for(bytes, records, size);
  const auto charge = capacity.bytes + journal_bytes(capacity.records);
  SegmentHeader header;
  bool seals_unsaved = false;
  {
    const std::lock_guard lock(mutex);
    if (!files_known) return Error{ErrorCode::io, paths.queue.string() + " cannot be read"};
    const auto available = options.max_bytes + (use_reserve ? reserve_bytes_ : 0);
    if (used_bytes_lock_held() + charge > available) {
      return Error{ErrorCode::no_space, "queue.max_bytes is reached"};
    }
    seals_unsaved = !unsaved_seals_.empty();
    header = {.segment_id = next_segment_id++,
              .first_sequence = next_sequence,
              .created_at = clock.wall(),
              .first_span = next_span,
              .secret = random.next()};
  }
  if (seals_unsaved) {
    if (auto saved = save_checkpoint(); !saved) return std::move(saved).error();
  }
  const auto create = [&] {
    return SegmentWriter::create(fs, paths.segment(header.segment_id), header, capacity);
  };
  auto writer = use_reserve ? reserve.with(create) : create();
  if (!writer) return writer;
  auto segment = std::make_shared<Segment>();
  segment->id = segment->place = header.segment_id;
  segment->charged_bytes = charge;
  segment->key = header.key();
  segment->first_sequence = header.first_sequence;
  segment->first_span = header.first_span;
  segment->next_sequence = header.first_sequence;
  segment->journal = std::make_unique<DeliveryJournal>(fs, paths, header.key(), 0);
  const std::lock_guard lock(mutex);
  segments.emplace(header.segment_id, std::move(segment));
  return writer;
}

void QueueCore::publish(const SegmentWriter& writer, std::uint64_t failed_attempts) {
  const std::lock_guard lock(mutex);
  auto& segment = *segments.at(writer.id());
  segment.end = writer.durable_end();
  next_span += writer.counts().spans - segment.counts.spans;
  segment.set_counts(writer.counts());
  segment.next_sequence = writer.next_sequence();
  segment.spans_end = writer.counts().spans;
  ++syncs_;
  write_failures_ += failed_attempts;
}

void QueueCore::close_segment(const SegmentWriter& writer, std::uint64_t file_bytes) {
  const std::lock_guard lock(mutex);
  auto& segment = *segments.at(writer.id());
  segment.closed = true;
  segment.charged_bytes = file_bytes + journal_bytes(segment.counts.records);
  look_for_moves = true;
  note_done_lock_held(segment);
}

void QueueCore::seal_after_failure(const SegmentWriter& writer) {
  const std::lock_guard lock(mutex);
  auto& segment = *segments.at(writer.id());
  segment.closed = true;
  sealed_at_[segment.id] = writer.durable_end();
  unsaved_seals_.insert(segment.id);
  note_done_lock_held(segment);
}

void QueueCore::note_done_lock_held(Segment& segment) {
  if (!segment.looked_at && segment.is_sparse()) {
    segment.looked_at = look_for_moves = true;
    wake.notify_one();
  }
  if (!segment.done() && unsaved_entries_ < kUnsavedEntriesHigh) return;
  maintenance_due = true;
  wake.notify_one();
}

Result<void> QueueCore::save_checkpoint() {
  const std::lock_guard checkpoint_lock(checkpoint_mutex_);
  return replace_checkpoint([](Checkpoint&) {});
}

Result<void> QueueCore::count_removed(std::uint64_t spans) {
  const std::lock_guard checkpoint_lock(checkpoint_mutex_);
  return replace_checkpoint([&](Checkpoint& checkpoint) {
    checkpoint.retired.dead_lettered -= spans;
    checkpoint.retired.dropped_removed += spans;
  });
}

Result<void> QueueCore::replace_checkpoint(const std::function<void(Checkpoint&)>& change,
                                           const std::function<void()>& adopt) {
  Checkpoint checkpoint;
  {
    const std::lock_guard lock(mutex);
    if (!checkpoint_known) return Error{ErrorCode::io, "the checkpoint cannot be read"};
    checkpoint = {.retired = retired_,
                  .unaccounted = unaccounted_,
                  .next_segment_id = next_segment_id,
                  .next_sequence = next_sequence,
                  .retired_ids = retired_ids_,
                  .sealed_at = sealed_at_,
                  .moved = moved_};
    change(checkpoint);
  }
  const auto bytes = encode_checkpoint(checkpoint);
  auto stored = reserve.with([&] { return write_file_durably(fs, paths.checkpoint(), bytes); });
  if (!stored) {
    count_failure();
    return stored;
  }
  const std::lock_guard lock(mutex);
  retired_ = checkpoint.retired;
  retired_ids_ = std::move(checkpoint.retired_ids);
  moved_ = std::move(checkpoint.moved);
  if (adopt) adopt();
  // From here on a retired segment is counted in retired_ only.
  for (const auto id : retired_ids_) forget_lock_held(id);
  std::erase_if(unsaved_seals_, [&](auto id) { return checkpoint.sealed_at.contains(id); });
  return {};
}

void QueueCore::retire_done_segments() {
  const std::lock_guard checkpoint_lock(checkpoint_mutex_);
  delete_undeleted_files();
  std::vector<std::shared_ptr<Segment>> done;
  {
    const std::lock_guard lock(mutex);
    if (!checkpoint_known) return;
    for (const auto& [id, segment] : segments) {
      if (segment->done() && !segment->moving) done.push_back(segment);
    }
  }
  std::erase_if(done, [this](const auto& segment) { return !copy_damaged(*segment); });
  if (done.empty()) return;
  const auto stored = replace_checkpoint([&](Checkpoint& checkpoint) {
    for (const auto& segment : done) {
      checkpoint.retired += segment->totals;
      checkpoint.retired_ids.push_back(segment->id);
      checkpoint.sealed_at.erase(segment->id);
      checkpoint.moved.erase(segment->id);
    }
  });
  if (!stored) return;
  {
    const std::lock_guard lock(mutex);
    undeleted_.insert(undeleted_.end(), done.begin(), done.end());
  }
  delete_undeleted_files();
  restore_reserve();
}

// Not while the room is lent to a move.
void QueueCore::restore_reserve() {
  {
    const std::lock_guard lock(mutex);
    if (used_bytes_lock_held() > options.max_bytes) return;
  }
  reserve.restore();
}

std::shared_ptr<Segment> QueueCore::find_segment_lock_held(std::uint64_t origin) const {
  const auto found = segments.lower_bound(origin);
  return found == segments.end() ? nullptr : found->second;
}

bool QueueCore::is_current_lock_held(const Segment& segment) const {
  const auto found = segments.find(segment.place);
  return found != segments.end() && found->second.get() == &segment;
}

// Whatever was accepted behind the place before and up to its own.
std::pair<QueueCore::InFlightAt, QueueCore::InFlightAt> QueueCore::in_flight_of_lock_held(
    const Segment& segment) {
  const auto at = segments.find(segment.place);
  const auto before = at == segments.begin() ? 0 : std::prev(at)->first;
  return {in_flight.lower_bound({before + 1, 0}), in_flight.lower_bound({segment.place + 1, 0})};
}

void QueueCore::forget_lock_held(std::uint64_t id) {
  sealed_at_.erase(id);
  unsaved_seals_.erase(id);
  const auto found =
      std::ranges::find_if(segments, [&](const auto& entry) { return entry.second->id == id; });
  if (found == segments.end()) return;
  if (found->second->hold) held.release(found->second->hold->file);
  unsaved_entries_ -= found->second->unsaved.size();
  segments.erase(found);
}

// A file that cannot be deleted takes its room all the same, until it can be; the checkpoint names
// it until then.
void QueueCore::delete_undeleted_files() {
  std::vector<std::shared_ptr<Segment>> undeleted;
  {
    const std::lock_guard lock(mutex);
    undeleted = undeleted_;
  }
  if (undeleted.empty()) return;
  std::set<std::shared_ptr<Segment>> gone;
  for (const auto& segment : undeleted) {
    if (remove_files(*segment)) gone.insert(segment);
  }
  const bool durable = !gone.empty() && fs.sync_directory(paths.queue).has_value();
  if (!durable || gone.size() < undeleted.size()) count_failure();
  const std::lock_guard lock(mutex);
  std::erase_if(undeleted_, [&](const auto& segment) { return gone.contains(segment); });
  if (!durable) return;  // the next start may find them once more
  for (const auto& segment : gone) std::erase(retired_ids_, segment->id);
}

bool QueueCore::remove_files(const Segment& segment) {
  const std::lock_guard journal_lock(journal_mutex_);
  // A journal that is left without its segment would tell of spans that nobody has counted.
  return segment.journal->remove() && fs.remove(paths.segment(segment.id));
}

bool QueueCore::drop_oldest_segment(std::uint64_t bytes, std::uint64_t records) {
  const auto size = segment_bytes();
  const auto capacity = capacity_for(bytes, records, size);
  {
    const std::lock_guard lock(mutex);
    // What was given up before still takes its room, or somebody else took that.
    const auto is_done = [](const auto& entry) {
      return entry.second->done() || entry.second->moving;
    };
    if (!checkpoint_known || !undeleted_.empty()) return false;
    if (std::ranges::any_of(segments, is_done)) return false;
    const auto enough = capacity.bytes + journal_bytes(capacity.records) + reserve_for(size);
    if (dropped_for_room >= enough) return false;
    // One that cannot be read now is no victim: nobody knows what would be lost.
    const auto oldest = std::ranges::find_if(
        segments, [](const auto& entry) { return entry.second->closed && !entry.second->hold; });
    if (oldest == segments.end()) return false;
    auto& segment = *oldest->second;
    segment.totals.dropped_policy += segment.live_spans();
    segment.done_records = segment.counts.records;
    segment.dropped = true;
    dropped_for_room += segment.charged_bytes;
    const auto [first, last] = in_flight_of_lock_held(segment);
    in_flight.erase(first, last);
  }
  retire_done_segments();
  return true;
}

Result<void> QueueCore::save_journals() {
  const std::lock_guard journal_lock(journal_mutex_);
  std::vector<std::pair<std::shared_ptr<Segment>, std::vector<JournalEntry>>> work;
  {
    const std::lock_guard lock(mutex);
    for (const auto& [id, segment] : segments) {
      if (segment->unsaved.empty()) continue;
      work.emplace_back(segment, std::exchange(segment->unsaved, {}));
    }
    unsaved_entries_ = 0;
  }
  Result<void> result;
  for (auto& [segment, entries] : work) {
    auto written = reserve.with([&] { return segment->journal->write(entries); });
    if (written) continue;
    count_failure();
    result = std::move(written);
    const std::lock_guard lock(mutex);
    if (!is_current_lock_held(*segment)) continue;  // retired meanwhile
    unsaved_entries_ += entries.size();
    segment->unsaved.insert(segment->unsaved.begin(), entries.begin(), entries.end());
  }
  // Whichever checkpoint a crash leaves, the journals that belong to it know this.
  if (result && committing_ != nullptr) {
    result = note_late(*committing_);
    if (!result) count_failure();
  }
  return result;
}

void QueueCore::save_journals_if_many() {
  {
    const std::lock_guard lock(mutex);
    if (unsaved_entries_ < kUnsavedEntriesHigh) return;
  }
  (void)save_journals().has_value();  // counted; what was not saved is tried again later
}

bool QueueCore::has_unsaved_seals() const {
  const std::lock_guard lock(mutex);
  return !unsaved_seals_.empty();
}

void QueueCore::complete(const Completion& completion) {
  const std::lock_guard lock(mutex);
  const auto segment = find_segment_lock_held(completion.position.segment_id);
  if (!segment || segment->dropped) return;
  const auto record = in_flight.find(completion.position);
  if (record == in_flight.end()) {
    check(segment->id != completion.position.segment_id);  // else it was dropped for room
    return;
  }
  const JournalEntry entry{.offset = record->second.offset,
                           .delivered = completion.delivered,
                           .dead_lettered = completion.dead_lettered,
                           .duplicate = completion.duplicate,
                           .dropped_policy = completion.dropped_policy,
                           .dropped_age = completion.dropped_age,
                           .records = 1,
                           .bytes = record->second.bytes};
  check(entry.spans() == record->second.spans);
  in_flight.erase(record);
  finish_lock_held(*segment, entry);
}

void QueueCore::finish_lock_held(Segment& segment, const JournalEntry& entry) {
  segment.add_done(entry);
  segment.done_at = clock.steady();
  segment.unsaved.push_back(entry);
  if (segment.moving) segment.late.push_back(entry);
  ++unsaved_entries_;
  note_done_lock_held(segment);
}

void QueueCore::set_aside(Position position) {
  const std::lock_guard lock(mutex);
  const auto segment = find_segment_lock_held(position.segment_id);
  if (!segment || segment->dropped) return;
  if (in_flight.erase(position) == 0) {
    check(segment->id != position.segment_id);  // else it was dropped for room
    return;
  }
  ++segment->aside_records;
}

Result<std::vector<JournalEntry>> QueueCore::accounted_for(std::uint64_t place) {
  // No entry is on its way from `unsaved` to the journal while this is held, and no segment on its
  // way to another.
  const std::lock_guard journal_lock(journal_mutex_);
  SegmentKey key;
  std::uint64_t generations = 0;
  {
    const std::lock_guard lock(mutex);
    const auto found = segments.find(place);
    if (found == segments.end()) return std::vector<JournalEntry>();
    key = found->second->key;
    generations = found->second->journal->generations();
    cursor = {place, 0};  // from here on it stays where it is
  }
  auto entries = DeliveryJournal::load(fs, paths, key, generations);
  if (!entries) return entries;
  const std::lock_guard lock(mutex);
  const auto found = segments.find(place);
  if (found == segments.end()) return entries;
  Segment& segment = *found->second;
  entries->insert(entries->end(), segment.unsaved.begin(), segment.unsaved.end());
  keep_one_each(*entries);
  std::uint64_t records = 0;
  for (const auto& entry : *entries) records += entry.records;
  // The journal has lost entries since they were written: their records are sent once more.
  if (records < segment.done_records && !segment.dropped) segment.replace_done(*entries);
  const auto [first, last] = in_flight_of_lock_held(segment);
  for (auto at = first; at != last; ++at) {
    entries->push_back(
        {.offset = at->second.offset, .delivered = at->second.spans, .bytes = at->second.bytes});
  }
  keep_one_each(*entries);
  return entries;
}

void QueueCore::count_damage(std::uint64_t place, std::uint64_t segment_id,
                             const JournalEntry& entry) {
  const std::lock_guard lock(mutex);
  const auto found = segments.find(place);
  if (found == segments.end() || found->second->id != segment_id || found->second->dropped) return;
  finish_lock_held(*found->second, entry);
}

void QueueCore::count_damage(Position position, std::uint64_t segment_id) {
  const std::lock_guard lock(mutex);
  const auto segment = find_segment_lock_held(position.segment_id);
  const auto record = in_flight.find(position);
  if (!segment || segment->dropped || record == in_flight.end()) return;
  if (segment->id != segment_id) return;  // moved meanwhile: the copy is whole
  const JournalEntry entry{.offset = record->second.offset,
                           .damaged = record->second.spans,
                           .records = 1,
                           .bytes = record->second.bytes};
  in_flight.erase(record);
  finish_lock_held(*segment, entry);
}

void QueueCore::hold_earlier(int change) {
  const std::lock_guard lock(mutex);
  earlier_holds += change;
  if (earlier_holds == 0) return;
  // Later ones are read before them.
  for (const auto& [place, segment] : segments) {
    if (place < first_own_segment && !segment->unread_from) segment->unread_from = 0;
  }
}

bool QueueCore::waits_lock_held(const Segment& segment, SteadyTime now) const {
  const bool is_earlier = segment.place < first_own_segment;
  return segment.dropped || segment.waits_for_retry(now) || (is_earlier && earlier_holds > 0);
}

bool QueueCore::is_certainly_gone(std::uint64_t segment_id) const {
  const auto there = fs.exists(paths.segment(segment_id));
  return there && !*there && fs.list(paths.queue);
}

bool QueueCore::copy_damaged(Segment& segment) {
  std::vector<Gap> gaps;
  {
    const std::lock_guard lock(mutex);
    gaps = std::exchange(segment.uncopied, {});
  }
  std::erase_if(gaps, [&](const Gap& gap) {
    auto file = fs.open_read_only(paths.segment(segment.id));
    auto bytes = file ? (*file)->read_at(gap.begin, static_cast<std::size_t>(gap.end - gap.begin))
                      : Result<std::string>(file.error());
    if (!bytes) return false;
    const auto kept = quarantine.keep(QueuePaths::damaged(segment.id, gap.begin), *bytes);
    // A full disk is a bound like the quarantine's own: keeping the segment would keep it full.
    return kept || kept.error().code == ErrorCode::no_space;
  });
  if (gaps.empty()) return true;
  const std::lock_guard lock(mutex);
  ++write_failures_;
  segment.uncopied.insert(segment.uncopied.end(), gaps.begin(), gaps.end());
  return false;
}

std::optional<std::uint64_t> QueueCore::sealed_end(std::uint64_t segment_id) const {
  const std::lock_guard lock(mutex);
  const auto sealed = sealed_at_.find(segment_id);
  if (sealed == sealed_at_.end()) return std::nullopt;
  return sealed->second;
}

void QueueCore::count_vanished(std::uint64_t place, std::uint64_t segment_id) {
  const std::lock_guard lock(mutex);
  const auto found = segments.find(place);
  if (found == segments.end() || found->second->id != segment_id || found->second->dropped) return;
  auto& segment = *found->second;
  auto spans = segment.live_spans();
  auto records = segment.live_records();
  auto bytes = segment.counts.record_bytes - segment.done_bytes;
  const auto [first, last] = in_flight_of_lock_held(segment);
  for (auto at = first; at != last; ++at) {
    spans -= at->second.spans;
    records -= 1;
    bytes -= at->second.bytes;
  }
  segment.aside_records = 0;
  segment.uncopied.clear();
  segment.unread_from.reset();
  if (segment.hold) held.release(segment.hold->file);
  segment.hold.reset();
  if (records == 0) return;
  finish_lock_held(segment, {.offset = kVanishedOffset,
                             .damaged = static_cast<std::uint32_t>(spans),
                             .records = static_cast<std::uint32_t>(records),
                             .bytes = static_cast<std::uint32_t>(bytes)});
}

void QueueCore::hold_segment(Position at, std::uint64_t segment_id, StateFile kind,
                             const std::string& file, const Error& error) {
  const std::lock_guard lock(mutex);
  const auto found = segments.find(at.segment_id);
  if (found == segments.end() || found->second->id != segment_id || found->second->dropped) return;
  auto& hold = found->second->hold;
  if (!hold) hold.emplace();
  if (hold->file != file && !hold->file.empty()) held.release(hold->file);
  hold->offset = at.offset;
  hold->file = file;
  hold->retry_at = clock.steady() + held_retry_delay(hold->failures++);
  held.hold(kind, file, error);
}

void QueueCore::note_readable(Position at, std::uint64_t segment_id) {
  const std::lock_guard lock(mutex);
  const auto found = segments.find(at.segment_id);
  if (found == segments.end() || found->second->id != segment_id) return;
  auto& segment = *found->second;
  if (segment.unread_from) segment.unread_from = std::max(*segment.unread_from, at.offset);
  if (!segment.hold || at.offset <= segment.hold->offset) return;
  held.release(segment.hold->file);
  segment.hold.reset();
}

void QueueCore::count_failure() {
  const std::lock_guard lock(mutex);
  ++write_failures_;
}

QueueStats QueueCore::stats() const {
  const std::lock_guard lock(mutex);
  Totals totals = retired_;
  QueueStats stats;
  for (const auto& [id, segment] : segments) {
    totals += segment->totals;
    stats.queued_records += segment->counts.records - segment->done_records;
    stats.queued_bytes += segment->counts.record_bytes - segment->done_bytes;
    const bool unread = segment->left_behind() || id > cursor.segment_id ||
                        (id == cursor.segment_id && cursor.offset < segment->end);
    if (!unread || stats.oldest_accepted_at || segment->counts.records == segment->done_records) {
      continue;
    }
    // A lower bound, known without reading on.
    stats.oldest_accepted_at = id == cursor.segment_id && !segment->left_behind()
                                   ? cursor_accepted_at
                                   : segment->counts.first_accepted_at;
  }
  if (!in_flight.empty()) {
    const WallTime in_memory = in_flight.begin()->second.accepted_at;
    stats.oldest_accepted_at = std::min(stats.oldest_accepted_at.value_or(in_memory), in_memory);
  }
  stats.accepted = totals.accepted;
  stats.delivered = totals.delivered;
  stats.dead_lettered = totals.dead_lettered;
  stats.duplicate = totals.duplicate;
  stats.damaged = totals.damaged;
  stats.dropped_policy = totals.dropped_policy;
  stats.dropped_age = totals.dropped_age;
  stats.dropped_removed = totals.dropped_removed;
  stats.replayed = totals.replayed;
  stats.queued_spans = totals.queued();
  stats.totals_known = totals_known;
  stats.unaccounted = unaccounted_;
  stats.disk_bytes = used_bytes_lock_held();
  stats.quarantine_files = quarantine.files();
  stats.quarantine_bytes = quarantine.bytes();
  stats.syncs = syncs_;
  stats.write_failures = write_failures_;
  stats.segments = segments.size();
  stats.moved_records = moved_records_;
  stats.reclaimed_bytes = reclaimed_bytes_;
  stats.full = full;
  stats.held_files = held.list();
  return stats;
}

}  // namespace tracelink
