#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <vector>

#include "daemon/base/mutex.hpp"
#include "daemon/dead_letters/dead_letter_store.hpp"
#include "daemon/destination/destination.hpp"
#include "daemon/forward/dead_letter_writer.hpp"
#include "daemon/forward/delivery_ledger.hpp"
#include "daemon/forward/dispatcher.hpp"
#include "daemon/forward/forward_status.hpp"
#include "daemon/forward/hold_maintenance.hpp"
#include "daemon/forward/spill.hpp"
#include "daemon/forward/trace_reader.hpp"
#include "daemon/links/relinks.hpp"
#include "daemon/queue/record_source.hpp"
#include "daemon/report/reporter.hpp"

namespace tracelink {

struct ForwarderOptions {
  std::size_t connections = 2;  // batches in flight
  std::size_t max_traces_per_batch = 50;
  std::uint64_t max_batch_bytes = 8u << 20;
  std::uint32_t max_traces_per_second = 0;  // 0: no limit
  std::chrono::milliseconds trace_grace{2'000};
  std::chrono::milliseconds trace_idle{600'000};
  TraceLinks::Options links;
  // What a peer chose (an experiment id, a model) is held at most so long, then its traces are dead
  // letters.
  std::chrono::milliseconds hold_max = std::chrono::hours(24);
  // Records known at a time (positions, not payloads). What floods the window is spilled, so that
  // reading goes on. Records that wait for their link or experiment alone have a bound of their
  // own; what is more is spilled, too.
  std::size_t window_records = 20'000;
  std::size_t held_records = 50'000;
};

// The delivery loop (docs/design.md#delivery): reads records, assembles traces, sends batches,
// handles the answers. A round costs what it moves, whatever waits, is held, or is known.
//
// Threads: run(), step() and stop() on the forwarder thread; status(), drain(), drained() and
// post() from any.
// Memory: the window's positions and the payloads of the batches in flight, whatever the backlog.
// Lifetime: the references outlive this object; construct it after Destination.
class Forwarder {
 public:
  Forwarder(const ForwarderOptions& options, RecordSource& source, Destination& destination,
            DeadLetterStore& dead_letters, Relinks& relinks, Reporter& reporter, const Clock& clock,
            RandomSource& random);

  // Until `stop` is requested, or drain() has ended. What is in flight is then cancelled, what is
  // done is durable; the rest stays in the queue.
  void run(const std::stop_token& stop);
  // One round: read, send, wait at most `longest_wait` for an answer or for something to be due.
  void step(std::chrono::milliseconds longest_wait);
  // Ends like run().
  void stop();

  // Traces whose root is there go at once, and run() returns when they are gone or at the deadline.
  void drain(SteadyTime deadline);
  bool drained() const;

  // `work` runs on the forwarder thread between two rounds. False: delivery has ended, it never
  // will. Any thread.
  bool post(std::function<void()> work);
  // Somebody waits for the trace, or for all (Assembler::hurry()). All are looked at once in
  // kBetweenHurries, however many wait. Threads: any.
  void hurry(std::optional<TraceId> id);
  // Whether everything stored before `since` is at the server, or waiting a moment does not bring
  // it there: the server is away, or what is left is held until an operator has done something, or
  // fails again and again. Not known before the first round. Any thread; costs next to nothing.
  bool has_delivered_all(SteadyTime since) const;
  // Somebody waits for the trace until nothing of it is left here: `done(true)`. It is false at the
  // deadline, and at once when the server cannot be reached. Called once, on the forwarder thread,
  // or on the caller's when delivery has ended. Threads: any.
  void await_delivery(TraceId id, SteadyTime deadline, std::function<void(bool)> done);

  // Gives the traces kept under a link another one: those read already now (their number is the
  // result), the others when they are read. What is delivered, in part too, keeps its link; a
  // delivery under way may still succeed under the old one. Forwarder thread. Errors of Relinks;
  // `unavailable`: which records were accepted before is not known yet.
  Result<std::size_t> relink(Relink relink);

  // TraceLinks::configure. Forwarder thread.
  void configure(const LinkHash& link) { reader_.links().configure(link); }

  // TraceReader::set_on_earlier(); before run(), and called on the forwarder thread.
  void set_on_earlier(std::function<void(const TraceSlice&)> on_earlier) {
    reader_.set_on_earlier(std::move(on_earlier));
  }

  ForwardStatus status() const;
  // Any thread.
  const LinkDeliveries& link_deliveries() const {
    return dispatcher_.outcome_handler().link_deliveries();
  }

 private:
  struct Waiting {
    TraceId id;
    SteadyTime deadline{};
    std::function<void(bool)> done;
  };
  void run_posted();
  void learn_late_files();
  void hurry_waiting();
  std::optional<SteadyTime> next_hurry() const;
  void tell_waiting();
  void read();
  std::size_t room() const;
  bool has_room() const { return room() > 0; }
  std::size_t kept_for_others() const { return options_.window_records / 8; }
  std::size_t held_records() const;
  std::size_t moving_records() const;
  bool has_room_to_read() const;
  void make_room();
  Spill::Room spill_room() const;
  // These give whether anything was spilled.
  bool cannot_read() const { return has_read_all_ || window_full_; }
  bool spill_held(std::size_t excess);
  bool spill_flood();
  void admit(TraceWork work);
  void admit_all(std::vector<TraceWork> works);
  void admit_ready();
  std::size_t relink_in_memory(const Relink& relink);
  void sync_if_due();
  std::chrono::milliseconds wait_time(std::chrono::milliseconds longest) const;
  std::optional<SteadyTime> drain_deadline() const;
  void note_drained();
  void publish_status();
  void note_all_sent(SteadyTime began);
  WaitingForRoot waiting_for_root() const;

  const ForwarderOptions options_;
  RecordSource& source_;
  Destination& destination_;
  DeadLetterStore& dead_letters_;
  Relinks& relinks_;
  const Clock& clock_;
  Reporter& reporter_;
  Spill spill_;
  DeliveryLedger ledger_;
  DeadLetterWriter dead_letter_writer_;
  Dispatcher dispatcher_;
  TraceReader reader_;
  HoldMaintenance maintenance_;
  bool has_read_all_ = false;          // nothing was left to read at the last look
  bool window_full_ = false;           // there was no room to read at the last look
  std::uint64_t files_read_late_ = 0;  // that were looked at
  SteadyTime read_again_ = SteadyTime::min();
  SteadyTime next_spill_ = SteadyTime::min();
  std::vector<Waiting> waiting_;  // for deliveries
  SteadyTime hurry_again_ = SteadyTime::min();

  mutable Mutex mutex_;  // what other threads see
  std::vector<std::function<void()>> posted_ GUARDED_BY(mutex_);
  bool all_hurried_ GUARDED_BY(mutex_) = false;  // and not looked at yet
  bool stopped_ GUARDED_BY(mutex_) = false;
  std::optional<SteadyTime> drain_deadline_ GUARDED_BY(mutex_);
  bool drained_ GUARDED_BY(mutex_) = false;  // nothing was left after the last round
  ForwardStatus status_ GUARDED_BY(mutex_);
  // The last round that left nothing behind of what it found, but for what does not go soon.
  SteadyTime all_sent_ GUARDED_BY(mutex_) = SteadyTime::min();
};

}  // namespace tracelink
