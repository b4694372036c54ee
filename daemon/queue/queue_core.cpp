#include "daemon/queue/queue_core.hpp"

#include <algorithm>

#include "daemon/queue/segment_room.hpp"

namespace tracelink {
namespace {

constexpr std::uint64_t kNoteShare = 32;  // of max_bytes for notes, which are written anew at twice

QueueOptions normalised(QueueOptions options) {
  const auto bytes = std::min(options.segment_bytes, options.max_bytes / 8);
  options.segment_bytes = std::max(bytes, kSegmentFloorBytes) / kRecordAlignment * kRecordAlignment;
  return options;
}

std::size_t note_limit(const QueueOptions& options) {
  constexpr std::uint64_t kNoteFileBytes = 56;
  return static_cast<std::size_t>(
      std::clamp<std::uint64_t>(options.max_bytes / kNoteShare / kNoteFileBytes, 64, 100'000));
}

}  // namespace

QueueCore::QueueCore(QueueOptions given, FileSystem& file_system, const Clock& the_clock,
                     RandomSource& random_source)
    : options(normalised(std::move(given))),
      paths(options.state_dir),
      fs(file_system),
      clock(the_clock),
      random(random_source),
      reserve_bytes(reserve_for(options.segment_bytes)),
      held(clock),
      reserve(fs, paths.reserve(), reserve_beside(affordable_segment_bytes(fs, options), options)),
      quarantine(fs, paths.quarantine, options.segment_bytes),
      links(fs, paths.links, quarantine, held, reserve),
      notes(fs, paths.notes(), clock, reserve, held, links, note_limit(options)),
      state(held, clock, signal) {}

std::uint64_t QueueCore::used_bytes(const QueueState& now) const {
  return reserve_bytes + now.external_bytes + notes.file_bytes() + quarantine.bytes() +
         now.segments_bytes() + now.unread_segments * options.segment_bytes;
}

QueueStats QueueCore::stats() const {
  const auto now = state.lock();
  QueueStats stats = now->stats();
  stats.disk_bytes = used_bytes(*now);
  stats.quarantine_files = quarantine.files();
  stats.quarantine_bytes = quarantine.bytes();
  stats.held_files = held.list();
  return stats;
}

}  // namespace tracelink
