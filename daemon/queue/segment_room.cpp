#include "daemon/queue/segment_room.hpp"

#include <algorithm>

namespace tracelink {
namespace {

constexpr std::uint64_t kBytesPerJournaledRecord = 1024;  // records a segment is planned for
constexpr std::uint64_t kMinSegmentRecords = 64;
constexpr std::uint64_t kBookkeepingBytes = 16u << 10;  // checkpoint, its successor, headers

std::uint64_t segment_records(std::uint64_t segment_bytes) {
  return std::max(kMinSegmentRecords, segment_bytes / kBytesPerJournaledRecord);
}

SegmentCapacity capacity_for(std::uint64_t bytes, std::uint64_t records, std::uint64_t size) {
  return {.bytes = std::max(size, kSegmentHeaderBytes + bytes + kFooterBytes),
          .records = std::max(segment_records(size), records)};
}

std::uint64_t charge_for(const SegmentCapacity& capacity) {
  return capacity.bytes + journal_bytes(capacity.records);
}

}  // namespace

std::uint64_t reserve_for(std::uint64_t segment_bytes) {
  return segment_bytes + journal_bytes(segment_records(segment_bytes)) + kBookkeepingBytes;
}

std::uint64_t reserve_beside(std::uint64_t size, const QueueOptions& options) {
  constexpr std::uint64_t kLeast = 1u << 20;  // however small segments are on a disk nearly full
  return std::max(reserve_for(size), std::min(kLeast, reserve_for(options.segment_bytes)));
}

std::uint64_t affordable_segment_bytes(FileSystem& fs, const QueueOptions& options) {
  const auto free_bytes = fs.free_bytes(options.state_dir);
  const auto share = free_bytes ? *free_bytes / 8 : options.segment_bytes;
  return std::clamp(share / kRecordAlignment * kRecordAlignment, kSegmentFloorBytes,
                    options.segment_bytes);
}

bool SegmentRoom::can_ever_fit(std::uint64_t bytes, std::uint64_t records) const {
  const auto capacity = capacity_for(bytes, records, core_.options.segment_bytes);
  return core_.reserve_bytes + charge_for(capacity) <= core_.options.max_bytes;
}

std::uint64_t SegmentRoom::freed_by_closing(const QueueState& state, const SegmentWriter& closing) {
  const Segment& segment = *state.segments.at(closing.id());
  const bool done = segment.done_records >= segment.counts.records;
  const auto kept =
      done ? 0 : closing.durable_end() + kFooterBytes + journal_bytes(segment.counts.records);
  return segment.charged_bytes - std::min(kept, segment.charged_bytes);
}

bool SegmentRoom::has_room(std::uint64_t bytes, std::uint64_t records,
                           const SegmentWriter* closing) const {
  const auto size = affordable_segment_bytes(core_.fs, core_.options);
  const auto capacity = capacity_for(bytes, records, size);
  std::uint64_t freed = 0;
  {
    const auto state = core_.state.lock();
    if (closing != nullptr) freed = freed_by_closing(*state, *closing);
    const auto then = core_.used_bytes(*state) + charge_for(capacity);
    if (then > core_.options.max_bytes + freed) return false;
  }
  return core_.reserve.spares(capacity.bytes - std::min(freed, capacity.bytes));
}

Result<std::unique_ptr<SegmentWriter>> SegmentRoom::open_segment(std::uint64_t bytes,
                                                                 std::uint64_t records,
                                                                 bool use_reserve) {
  const auto size = affordable_segment_bytes(core_.fs, core_.options);
  core_.reserve.resize(reserve_beside(size, core_.options));
  const auto capacity = capacity_for(bytes, records, size);
  if (!use_reserve && !core_.reserve.spares(capacity.bytes)) {
    return Error{ErrorCode::no_space, core_.paths.queue.string() + ": the disk is full"};
  }
  SegmentHeader header;
  bool seals_unsaved = false;
  {
    const auto state = core_.state.lock();
    if (!state->files_known) {
      return Error{ErrorCode::io, core_.paths.queue.string() + " cannot be read"};
    }
    const auto available = core_.options.max_bytes + (use_reserve ? core_.reserve_bytes : 0);
    if (core_.used_bytes(*state) + charge_for(capacity) > available) {
      return Error{ErrorCode::no_space, "queue.max_bytes is reached"};
    }
    seals_unsaved = !state->unsaved_seals.empty();
    header = {.segment_id = state->saved.next_segment_id++,
              .first_sequence = state->saved.next_sequence,
              .created_at = core_.clock.wall(),
              .first_span = state->next_span,
              .first_change = static_cast<std::uint32_t>(state->next_change),
              .secret = core_.random.next()};
  }
  if (seals_unsaved) {
    if (auto done = store_.save_checkpoint(); !done) return std::move(done).error();
  }
  const auto create = [&] {
    return SegmentWriter::create(core_.fs, core_.paths.segment(header.segment_id), header,
                                 capacity);
  };
  auto writer = use_reserve ? core_.reserve.with(create) : create();
  if (!writer) return writer;
  auto segment = std::make_shared<Segment>();
  segment->id = segment->place = header.segment_id;
  segment->charged_bytes = charge_for(capacity);
  segment->key = header.key();
  segment->first_sequence = header.first_sequence;
  segment->first_span = header.first_span;
  segment->next_sequence = header.first_sequence;
  segment->journal = std::make_unique<DeliveryJournal>(core_.fs, core_.paths, header.key(), 0);
  core_.state.lock()->segments.emplace(header.segment_id, std::move(segment));
  return writer;
}

bool SegmentRoom::drop_oldest_segment(std::uint64_t bytes, std::uint64_t records,
                                      const SegmentWriter* closing) {
  const auto size = affordable_segment_bytes(core_.fs, core_.options);
  const auto charge = charge_for(capacity_for(bytes, records, size));
  const auto enough = charge + reserve_beside(size, core_.options);
  {
    const auto state = core_.state.lock();
    // What was given up before still takes its room, or another process took that.
    const auto is_done = [](const auto& entry) {
      const Segment& segment = *entry.second;
      const bool waits_for_copy = !segment.held_copy.empty();  // perhaps for ever
      return (segment.done() && !waits_for_copy) || segment.moving;
    };
    if (!state->checkpoint_known || !state->undeleted.empty()) return false;
    if (std::ranges::any_of(state->segments, is_done)) return false;
    auto freed = state->droppable_bytes();
    if (closing != nullptr) freed += freed_by_closing(*state, *closing);
    if (core_.used_bytes(*state) + charge > core_.options.max_bytes + freed) return false;
    if (state->dropped_for_room >= enough || !state->drop_oldest()) return false;
  }
  store_.retire_done_segments();
  return true;
}

}  // namespace tracelink
