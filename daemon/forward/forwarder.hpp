#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/forward/assembler.hpp"
#include "daemon/forward/backlog.hpp"
#include "daemon/forward/batch_size.hpp"
#include "daemon/forward/dead_letter_desk.hpp"
#include "daemon/forward/dead_letter_store.hpp"
#include "daemon/forward/delivery_ledger.hpp"
#include "daemon/forward/destination.hpp"
#include "daemon/forward/forward_status.hpp"
#include "daemon/forward/record_source.hpp"
#include "daemon/forward/relinks.hpp"
#include "daemon/forward/reporter.hpp"
#include "daemon/forward/scope_gates.hpp"
#include "daemon/forward/settler.hpp"
#include "daemon/forward/trace_links.hpp"
#include "daemon/forward/unlinked_traces.hpp"

namespace tracelink {

struct ForwarderOptions {
  std::size_t connections = 2;  // batches in flight
  std::size_t max_traces_per_batch = 50;
  std::uint64_t max_batch_bytes = 8u << 20;
  std::chrono::milliseconds trace_grace{2'000};
  std::chrono::milliseconds trace_idle{600'000};
  TraceLinks::Options links;
  // What a peer chose (an experiment id, a model) is held at most so long, then its traces are dead
  // letters.
  std::chrono::milliseconds hold_max = std::chrono::hours(24);
  // Records known at a time (positions, not payloads). Reading stops at the bound. Records that
  // wait for their link or experiment alone have a bound of their own and never stop the others:
  // what is more is set aside in the queue and read again later.
  std::size_t window_records = 20'000;
  std::size_t held_records = 50'000;
};

// The delivery loop (DESIGN section 7): reads records, assembles traces, sends batches, settles
// the answers. A trace is never in two batches at once.
//
// Threads: run(), step() and stop() on the forwarder thread; status(), drain(), drained() and
// post() from any.
// Memory: the window's positions and the payloads of the batches in flight, whatever the backlog.
// Lifetime: the references outlive this object; construct it after Destination.
class Forwarder {
 public:
  Forwarder(ForwarderOptions options, RecordSource& source, Destination& destination,
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

  // Gives the traces kept under a link another one: those read already now (their number is the
  // result), the others when they are read. What is delivered, in part too, keeps its link; a
  // delivery under way may still succeed under the old one. Forwarder thread. Errors of Relinks.
  Result<std::size_t> relink(const Relink& relink);

  ForwardStatus status() const;

 private:
  void run_posted();
  std::optional<RecentTrace> known(const TraceId& id) const;
  bool is_delivered(const TraceWork& work) const;
  bool relink_returned(Flight& flight, const std::vector<Outcome>& outcomes);
  void forget_if_unused(const ScopeKey& key);

  void read();
  void add_to_assembly(StoredRecord stored);
  LinkChoice choose_link(std::string_view traces_data, const LinkHash& base, WallTime accepted_at);
  void retract_letter(Position position);
  bool has_room() const;
  std::optional<ScopeKey> held_alone(const GroupKey& group) const;
  std::size_t held_records() const;
  void set_aside_excess();
  void set_aside(const TraceWork& work, const ScopeKey& scope);
  void give_up_marks_of_absent_scopes();
  std::optional<ScopeKey> aside_scope(const GroupKey& group) const;
  std::size_t aside_traces() const;
  void look_back_if_due();
  void admit(std::vector<TraceWork> works);
  void admit_ready();
  void check_holds();
  void forget_unused_links();
  void retry_unlinked();
  void choose_again(TraceWork& work, const std::vector<std::string>& slices);
  void admit_known();
  void give_up_overdue_holds();
  void give_up(std::vector<TraceWork> overdue, const Failure& failure);
  void dispatch();
  bool may_send(const GroupKey& group);
  bool send_one(const GroupKey& group);
  std::optional<Flight::Item> load(TraceWork work, TraceDelivery& delivery);
  void settle(Flight flight, const std::vector<Outcome>& outcomes);
  bool sync_links(std::vector<Flight::Item>& items);
  void sync_if_due();
  std::chrono::milliseconds wait_time(std::chrono::milliseconds longest) const;
  std::optional<SteadyTime> drain_deadline() const;
  void note_drained();
  void publish_status();
  WaitingForRoot waiting_for_root() const;
  std::vector<HeldScope> held_scopes() const;

  const ForwarderOptions options_;
  RecordSource& source_;
  Destination& destination_;
  DeadLetterStore& dead_letters_;
  Relinks& relinks_;
  const Clock& clock_;
  Reporter& reporter_;
  DeliveryLedger ledger_;
  TraceLinks links_;
  Assembler assembler_;
  UnlinkedTraces unlinked_;
  Backlog backlog_;
  ScopeGates gates_;
  BatchSize batch_size_;
  DeadLetterDesk desk_;
  Settler settler_;

  struct Waiting {  // the destination does not accept the group now
    Failure failure;
    WallTime since{};
  };
  std::map<GroupKey, Waiting> waiting_;
  // Traces set aside since the last look back. What comes later for one of these scopes follows
  // them, so that the parts of a trace stay in order. Server: of scopes that have no trace left.
  std::map<ScopeKey, std::size_t> aside_;
  bool scope_opened_ = false;  // since the last look back
  SteadyTime next_look_back_ = SteadyTime::min();
  SteadyTime latest_look_back_ = SteadyTime::max();
  std::size_t flights_ = 0;
  std::size_t in_flight_traces_ = 0;
  std::size_t in_flight_records_ = 0;
  bool caught_up_ = false;    // nothing was left to read, or no room for it
  bool window_full_ = false;  // there was no room at the last look
  SteadyTime read_again_ = SteadyTime::min();
  SteadyTime next_hold_check_ = SteadyTime::min();

  mutable std::mutex mutex_;  // what other threads see
  std::vector<std::function<void()>> posted_;
  bool stopped_ = false;
  std::optional<SteadyTime> drain_deadline_;
  bool drained_ = false;  // nothing was left after the last round
  ForwardStatus status_;
};

}  // namespace tracelink
