#include "daemon/forward/outcome_handler.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include <spdlog/spdlog.h>

#include "daemon/base/retry_delay.hpp"
#include "daemon/forward/scope_name.hpp"

namespace tracelink {

namespace {

constexpr auto kOthersGoThrough = std::chrono::seconds(5);
constexpr int kSuspicionFailures = 3;
// If nothing else fails and the trace's own info is stored each time, the server is well: one
// second of refusals is enough.
constexpr auto kCalmSuspicionTime = std::chrono::seconds(1);
constexpr auto kSuspicionTime = std::chrono::minutes(2);
constexpr auto kInfoSuspicionTime = std::chrono::hours(24);

// What a proxy says in the place of a server that it lost.
constexpr int kBadGateway = 502;
constexpr int kGatewayTimeout = 504;

// The refusal was of the spans: the info step, if there was one, had succeeded.
bool spans_were_refused(const BatchInFlight::Item& item, const Outcome& outcome) {
  return outcome.info_stored || item.mode == DeliveryMode::spans_only;
}

// The server worked on the request, whatever it thought of it.
bool server_is_well(const Outcome& outcome) {
  switch (outcome.kind) {
    case OutcomeKind::delivered:
    case OutcomeKind::poison:
      return true;
    case OutcomeKind::unknown:
      return outcome.info_stored;
    case OutcomeKind::transient:
    case OutcomeKind::configuration:
      return false;
  }
  return false;
}

bool any(const std::vector<Outcome>& outcomes, OutcomeKind kind) {
  return std::ranges::any_of(outcomes,
                             [&](const Outcome& outcome) { return outcome.kind == kind; });
}

// What says most about the scope: a configuration failure, else the first one; null if there is
// none.
const Failure* decisive_failure(const std::vector<Outcome>& outcomes) {
  const Failure* first = nullptr;
  for (const Outcome& outcome : outcomes) {
    if (outcome.kind == OutcomeKind::configuration) return &outcome.failure;
    if (outcome.kind != OutcomeKind::delivered && first == nullptr) first = &outcome.failure;
  }
  return first;
}

}  // namespace

std::size_t BatchInFlight::records() const {
  std::size_t records = 0;
  for (const Item& item : items) records += item.work.parts.size();
  return records;
}

OutcomeHandler::OutcomeHandler(Parts parts, Finished finished)
    : parts_(parts), finished_(std::move(finished)), models_(parts.source) {}

void OutcomeHandler::handle(BatchInFlight flight, std::vector<Outcome> outcomes) {
  ++counters_.batches;
  if (any(outcomes, OutcomeKind::delivered)) last_delivery_ = parts_.clock.steady();
  if (any(outcomes, OutcomeKind::transient)) last_trouble_ = parts_.clock.steady();
  const bool blamed = blame_traces(flight, outcomes);
  handle_scopes(flight.group, outcomes, blamed);
  const bool held = parts_.holds.ask(flight.group).permit != Holds::Permit::yes;
  std::vector<TraceWork> refused;
  std::vector<TraceWork> suspected;
  for (std::size_t i = 0; i < flight.items.size(); ++i) {
    const Outcome& outcome = outcomes[i];
    Item& item = flight.items[i];
    if (outcome.kind != OutcomeKind::delivered) {
      ++counters_.failures[outcome.failure.failure_class];
      item.work.repeated = true;
      ++models_.of(flight.group.link).failures;
    }
    if (outcome.kind == OutcomeKind::configuration && !outcome.batch) {
      // The next probe takes the trace with the fewest failures, so another one; this one is sent
      // alone from now on.
      ++item.work.failures;
      if (outcomes.size() > 1) item.work.split_group = ++last_split_group_;
    }
    // Where others of the scope go through, one of the batch is to blame.
    const bool of_one = outcome.kind == OutcomeKind::poison ||
                        (outcome.kind == OutcomeKind::configuration && !held);
    if (outcome.batch && of_one) {
      refused.push_back(std::move(item.work));
    } else if (outcome.batch && outcome.kind == OutcomeKind::unknown) {
      suspected.push_back(std::move(item.work));
    } else {
      handle_item(std::move(item), outcome);
    }
  }
  spdlog::debug("batch ended traces={} delivered={}", outcomes.size(),
                std::ranges::count(outcomes, OutcomeKind::delivered, &Outcome::kind));
  split(std::move(refused), std::chrono::milliseconds(0));
  split(std::move(suspected), trace_delay_.after(1, parts_.random));
}

void OutcomeHandler::handle_scopes(const GroupKey& group, const std::vector<Outcome>& outcomes,
                                   bool blamed) {
  const bool well = std::ranges::any_of(outcomes, server_is_well);
  const Failure* failure = decisive_failure(outcomes);
  if (failure != nullptr) {
    const ScopeKey key = scope_key(failure->scope, group);
    const Failure told = told_of(key, *failure);
    const std::string message = key.scope == FailureScope::experiment
                                    ? scope_name(key, parts_.source) + ": " + told.message
                                    : told.message;
    const bool of_traces = well || blamed || is_of_traces(group, *failure);
    parts_.reporter.failure(of_traces ? "single traces" : report_subject(key, parts_.source),
                            message, told.remedy);
    if (!of_traces) parts_.holds.failed(group, key, told);
  }
  if (well) parts_.holds.succeeded(group);
  if (failure == nullptr) {
    parts_.batch_size.grow();
  } else if (!well && any(outcomes, OutcomeKind::transient)) {
    parts_.batch_size.shrink();
  }
}

// An unclear answer while others go through says something about these traces, not about the
// server. A probe is another matter: its scope waits for what it says.
bool OutcomeHandler::is_of_traces(const GroupKey& group, const Failure& failure) const {
  return failure.failure_class == FailureClass::unknown && failure.scope == FailureScope::server &&
         parts_.clock.steady() - kOthersGoThrough < last_delivery_ &&
         parts_.holds.ask(group).permit == Holds::Permit::yes;
}

// A failure that would hold a whole scope is taken as the trace's own where others of the scope go
// through. A probe is another matter: its scope waits for what it says. True if there was such an
// answer.
bool OutcomeHandler::blame_traces(const BatchInFlight& flight,
                                  std::vector<Outcome>& outcomes) const {
  if (parts_.holds.ask(flight.group).permit != Holds::Permit::yes) return false;
  bool any_blamed = false;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    Outcome& outcome = outcomes[i];
    if (!is_unanswered(flight.items[i], outcome) && !is_exception(flight, outcome)) continue;
    outcome.kind = OutcomeKind::unknown;
    outcome.failure.failure_class = FailureClass::unknown;
    outcome.failure.scope = FailureScope::server;
    any_blamed = true;
  }
  return any_blamed;
}

