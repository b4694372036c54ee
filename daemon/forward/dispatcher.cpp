#include "daemon/forward/dispatcher.hpp"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <utility>

#include "daemon/forward/span_accounting.hpp"
#include "daemon/forward/trace_loader.hpp"
#include "daemon/mlflow/rest/trace_change.hpp"

namespace tracelink {

namespace {

using Permit = Holds::Permit;

constexpr int kTooManyRequests = 429;

int http_status_of(const Outcome& outcome) { return outcome.failure.http_status; }

// Without a batch in flight a minute without progress is a hang. A batch makes many requests, each
// with a deadline of its own.
constexpr auto kLongestPause = std::chrono::minutes(1);
constexpr auto kLongestBatch = std::chrono::hours(1);

// In a round: what keeps one model from being registered may look like a fault of the server.
constexpr int kServerRefusals = 4;

// What an MLflow SDK tells is told also where the root has been.
DeliveryMode mode_of(const TraceInfo& info, const std::optional<RecentTrace>& known) {
  const bool root_delivered = known && known->delivered && known->root_delivered;
  if (root_delivered && !info.is_of_client) return DeliveryMode::spans_only;
  if (!info.has_root) return DeliveryMode::without_root;
  return known && known->delivered ? DeliveryMode::final_info : DeliveryMode::whole;
}

// The trace was deleted, and this is no change that says what to do with it. An operator who
// replays a dead letter wants it back.
bool comes_too_late(const TraceWork& work, const Payloads& payloads,
                    const std::optional<RecentTrace>& known) {
  const bool is_content = !work.is_change() || is_artifact(payloads.change);
  return known && known->deleted && is_content && !work.replayed;
}

// The spans that the search is about now.
PreparedTrace searched_part(const Bisection& bisection, const PreparedTrace& trace) {
  const SpanRange range = *bisection.search.current();
  auto part = select_spans(
      trace, [&](std::size_t index) { return index >= range.begin && index < range.end; });
  if (!part) std::abort();  // it was put together a moment ago
  return *std::move(part);
}

}  // namespace

Dispatcher::Dispatcher(Options options, Parts parts, Finished finished)
    : options_(options),
      parts_(parts),
      finished_(std::move(finished)),
      holds_({backlog_, parts.source, parts.reporter, parts.clock, parts.random}),
      turns_(parts.clock),
      batch_size_(options.max_traces_per_batch),
      pace_(options.max_traces_per_second, parts.clock),
      outcome_handler_({parts.source, backlog_, holds_, parts.ledger, parts.dead_letter_writer,
                        batch_size_, parts.reporter, parts.clock, parts.random},
                       finished_),
      progress_at_(parts.clock.steady()) {}

void Dispatcher::dispatch() {
  backlog_.wake(parts_.clock.steady());
  holds_.wake(parts_.destination.take_changed_links());
  seat_groups();
  server_says_no_ = false;
  int refusals = 0;
  while (flights_ < options_.connections && holds_.ask_server() != Permit::no &&
         pace_.allowance() > 0) {
    const auto group = turns_.next(doubtful_in_flight_ == 0);
    if (!group) break;
    if (take_turn(*group) == Taken::server_says_no) {
      server_says_no_ = true;
      turns_.join(*group, holds_.kind_of(*group));
      if (++refusals == kServerRefusals) break;
    }
    seat_groups();
  }
  watch_progress();
}

void Dispatcher::seat_groups() {
  for (const GroupKey& group : backlog_.take_awakened()) seat(group);
  for (const GroupKey& group : holds_.take_released()) seat(group);
}

void Dispatcher::seat(const GroupKey& group) {
  if (!backlog_.has_due(group)) return;
  if (holds_.is_blocked(group)) return backlog_.set_held(group, true);
  const Turns::Kind kind = holds_.kind_of(group);
  // What is not known to work has no part in the window of what does.
  backlog_.set_held(group, kind != Turns::Kind::known);
  turns_.join(group, kind);
}

Dispatcher::Taken Dispatcher::take_turn(const GroupKey& group) {
  const Taken taken = backlog_.has_due(group) ? ask_and_send(group) : Taken::nothing;
  if (taken == Taken::nothing || taken == Taken::server_says_no) holds_.turn_not_used(group);
  return taken;
}

Dispatcher::Taken Dispatcher::ask_and_send(const GroupKey& group) {
  const auto answer = holds_.ask(group);
  if (answer.permit == Permit::no) {
    if (answer.held_by.scope == FailureScope::server) return Taken::server_says_no;
    holds_.block(group, answer.held_by);
    return Taken::nothing;
  }
  const bool doubtful = is_doubtful(group, answer.permit);
  if (doubtful && doubtful_in_flight_ > 0) {
    postpone(group);
    return Taken::postponed;
  }
  if (auto refusal = parts_.destination.refusal(group.link, group.experiment)) {
    const bool of_server = refusal->scope == FailureScope::server;
    holds_.refused(group, *std::move(refusal));
    return of_server ? Taken::server_says_no : Taken::nothing;
  }
  holds_.accepted(group);
  const bool sent = send({group, holds_.kind_of(group), answer.permit == Permit::probe, doubtful});
  seat(group);
  return sent ? Taken::sent : Taken::nothing;
}

// The probe of a server is about all that waits, and is none of these.
bool Dispatcher::is_doubtful(const GroupKey& group, Permit permit) const {
  if (holds_.kind_of(group) != Turns::Kind::known) return true;
  return permit == Permit::probe && holds_.held_alone_by(group);
}

void Dispatcher::postpone(const GroupKey& group) {
  if (std::ranges::find(postponed_, group) == postponed_.end()) postponed_.push_back(group);
}

std::vector<TraceWork> Dispatcher::take_works(const Turn& turn) {
  if (!turn.probe && turn.kind == Turns::Kind::known) {
    const std::size_t traces = std::min(batch_size_.value(), pace_.allowance());
    return backlog_.take_batch(turn.group, {traces, options_.max_batch_bytes});
  }
  std::vector<TraceWork> works;
  if (auto work = backlog_.take_probe(turn.group)) works.push_back(*std::move(work));
  return works;
}

bool Dispatcher::send(const Turn& turn) {
  BatchInFlight flight;
  flight.group = turn.group;
  flight.doubtful = turn.doubtful;
  std::vector<TraceDelivery> deliveries;
  for (TraceWork& work : take_works(turn)) {
    TraceDelivery delivery;
    if (auto item = load(std::move(work), delivery)) {
      flight.items.push_back(*std::move(item));
      deliveries.push_back(std::move(delivery));
    }
  }
  if (deliveries.empty() || !fix_links(flight.items)) return false;
  if (turn.probe) holds_.begin_probe(turn.group);
  if (turn.kind == Turns::Kind::refused) turns_.probe_sent();
  launch(std::move(flight), std::move(deliveries));
  return true;
}

void Dispatcher::launch(BatchInFlight flight, std::vector<TraceDelivery> deliveries) {
  ++flights_;
  doubtful_in_flight_ += flight.doubtful ? 1 : 0;
  in_flight_traces_ += flight.items.size();
  const auto is_expected = [&](const auto& item) { return backlog_.may_go_soon(item.work); };
  flight.expected = static_cast<std::size_t>(std::ranges::count_if(flight.items, is_expected));
  in_flight_expected_ += flight.expected;
  in_flight_records_ += flight.records();
  pace_.sent(flight.items.size());
  progress_at_ = parts_.clock.steady();
  auto shared = std::make_shared<BatchInFlight>(std::move(flight));
  parts_.destination.deliver(std::move(deliveries),
                             [this, shared](const std::vector<Outcome>& outcomes) {
                               handle(std::move(*shared), outcomes);
                             });
}

std::optional<BatchInFlight::Item> Dispatcher::load(TraceWork work, TraceDelivery& delivery) {
  auto loaded = load_trace(parts_.source, work);
  if (!loaded) {
    const Error& error = loaded.error();
    if (error.code == ErrorCode::closed) {
      finished_(work.trace_id);
    } else if (error.code == ErrorCode::corrupt) {
      parts_.dead_letter_writer.dead_letter(std::move(work),
                                            "its spans cannot be merged: " + error.message, {});
    } else {
      parts_.reporter.failure("queue", error.message, "");
      outcome_handler_.retry_later(std::move(work));
    }
    return std::nullopt;
  }
  const auto known = parts_.ledger.recent(work.trace_id);
  BatchInFlight::Item item;
  item.completions = account_spans(work.parts, loaded->payloads.slices, {});
  item.deletes_trace = is_trace_deletion(loaded->payloads.change);
  if (comes_too_late(work, loaded->payloads, known)) {
    parts_.ledger.complete(item.completions);
    finished_(work.trace_id);
    return std::nullopt;
  }
  item.start_ns = loaded->prepared.info.start_ns;
  item.mode = work.is_change() ? DeliveryMode::change : mode_of(loaded->prepared.info, known);
  if (work.bisection) loaded->prepared = searched_part(*work.bisection, loaded->prepared);
  item.span_count = loaded->prepared.span_count;
  delivery = {.trace = std::move(loaded->prepared),
              .link = work.group.link,
              .experiment = work.group.experiment,
              .mode = item.mode,
              .change = std::move(loaded->payloads.change),
              .accepted_at = work.accepted_at,
              .repeated = work.repeated || known.has_value(),
              .searched = work.bisection != nullptr};
  item.work = std::move(work);
  return item;
}

bool Dispatcher::fix_links(std::vector<BatchInFlight::Item>& items) {
  std::vector<const TraceWork*> works;
  works.reserve(items.size());
  for (const BatchInFlight::Item& item : items) {
    if (!item.work.is_change()) works.push_back(&item.work);
  }
  const auto fixed = parts_.ledger.fix_links(works);
  if (fixed) return true;
  parts_.reporter.failure(kLedgerFiles, fixed.error().message, "");
  for (BatchInFlight::Item& item : items) outcome_handler_.retry_later(std::move(item.work));
  return false;
}

void Dispatcher::handle(BatchInFlight flight, const std::vector<Outcome>& outcomes) {
  --flights_;
  if (flight.doubtful) {
    --doubtful_in_flight_;
    for (const GroupKey& group : std::exchange(postponed_, {})) {
      turns_.join(group, holds_.kind_of(group));
    }
  }
  in_flight_traces_ -= flight.items.size();
  in_flight_expected_ -= flight.expected;
  in_flight_records_ -= flight.records();
  progress_at_ = parts_.clock.steady();
  const auto refused = std::ranges::count(outcomes, kTooManyRequests, http_status_of);
  pace_.answered(outcomes.size() - static_cast<std::size_t>(refused), refused > 0);
  const ScopeKey link{FailureScope::link, flight.group.link, {}};
  const bool relinked = relink_returned(flight, outcomes);
  outcome_handler_.handle(std::move(flight), outcomes);
  if (relinked) holds_.forget_if_unused(link);
}

// What was on its way when its link was replaced comes back under the old one.
bool Dispatcher::relink_returned(BatchInFlight& flight, const std::vector<Outcome>& outcomes) {
  bool moved = false;
  for (std::size_t i = 0; i < flight.items.size(); ++i) {
    TraceWork& work = flight.items[i].work;
    if (outcomes[i].info_stored || is_delivered(work)) continue;
    const auto fixed = parts_.ledger.recent(work.trace_id);
    if (!fixed || fixed->link == work.group.link) continue;
    work.group.link = fixed->link;
    moved = true;
  }
  return moved;
}

bool Dispatcher::is_delivered(const TraceWork& work) const {
  if (work.bisection) return true;
  const auto recent = parts_.ledger.recent(work.trace_id);
  return recent && recent->delivered;
}

std::optional<SteadyTime> Dispatcher::next_due() const {
  std::optional<SteadyTime> next;
  const auto probe = doubtful_in_flight_ == 0 && flights_ < options_.connections
                         ? turns_.next_probe()
                         : std::nullopt;
  for (const auto& at : {backlog_.next_due(), holds_.next_due(), pace_.next_due(), probe}) {
    if (at && (!next || *at < *next)) next = at;
  }
  return next;
}

void Dispatcher::watch_progress() {
  const bool could_go =
      backlog_.due_traces_not_held() > 0 && !server_says_no_ && holds_.ask_server() == Permit::yes;
  if (!could_go) progress_at_ = parts_.clock.steady();
}

bool Dispatcher::is_stuck() const {
  const auto longest = flights_ == 0 ? SteadyTime::duration(kLongestPause) : kLongestBatch;
  return parts_.clock.steady() - progress_at_ > longest;
}

}  // namespace tracelink
