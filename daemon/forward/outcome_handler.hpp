#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "daemon/destination/destination.hpp"
#include "daemon/forward/backlog.hpp"
#include "daemon/forward/batch_size.hpp"
#include "daemon/forward/dead_letter_writer.hpp"
#include "daemon/forward/delivery_ledger.hpp"
#include "daemon/forward/forward_status.hpp"
#include "daemon/forward/holds.hpp"
#include "daemon/forward/link_deliveries.hpp"
#include "daemon/forward/model_counters.hpp"
#include "daemon/report/reporter.hpp"

namespace tracelink {

// A batch that was given to the destination.
struct BatchInFlight {
  struct Item {
    TraceWork work;
    DeliveryMode mode = DeliveryMode::whole;
    std::vector<Completion> completions;  // if every span of it is delivered
    std::uint32_t span_count = 0;
    std::uint64_t start_ns = 0;
    bool deletes_trace = false;  // it is a change that does
  };
  GroupKey group;
  bool doubtful = false;  // its scope was refused, or never tried: an answer may take long
  std::vector<Item> items;
  std::size_t expected = 0;  // of these: Backlog::may_go_soon() when they were sent
  std::size_t records() const;
};

// Decides what becomes of each trace of a batch and of its scopes after the answers
// (docs/design.md#classes-of-answers): done, again, split, searched or dead-lettered.
//
// Threads: one. Lifetime: the references outlive this object.
class OutcomeHandler {
 public:
  using Finished = std::function<void(const TraceId&)>;
  struct Parts {  // what it works on
    RecordSource& source;
    Backlog& backlog;
    Holds& holds;
    DeliveryLedger& ledger;
    DeadLetterWriter& dead_letter_writer;
    BatchSize& batch_size;
    Reporter& reporter;
    const Clock& clock;
    RandomSource& random;
  };
  OutcomeHandler(Parts parts, Finished finished);

  void handle(BatchInFlight flight, std::vector<Outcome> outcomes);
  // Back to the backlog after a failure that is ours: the batch was not sent.
  void retry_later(TraceWork work);

  const ForwardCounters& counters() const { return counters_; }
  const std::vector<ModelCount>& models() const { return models_.all(); }
  std::optional<SteadyTime> last_delivery_at() const {
    return last_delivery_ == SteadyTime::min() ? std::nullopt : std::optional(last_delivery_);
  }
  const LinkDeliveries& link_deliveries() const { return link_deliveries_; }

 private:
  using Item = BatchInFlight::Item;

  void handle_scopes(const GroupKey& group, const std::vector<Outcome>& outcomes, bool blamed);
  bool is_of_traces(const GroupKey& group, const Failure& failure) const;
  bool blame_traces(const BatchInFlight& flight, std::vector<Outcome>& outcomes) const;
  bool is_exception(const BatchInFlight& flight, const Outcome& outcome) const;
  bool is_unanswered(const Item& item, const Outcome& outcome) const;
  void handle_item(Item item, const Outcome& outcome);
  void delivered(Item item);
  void change_delivered(const Item& item);
  void refused_alone(Item item, const Outcome& outcome);
  void suspected_alone(Item item, const Outcome& outcome);
  void misconfigured(TraceWork work);
  void isolate(Item item, const Outcome& outcome);
  void continue_bisection(TraceWork work);
  void note_suspicion(TraceWork& work, bool of_info, const Failure& failure);
  bool is_judged(const Suspicion& suspicion, const Outcome& outcome) const;
  bool is_given_up(const TraceWork& work) const;
  void split(std::vector<TraceWork> works, std::chrono::milliseconds wait);
  void again(TraceWork work, std::chrono::milliseconds wait);
  void again_after(TraceWork work, const Failure& failure, const RetryDelay& delay);

  const Parts parts_;
  const Finished finished_;
  const RetryDelay trace_delay_;
  const RetryDelay info_delay_{.cap = std::chrono::minutes(15)};
  std::uint64_t last_split_group_ = 0;
  SteadyTime last_delivery_ = SteadyTime::min();
  SteadyTime last_trouble_ = SteadyTime::min();  // a transient failure
  std::optional<TraceId> suspected_info_;        // the last one whose info had an unknown answer
  SteadyTime last_other_suspicion_ = SteadyTime::min();  // another trace's turn to be that one
  ForwardCounters counters_;
  LinkDeliveries link_deliveries_;
  ModelCounters models_;
};

}  // namespace tracelink
