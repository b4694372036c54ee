#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "daemon/queue/queue_core.hpp"
#include "daemon/queue/segment_store.hpp"

namespace tracelink {

// Fills a QueueCore from its directories. Damaged content never fails it (docs/design.md#p8). What
// cannot be read is held: that file, and what cannot be understood without it, comes into the core
// when a retry (HeldFiles::retry_due()) has read it, while the queue already runs.
//
// Without the list of files nothing is appended, since a segment's id could be used twice, and
// nothing is noted, since notes that are not read would be replaced. Without the checkpoint no
// earlier segment is used, since it may be counted as deleted.
// Threads: one at a time. Lifetime: the references outlive this object.
class Recovery {
 public:
  Recovery(QueueCore& core, SegmentStore& store) : core_(core), store_(store) {}

  void run();

 private:
  struct Found {
    bool segment = false;
    std::uint64_t journal_generations = 0;  // one more than the highest
  };
  // Of a segment that is in the core, or was: it may be delivered and deleted before others can be
  // read.
  struct Loaded {
    std::optional<SegmentHeader> header;
    std::uint64_t spans = 0;
    std::uint64_t changes = 0;
    bool closed = false;  // there is a footer
  };
  using Origins = std::set<std::uint64_t>;
  // From the first to the last origin.
  struct Range {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    bool overlaps(const Range& other) const { return first <= other.last && other.first <= last; }
  };
  // A segment of moved records.
  struct Copy {
    std::optional<Range> range;  // nothing: no record can be read in it
    bool complete = false;
  };
  using Copies = std::map<std::uint64_t, Copy>;

  // Holds the file and has the step tried again if it fails.
  void attempt(StateFile kind, const std::filesystem::path& path,
               const std::function<Result<void>()>& step);
  Result<void> make_directories();
  Result<void> find_files();
  Result<void> load_checkpoint();
  Result<void> load_totals();
  Result<void> write_first_checkpoint();
  void delete_leftovers();
  bool delete_files_of(std::uint64_t id, std::uint64_t generations);
  static void jump_ids(QueueState& state);
  Result<void> load(std::uint64_t id);
  std::optional<MovedSegment> moved_as(std::uint64_t id) const;  // as the checkpoint names it
  Result<void> load_segment(std::uint64_t id, std::uint64_t generations);
  Result<void> load(std::uint64_t id, const Found& found);
  Result<void> load_vanished(std::uint64_t id, std::uint64_t generations);
  void insert(const std::shared_ptr<Segment>& segment, Loaded loaded);
  void insert(const std::shared_ptr<Segment>& segment);
  // Segments of moved records (recovery_moved.cpp): which of them took the place of their sources.
  Result<void> finish_moves_without_checkpoint();
  Result<Copies> find_copies() const;
  Result<void> finish_move_without_checkpoint(std::uint64_t id, const Copies& copies);
  Result<void> set_aside_segment(std::uint64_t id);
  Result<void> load_moved(std::uint64_t id, const Found& found, const MovedSegment& known);
  Result<std::optional<SegmentHeader>> header_of(std::uint64_t id) const;
  Result<void> load_unnamed(std::uint64_t id, const Found& found);
  Result<bool> is_copy(std::uint64_t id) const;
  // The segments that its records were accepted in.
  Result<Origins> origins_of(std::uint64_t id, bool& complete) const;
  Result<Origins> without_file(Origins origins) const;
  void adopt_counts(const Segment& segment);
  bool account_lost_copies(Segment& segment, const MovedSegment& known);
  struct OpenSegment {
    SegmentReader reader;
    SegmentOrigin origin;
    std::uint64_t size = 0;
  };
  Result<OpenSegment> open_segment(std::uint64_t id) const;
  Result<SegmentContent> read_content(std::uint64_t id);
  std::optional<std::uint64_t> sealed_end(std::uint64_t id) const;
  SegmentContent scan(SegmentReader& reader, const SegmentOrigin& origin, std::uint64_t end);
  // Makes what a crash left in the page cache durable before it is delivered.
  void harden(std::uint64_t id, std::uint64_t file_bytes);
  void account(Segment& segment, const SegmentContent& content,
               const std::vector<JournalEntry>& journal);
  void account_gap(Segment& segment, const Gap& gap, const std::vector<JournalEntry>& journal);
  // What the segments lack of each other's `first_span`, once all of them are read.
  void account_losses();
  void account_missing_spans();
  void account_loss(std::uint64_t before, std::uint64_t spans, std::uint64_t changes);
  Result<std::optional<Gap>> unrecognized_newest(std::uint64_t id, const SegmentContent& content);
  void keep_lost_tail(const std::shared_ptr<Segment>& segment);

  QueueCore& core_;
  SegmentStore& store_;
  bool running_ = false;                  // the queue: records are appended and delivered
  bool losses_accounted_ = false;         // by account_losses()
  bool totals_lost_ = false;              // there is no checkpoint that says what was deleted
  std::map<std::uint64_t, Found> found_;  // not in the core yet
  // All that were found but for what the checkpoint counts as deleted.
  std::map<std::uint64_t, Found> listed_;
  std::uint64_t newest_ = 0;
  std::map<std::uint64_t, Loaded> loaded_;
  std::uint64_t retired_spans_ = 0;  // when the checkpoint was read
  std::uint64_t retired_changes_ = 0;
  // The origins of moved segments that were adopted without a checkpoint, and what they hold.
  std::map<std::uint64_t, Range> adopted_;
  std::uint64_t adopted_spans_ = 0;
  std::uint64_t adopted_changes_ = 0;
};

}  // namespace tracelink