// It has had such an answer before, and the scope was released since, by others: a firewall refuses
// its body, or the server says of a trace what it says of an experiment.
bool OutcomeHandler::is_exception(const BatchInFlight& flight, const Outcome& outcome) const {
  return outcome.kind == OutcomeKind::configuration && flight.items.size() == 1 &&
         flight.items.front().work.failures > 0;
}

// No answer of the server came, while others are answered: the info, or the spans, may be what ends
// a worker of the server, or a proxy, each time. What is of an experiment alone is asked of another
// host, of which the others tell nothing.
bool OutcomeHandler::is_unanswered(const Item& item, const Outcome& outcome) const {
  const bool others_go_through = parts_.clock.steady() - kOthersGoThrough < last_delivery_;
  const bool of_server = outcome.failure.scope == FailureScope::server;
  const bool transient = outcome.kind == OutcomeKind::transient;
  if (!transient || !of_server || outcome.spans_stored || !others_go_through) return false;
  const int status = outcome.failure.http_status;
  const bool of_info = !spans_were_refused(item, outcome);
  if (status == 0) return of_info || outcome.info_stored;
  return of_info && (status == kBadGateway || status == kGatewayTimeout);
}

void OutcomeHandler::handle_item(Item item, const Outcome& outcome) {
  switch (outcome.kind) {
    case OutcomeKind::delivered:
      return delivered(std::move(item));
    case OutcomeKind::transient:
      return again_after(std::move(item.work), outcome.failure, trace_delay_);
    case OutcomeKind::configuration:
      return misconfigured(std::move(item.work));
    case OutcomeKind::poison:
      return refused_alone(std::move(item), outcome);
    case OutcomeKind::unknown:
      return suspected_alone(std::move(item), outcome);
  }
}

