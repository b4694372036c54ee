#include "daemon/queue/queue_core.hpp"

#include <algorithm>

#include "daemon/queue/recovery.hpp"

namespace tracelink {
namespace {

constexpr std::uint64_t kSegmentFloorBytes = 8192;
constexpr std::uint64_t kBytesPerJournaledRecord = 1024;  // records a segment is planned for
constexpr std::uint64_t kMinSegmentRecords = 64;
constexpr std::uint64_t kBookkeepingBytes = 16u << 10;  // checkpoint, its successor, headers
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
      reserve(fs, paths.reserve(), reserve_beside(segment_bytes())),
      quarantine(fs, paths.quarantine, options.segment_bytes),
      links(fs, paths.links, quarantine, held, reserve),
      notes(fs, paths.notes(), reserve, held, note_limit(options)),
      reserve_bytes_(reserve_for(options.segment_bytes)) {}

QueueCore::~QueueCore() = default;

std::uint64_t QueueCore::reserve_beside(std::uint64_t size) const {
  constexpr std::uint64_t kLeast = 1u << 20;  // however small segments are on a disk nearly full
  return std::max(reserve_for(size), std::min(kLeast, reserve_for(options.segment_bytes)));
}

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
    const MutexLock lock(mutex);
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
  return reserve.spares(capacity.bytes - std::min(freed, capacity.bytes));
}

Result<std::unique_ptr<SegmentWriter>> QueueCore::open_segment(std::uint64_t bytes,
                                                               std::uint64_t records,
                                                               bool use_reserve) {
  const auto size = segment_bytes();
  reserve.resize(reserve_beside(size));
  const auto capacity = capacity_for(bytes, records, size);
  const auto charge = capacity.bytes + journal_bytes(capacity.records);
  if (!use_reserve && !reserve.spares(capacity.bytes)) {
    return Error{ErrorCode::no_space, paths.queue.string() + ": the disk is full"};
  }
  SegmentHeader header;
  bool seals_unsaved = false;
  {
    const MutexLock lock(mutex);
    if (!files_known) return Error{ErrorCode::io, paths.queue.string() + " cannot be read"};
    const auto available = options.max_bytes + (use_reserve ? reserve_bytes_ : 0);
    if (used_bytes_lock_held() + charge > available) {
      return Error{ErrorCode::no_space, "queue.max_bytes is reached"};
    }
    seals_unsaved = !unsaved_seals_.empty();
    header = {.segment_id = saved.next_segment_id++,
              .first_sequence = saved.next_sequence,
              .created_at = clock.wall(),
              .first_span = next_span,
              .secret = random.next()};
  }
  if (seals_unsaved) {
    if (auto done = save_checkpoint(); !done) return std::move(done).error();
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
  const MutexLock lock(mutex);
  segments.emplace(header.segment_id, std::move(segment));
  return writer;
}

void QueueCore::publish(const SegmentWriter& writer, std::uint64_t failed_attempts,
                        std::chrono::steady_clock::duration commit_time) {
  const MutexLock lock(mutex);
  auto& segment = *segments.at(writer.id());
  segment.end = writer.durable_end();
  next_span += writer.counts().spans - segment.counts.spans;
  segment.set_counts(writer.counts());
  segment.next_sequence = writer.next_sequence();
  segment.spans_end = writer.counts().spans;
  ++syncs_;
  commit_time_.add(commit_time);
  write_failures_ += failed_attempts;
}

void QueueCore::close_segment(const SegmentWriter& writer, std::uint64_t file_bytes) {
  const MutexLock lock(mutex);
  auto& segment = *segments.at(writer.id());
  segment.closed = true;
  segment.charged_bytes = file_bytes + journal_bytes(segment.counts.records);
  look_for_moves = true;
  note_done_lock_held(segment);
}

void QueueCore::seal_after_failure(const SegmentWriter& writer) {
  const MutexLock lock(mutex);
  auto& segment = *segments.at(writer.id());
  segment.closed = true;
  saved.sealed_at[segment.id] = writer.durable_end();
  unsaved_seals_.insert(segment.id);
  note_done_lock_held(segment);
}

std::shared_ptr<Segment> QueueCore::find_segment_lock_held(std::uint64_t origin) const {
  const auto found = segments.lower_bound(origin);
  return found == segments.end() ? nullptr : found->second;
}

bool QueueCore::is_current_lock_held(const Segment& segment) const {
  const auto found = segments.find(segment.place);
  return found != segments.end() && found->second.get() == &segment;
}

bool QueueCore::drop_oldest_segment(std::uint64_t bytes, std::uint64_t records) {
  const auto size = segment_bytes();
  const auto capacity = capacity_for(bytes, records, size);
  {
    const MutexLock lock(mutex);
    // What was given up before still takes its room, or another process took that.
    const auto is_done = [](const auto& entry) {
      return entry.second->done() || entry.second->moving;
    };
    if (!checkpoint_known || !undeleted_.empty()) return false;
    if (std::ranges::any_of(segments, is_done)) return false;
    const auto enough = capacity.bytes + journal_bytes(capacity.records) + reserve_beside(size);
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

bool QueueCore::has_unsaved_seals() const {
  const MutexLock lock(mutex);
  return !unsaved_seals_.empty();
}

std::optional<std::uint64_t> QueueCore::sealed_end(std::uint64_t segment_id) const {
  const MutexLock lock(mutex);
  const auto sealed = saved.sealed_at.find(segment_id);
  if (sealed == saved.sealed_at.end()) return std::nullopt;
  return sealed->second;
}

void QueueCore::count_failure() {
  const MutexLock lock(mutex);
  ++write_failures_;
}

QueueStats QueueCore::stats() const {
  const MutexLock lock(mutex);
  Totals totals = saved.retired;
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
  stats.unaccounted = saved.unaccounted;
  stats.disk_bytes = used_bytes_lock_held();
  stats.quarantine_files = quarantine.files();
  stats.quarantine_bytes = quarantine.bytes();
  stats.syncs = syncs_;
  stats.commit_time = commit_time_;
  stats.write_failures = write_failures_;
  stats.segments = segments.size();
  stats.moved_records = moved_records_;
  stats.reclaimed_bytes = reclaimed_bytes_;
  stats.full = full;
  stats.held_files = held.list();
  return stats;
}

}  // namespace tracelink
