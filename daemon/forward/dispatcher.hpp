#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/base/random_source.hpp"
#include "daemon/destination/destination.hpp"
#include "daemon/forward/backlog.hpp"
#include "daemon/forward/batch_size.hpp"
#include "daemon/forward/dead_letter_writer.hpp"
#include "daemon/forward/delivery_ledger.hpp"
#include "daemon/forward/holds.hpp"
#include "daemon/forward/outcome_handler.hpp"
#include "daemon/forward/pace.hpp"
#include "daemon/forward/turns.hpp"
#include "daemon/queue/record_source.hpp"
#include "daemon/report/reporter.hpp"

namespace tracelink {

// What goes now: takes batches from the groups whose turn it is, loads them, gives them to the
// destination and has their answers handled. A trace is never in two batches at once.
//
// A round takes O(log n) for each batch that it sends, n being what waits. Threads: one. Lifetime:
// the references outlive this object.
class Dispatcher {
 public:
  struct Options {
    std::size_t connections = 2;  // batches in flight
    std::size_t max_traces_per_batch = 50;
    std::uint64_t max_batch_bytes = 8u << 20;
    std::uint32_t max_traces_per_second = 0;  // 0: no limit
  };
  struct Parts {
    RecordSource& source;
    Destination& destination;
    DeliveryLedger& ledger;
    DeadLetterWriter& dead_letter_writer;
    Reporter& reporter;
    const Clock& clock;
    RandomSource& random;
  };
  using Finished = std::function<void(const TraceId&)>;  // late spans of the trace may go
  Dispatcher(Options options, Parts parts, Finished finished);

  void add(TraceWork work) { backlog_.add(std::move(work)); }
  void dispatch();

  Backlog& backlog() { return backlog_; }
  const Backlog& backlog() const { return backlog_; }
  Holds& holds() { return holds_; }
  const Holds& holds() const { return holds_; }

  std::optional<SteadyTime> next_due() const;
  std::size_t batches_in_flight() const { return flights_; }
  std::size_t traces_in_flight() const { return in_flight_traces_; }
  // Without probes of what is stalled.
  std::size_t expected_in_flight() const { return in_flight_expected_; }
  std::size_t records_in_flight() const { return in_flight_records_; }
  // Traces could go, and for long none went or came back: a fault of this program.
  bool is_stuck() const;
  // Its info is stored with its link; in part is enough.
  bool is_delivered(const TraceWork& work) const;
  const OutcomeHandler& outcome_handler() const { return outcome_handler_; }
  const Pace& pace() const { return pace_; }

 private:
  struct Turn {
    GroupKey group;
    Turns::Kind kind = Turns::Kind::known;
    bool probe = false;
    bool doubtful = false;
  };
  enum class Taken { sent, nothing, postponed, server_says_no };

  void seat_groups();
  void seat(const GroupKey& group);
  Taken take_turn(const GroupKey& group);
  Taken ask_and_send(const GroupKey& group);
  bool is_doubtful(const GroupKey& group, Holds::Permit permit) const;
  void postpone(const GroupKey& group);
  bool send(const Turn& turn);
  std::vector<TraceWork> take_works(const Turn& turn);
  std::optional<BatchInFlight::Item> load(TraceWork work, TraceDelivery& delivery);
  bool fix_links(std::vector<BatchInFlight::Item>& items);
  void launch(BatchInFlight flight, std::vector<TraceDelivery> deliveries);
  void handle(BatchInFlight flight, const std::vector<Outcome>& outcomes);
  bool relink_returned(BatchInFlight& flight, const std::vector<Outcome>& outcomes);
  void watch_progress();

  const Options options_;
  const Parts parts_;
  const Finished finished_;
  Backlog backlog_;
  Holds holds_;
  Turns turns_;
  BatchSize batch_size_;
  Pace pace_;
  OutcomeHandler outcome_handler_;
  std::size_t flights_ = 0;
  std::size_t doubtful_in_flight_ = 0;  // one at most: the other slots are for what works
  std::vector<GroupKey> postponed_;     // until that one ends
  std::size_t in_flight_traces_ = 0;
  std::size_t in_flight_expected_ = 0;
  std::size_t in_flight_records_ = 0;
  bool server_says_no_ = false;
  SteadyTime progress_at_;  // the last one, or when nothing could go
};

}  // namespace tracelink