void OutcomeHandler::delivered(Item item) {
  if (item.work.bisection) {
    item.work.bisection->search.current_delivered();
    return continue_bisection(std::move(item.work));
  }
  if (item.mode == DeliveryMode::change) return change_delivered(item);
  const bool root = item.mode == DeliveryMode::whole || item.mode == DeliveryMode::final_info;
  parts_.ledger.mark_delivered(item.work, root, item.start_ns);
  parts_.ledger.complete(item.completions);
  ++counters_.delivered_traces;
  link_deliveries_.add(item.work.group.link, parts_.clock.steady());
  counters_.lag.add(parts_.clock.steady() - item.work.accepted);
  ++models_.of(item.work.group.link).delivered_traces;
  finished_(item.work.trace_id);
}

void OutcomeHandler::change_delivered(const Item& item) {
  if (item.deletes_trace) {
    if (const auto noted = parts_.ledger.mark_deleted(item.work); !noted) {
      parts_.reporter.failure(kLedgerFiles, noted.error().message, "");
    }
  }
  parts_.ledger.complete(item.completions);
  finished_(item.work.trace_id);
}

void OutcomeHandler::refused_alone(Item item, const Outcome& outcome) {
  // A token sum that the server does not take is no reason to give up what it has.
  if (outcome.spans_stored) return delivered(std::move(item));
  const bool of_spans = spans_were_refused(item, outcome);
  if (item.work.bisection && of_spans) {
    item.work.bisection->refusal = outcome.failure;
    item.work.bisection->search.current_refused();
    return continue_bisection(std::move(item.work));
  }
  const bool divisible = item.span_count > 1 && !outcome.indivisible;
  if (of_spans && divisible) return isolate(std::move(item), outcome);
  item.work.bisection.reset();
  parts_.dead_letter_writer.dead_letter(
      std::move(item.work), "the server refuses it: " + outcome.failure.message, outcome.failure);
}

void OutcomeHandler::isolate(Item item, const Outcome& outcome) {
  const bool root = item.mode == DeliveryMode::whole || item.mode == DeliveryMode::final_info;
  item.work.bisection =
      std::make_unique<Bisection>(Bisection{SpanBisection(item.span_count), outcome.failure, root});
  item.work.split_group = ++last_split_group_;
  item.work.suspicion = {};
  item.work.failures = 0;
  again(std::move(item.work), std::chrono::milliseconds(0));
}

void OutcomeHandler::continue_bisection(TraceWork work) {
  work.suspicion = {};
  work.failures = 0;
  if (work.bisection->search.current()) {
    return again(std::move(work), std::chrono::milliseconds(0));
  }
  const Failure refusal = work.bisection->refusal;
  parts_.ledger.mark_delivered(work, work.bisection->root_stored, 0);
  parts_.dead_letter_writer.dead_letter(
      std::move(work), "the server refuses these spans: " + refusal.message, refusal);
}

