#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "daemon/queue/queue_core.hpp"

namespace tracelink {

// Fills a QueueCore from its directories. Damaged content never fails it (P8); an operating system
// that fails operations does.
class Recovery {
 public:
  explicit Recovery(QueueCore& core) : core_(core) {}

  Result<void> run();

 private:
  struct Found {
    bool segment = false;
    std::uint64_t journal_generations = 0;  // one more than the highest
  };

  Result<void> make_directories();
  Result<void> load_checkpoint();
  Result<void> find_files();
  Result<void> delete_leftovers();
  Result<void> load_segment(std::uint64_t id, std::uint64_t generations);
  // Segments of moved records (recovery_moved.cpp): which of them took the place of their sources.
  Result<void> settle_moves();
  Result<void> settle_move_without_checkpoint(std::uint64_t id);
  Result<void> set_aside_segment(std::uint64_t id);
  Result<void> load_moved(std::uint64_t id, std::uint64_t generations);
  Result<std::optional<SegmentHeader>> header_of(std::uint64_t id) const;
  // The first and the last segment that its records were accepted in.
  Result<std::pair<std::uint64_t, std::uint64_t>> origins_of(std::uint64_t id,
                                                             bool& complete) const;
  void account_lost_copies(Segment& segment, const MovedSegment& known);
  Result<SegmentContent> read_content(std::uint64_t id);
  SegmentContent scan(SegmentReader& reader, const SegmentOrigin& origin, std::uint64_t end);
  // Makes what a crash left in the page cache durable before it is delivered.
  void harden(std::uint64_t id, std::uint64_t file_bytes);
  void account(Segment& segment, const SegmentContent& content,
               const std::vector<JournalEntry>& journal);
  void account_gap(Segment& segment, const Gap& gap, const std::vector<JournalEntry>& journal);
  void account_lost_tail(const SegmentHeader& next);
  void count_damaged(Segment& segment, const JournalEntry& entry);
  void keep_damaged_bytes(SegmentReader& reader, const Gap& gap);
  void keep_unless_blank(SegmentReader& reader, std::uint64_t file_bytes);
  void keep_lost_tail(const Segment& segment);

  QueueCore& core_;
  bool checkpoint_lost_ = false;
  std::map<std::uint64_t, Found> found_;
  // The origins of moved segments that were adopted without a checkpoint.
  std::map<std::uint64_t, std::pair<std::uint64_t, std::uint64_t>> adopted_;
  Segment* scanned_ = nullptr;  // the segment before, if it has no footer
};

}  // namespace tracelink
