#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "daemon/queue/compactor.hpp"
#include "daemon/queue/queue_core.hpp"
#include "daemon/queue/segment_room.hpp"
#include "daemon/queue/segment_store.hpp"

namespace tracelink {

// The writer thread: takes what was appended since the last sync, writes it as one group, syncs it,
// answers. Also does the maintenance that completions make due.
//
// Threads: append() from any; start() and stop() from the owner. Lifetime: the references outlive
// this.
class QueueWriter {
 public:
  QueueWriter(QueueCore& core, SegmentStore& store)
      : core_(core), store_(store), room_(core, store), compactor_(core, store) {}
  ~QueueWriter() { stop(); }
  QueueWriter(const QueueWriter&) = delete;
  QueueWriter& operator=(const QueueWriter&) = delete;

  void set_on_durable(std::function<void()> callback) { on_durable_ = std::move(callback); }
  void start();
  void stop();
  // `flags` of the stored records.
  void append(std::vector<Record> records, std::uint8_t flags, SteadyTime deadline,
              Queue::AppendDone done);

 private:
  struct Append {
    std::vector<Record> records;
    std::uint8_t flags = 0;
    SteadyTime since;
    SteadyTime deadline;
    Queue::AppendDone done;
    std::uint64_t bytes = 0;  // in a segment, with every link definition it may need
    bool tried = false;       // whether there is room for it
  };
  using Group = std::vector<Append>;
  struct Size {
    std::uint64_t bytes = 0;
    std::uint64_t records = 0;
  };
  static Size size_of(const Append& append) { return {append.bytes, append.records.size()}; }

  Result<std::uint64_t> check(const std::vector<Record>& records) const;
  void run();
  bool wait_for_work();  // false: stopped, and nothing is left to do
  void maintain();
  void commit_next();
  // Room for so much in the active segment: `no_space` if there is none. The active
  // segment is closed only if a new one can be opened.
  Result<void> make_room(Size size);
  // Commits what fits though the first waiting append does not; false if nothing does.
  bool commit_what_fits();
  std::optional<Size> next_that_fits();
  std::vector<Size> sizes_to_try();
  bool first_claims_room_lock_held() const REQUIRES(core_.signal.mutex);
  // What the active segment takes, in order. If the first does not fit, it is passed over, and
  // every later one that fits is taken.
  Group take_group();
  void commit(const Group& group);
  Result<void> write(const Group& group, bool use_reserve);
  void stage(const Append& append, std::uint64_t& sequence);
  void close_active();
  void handle_full(Size size, const Error& cause);
  void set_full(bool full);
  bool is_stopping() const;
  bool refuse_without_waiting(const Error& cause);
  // Those that were tried after their room may have come. False: none was.
  bool answer_expired();
  Group take_first_lock_held() REQUIRES(core_.signal.mutex);
  static void answer(const Group& group, const Result<void>& result);

  QueueCore& core_;
  SegmentStore& store_;
  SegmentRoom room_;
  Compactor compactor_;
  std::function<void()> on_durable_;
  std::unique_ptr<SegmentWriter> active_;
  std::deque<Append> waiting_ GUARDED_BY(core_.signal.mutex);
  bool stopping_ GUARDED_BY(core_.signal.mutex) = false;
  SteadyTime no_claim_before_ = SteadyTime::min();
  std::thread thread_;
};

}  // namespace tracelink
