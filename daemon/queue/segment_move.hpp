#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "daemon/queue/delivery_journal.hpp"
#include "daemon/queue/totals.hpp"

namespace tracelink {

struct Segment;

// The live records of neighbouring segments on their way into a new one.
//
// Until the checkpoint that names the new segment is durable, the sources are the truth and the
// copies are nothing; from then on it is the other way round. A record that is done in between is
// done in the source and, by `done_while_moving`, in the copy.
struct SegmentMove {
  struct Copy {
    std::uint64_t from = 0;   // offset in the source
    std::uint64_t to = 0;     // offset in the target
    std::uint32_t bytes = 0;  // in the target
  };
  struct Source {
    std::shared_ptr<Segment> segment;
    Balance totals{};            // when copying began; what is done later counts in the target
    std::vector<Copy> copies{};  // by `from`
    std::size_t noted = 0;       // of segment->done_while_moving: what the target's journal has

    const Copy* find(std::uint64_t offset) const {
      const auto at = std::ranges::lower_bound(copies, offset, {}, &Copy::from);
      return at != copies.end() && at->from == offset ? &*at : nullptr;
    }
    // As the target's journal has it; nothing if it is not about one record that was copied.
    std::optional<JournalEntry> translate(JournalEntry entry) const {
      const Copy* copy = entry.records == 1 ? find(entry.offset) : nullptr;
      if (copy == nullptr) return std::nullopt;
      entry.offset = copy->to;
      entry.bytes = copy->bytes;
      return entry;
    }
  };

  std::vector<Source> sources;      // by place
  std::shared_ptr<Segment> target;  // once everything is copied
  // A checkpoint that names the target may be on the disk, though writing it failed.
  bool may_be_durable = false;
};

}  // namespace tracelink