// The same answer stands for a bad span and for a database that went away
// (docs/mlflow-servers.md#a-lost-connection), so time and the fate of the others have to tell.
void OutcomeHandler::suspected_alone(Item item, const Outcome& outcome) {
  TraceWork& work = item.work;
  const bool of_info = !spans_were_refused(item, outcome);
  const bool halves = work.bisection && work.bisection->search.current()->size() > 1;
  if (halves && !of_info && !outcome.spans_stored) {
    work.bisection->search.current_refused();
    return again(std::move(work), std::chrono::milliseconds(0));
  }
  note_suspicion(work, of_info, outcome.failure);
  if (of_info && is_given_up(work)) {
    const std::string first = work.suspicion.first_answer;
    return parts_.dead_letter_writer.dead_letter(
        std::move(work),
        std::string("the server's answers to ") +
            (item.mode == DeliveryMode::change ? "it" : "its info") +
            " leave its fate open: at first: " + first + "; at last: " + outcome.failure.message,
        outcome.failure);
  }
  if (!of_info && is_judged(work.suspicion, outcome))
    return refused_alone(std::move(item), outcome);
  // Many such infos, often tried, would take the turns of the others, which go through.
  const bool is_of_trace = of_info && last_delivery_ >= work.suspicion.first;
  again_after(std::move(work), outcome.failure, is_of_trace ? info_delay_ : trace_delay_);
}

void OutcomeHandler::note_suspicion(TraceWork& work, bool of_info, const Failure& failure) {
  Suspicion& suspicion = work.suspicion;
  if (suspicion.failures == 0 || suspicion.of_info != of_info) {
    suspicion = {of_info, 0, parts_.clock.steady(), failure.message};
  }
  ++suspicion.failures;
  if (!of_info) return;
  if (suspected_info_ && *suspected_info_ != work.trace_id) {
    last_other_suspicion_ = parts_.clock.steady();
  }
  suspected_info_ = work.trace_id;
}

bool OutcomeHandler::is_judged(const Suspicion& suspicion, const Outcome& outcome) const {
  if (suspicion.failures < kSuspicionFailures) return false;
  const auto lasted = parts_.clock.steady() - suspicion.first;
  const bool calm = outcome.info_stored && last_trouble_ < suspicion.first;
  if (calm) return lasted >= kCalmSuspicionTime;
  return lasted >= kSuspicionTime && last_delivery_ >= suspicion.first;
}

// A trace is given up a day after its acceptance or first suspicion, never while the server answers
// so to every trace.
bool OutcomeHandler::is_given_up(const TraceWork& work) const {
  const Suspicion& suspicion = work.suspicion;
  const auto lasted = parts_.clock.steady() - suspicion.first;
  const bool is_old = parts_.clock.steady() - work.accepted >= kInfoSuspicionTime;
  if (suspicion.failures < kSuspicionFailures || lasted < kSuspicionTime) return false;
  if (lasted < kInfoSuspicionTime && !is_old) return false;
  const auto alone_since = std::max({suspicion.first, last_other_suspicion_, last_trouble_});
  return last_delivery_ >= suspicion.first ||
         parts_.clock.steady() - alone_since >= kInfoSuspicionTime;
}

// The breaker of the scope holds it, unless others of the scope go through: then it waits alone.
void OutcomeHandler::misconfigured(TraceWork work) {
  const bool held = parts_.holds.ask(work.group).permit != Holds::Permit::yes;
  again(std::move(work), held ? std::chrono::milliseconds(0) : kOperatorWait);
}

void OutcomeHandler::split(std::vector<TraceWork> works, std::chrono::milliseconds wait) {
  std::ranges::sort(works,
                    [](const TraceWork& a, const TraceWork& b) { return a.sequence < b.sequence; });
  const std::size_t middle = works.size() / 2;
  const std::uint64_t first = ++last_split_group_;
  const std::uint64_t second = ++last_split_group_;
  for (std::size_t i = 0; i < works.size(); ++i) {
    works[i].split_group = i < middle ? first : second;
    again(std::move(works[i]), wait);
  }
}

void OutcomeHandler::again(TraceWork work, std::chrono::milliseconds wait) {
  work.not_before = parts_.clock.steady() + wait;
  parts_.backlog.add(std::move(work));
}

void OutcomeHandler::again_after(TraceWork work, const Failure& failure, const RetryDelay& delay) {
  ++work.failures;
  const auto wait = delay.after(work.failures, parts_.random, failure.retry_after);
  again(std::move(work), wait);
}

void OutcomeHandler::retry_later(TraceWork work) { again_after(std::move(work), {}, trace_delay_); }

}  // namespace tracelink
