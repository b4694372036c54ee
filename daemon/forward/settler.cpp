#include "daemon/forward/settler.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include <spdlog/spdlog.h>

#include "daemon/forward/scope_name.hpp"

namespace tracelink {

namespace {

constexpr auto kConfigurationWait = std::chrono::minutes(1);
constexpr auto kOthersGoThrough = std::chrono::seconds(5);
constexpr int kDoubtFailures = 3;
// While nothing else fails, its own infos show between the failures that the server is well.
constexpr auto kCalmDoubtTime = std::chrono::seconds(1);
constexpr auto kDoubtTime = std::chrono::minutes(2);
constexpr auto kInfoDoubtTime = std::chrono::hours(24);

// The refusal was of the spans: the info step, if there was one, had succeeded.
bool spans_were_refused(const Flight::Item& item, const Outcome& outcome) {
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

std::size_t Flight::records() const {
  std::size_t records = 0;
  for (const Item& item : items) records += item.work.parts.size();
  return records;
}

Settler::Settler(Parts parts, Finished finished) : parts_(parts), finished_(std::move(finished)) {}

void Settler::settle(Flight flight, const std::vector<Outcome>& outcomes) {
  ++counters_.batches;
  if (any(outcomes, OutcomeKind::delivered)) {
    last_delivery_ = parts_.clock.steady();
    last_delivery_at_ = parts_.clock.wall();
  }
  if (any(outcomes, OutcomeKind::transient)) last_trouble_ = parts_.clock.steady();
  settle_scopes(flight.group, outcomes);
  std::vector<TraceWork> refused;
  std::vector<TraceWork> doubted;
  for (std::size_t i = 0; i < flight.items.size(); ++i) {
    const Outcome& outcome = outcomes[i];
    Item& item = flight.items[i];
    count(outcome.kind);
    if (outcome.kind != OutcomeKind::delivered) item.work.repeated = true;
    if (outcome.batch && outcome.kind == OutcomeKind::poison) {
      refused.push_back(std::move(item.work));
    } else if (outcome.batch && outcome.kind == OutcomeKind::unknown) {
      doubted.push_back(std::move(item.work));
    } else {
      settle_item(std::move(item), outcome);
    }
  }
  spdlog::debug("batch ended traces={} delivered={}", outcomes.size(),
                std::ranges::count(outcomes, OutcomeKind::delivered, &Outcome::kind));
  split(std::move(refused), std::chrono::milliseconds(0));
  split(std::move(doubted), trace_delay_.after(1, parts_.random));
}

void Settler::settle_scopes(const GroupKey& group, const std::vector<Outcome>& outcomes) {
  const bool well = std::ranges::any_of(outcomes, server_is_well);
  const Failure* failure = decisive_failure(outcomes);
  if (failure != nullptr) {
    const ScopeKey key = scope_key(failure->scope, group);
    const Failure told = told_of(key, *failure);
    const std::string message = key.scope == FailureScope::experiment
                                    ? scope_name(key, parts_.source) + ": " + told.message
                                    : told.message;
    const bool of_traces = well || is_of_traces(group, *failure);
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
bool Settler::is_of_traces(const GroupKey& group, const Failure& failure) const {
  return failure.failure_class == FailureClass::unknown && failure.scope == FailureScope::server &&
         parts_.clock.steady() - kOthersGoThrough < last_delivery_ &&
         parts_.holds.ask(group).permit == Holds::Permit::yes;
}

void Settler::settle_item(Item item, const Outcome& outcome) {
  switch (outcome.kind) {
    case OutcomeKind::delivered:
      return delivered(std::move(item));
    case OutcomeKind::transient:
      return again_after(std::move(item.work), outcome.failure);
    case OutcomeKind::configuration:
      return misconfigured(std::move(item.work));
    case OutcomeKind::poison:
      return refused_alone(std::move(item), outcome);
    case OutcomeKind::unknown:
      return doubted_alone(std::move(item), outcome);
  }
}

void Settler::delivered(Item item) {
  if (item.work.isolation) {
    item.work.isolation->search.current_delivered();
    return continue_isolation(std::move(item.work));
  }
  const bool root = item.mode == DeliveryMode::whole || item.mode == DeliveryMode::final_info;
  parts_.ledger.mark_delivered(item.work, root, item.start_ns);
  parts_.ledger.complete(item.completions);
  ++counters_.delivered_traces;
  finished_(item.work.trace_id);
}

void Settler::refused_alone(Item item, const Outcome& outcome) {
  // A token sum that the server does not take is no reason to give up what it has.
  if (outcome.spans_stored) return delivered(std::move(item));
  const bool of_spans = spans_were_refused(item, outcome);
  if (item.work.isolation && of_spans) {
    item.work.isolation->refusal = outcome.failure;
    item.work.isolation->search.current_refused();
    return continue_isolation(std::move(item.work));
  }
  if (of_spans && item.span_count > 1) return isolate(std::move(item), outcome);
  item.work.isolation.reset();
  parts_.desk.bury(std::move(item.work), "the server refuses it: " + outcome.failure.message,
                   outcome.failure);
}

void Settler::isolate(Item item, const Outcome& outcome) {
  const bool root = item.mode == DeliveryMode::whole || item.mode == DeliveryMode::final_info;
  item.work.isolation =
      std::make_unique<Isolation>(Isolation{SpanIsolation(item.span_count), outcome.failure, root});
  item.work.cohort = ++last_cohort_;
  item.work.doubt = {};
  item.work.failures = 0;
  again(std::move(item.work), std::chrono::milliseconds(0));
}

void Settler::continue_isolation(TraceWork work) {
  work.doubt = {};
  work.failures = 0;
  if (work.isolation->search.current()) {
    return again(std::move(work), std::chrono::milliseconds(0));
  }
  const Failure refusal = work.isolation->refusal;
  parts_.ledger.mark_delivered(work, work.isolation->root_stored, 0);
  parts_.desk.bury(std::move(work), "the server refuses these spans: " + refusal.message, refusal);
}

// The same answer stands for a bad span and for a database that went away
// (docs/mlflow-servers.md#a-lost-connection), so time and the fate of the others have to tell.
void Settler::doubted_alone(Item item, const Outcome& outcome) {
  TraceWork& work = item.work;
  const bool of_info = !spans_were_refused(item, outcome);
  const bool halves = work.isolation && work.isolation->search.current()->size() > 1;
  if (halves && !of_info && !outcome.spans_stored) {
    work.isolation->search.current_refused();
    return again(std::move(work), std::chrono::milliseconds(0));
  }
  note_doubt(work, of_info, outcome.failure);
  if (of_info && is_given_up(work)) {
    const std::string first = work.doubt.first_answer;
    return parts_.desk.bury(std::move(work),
                            "the server's answers to its info leave its fate open: at first: " +
                                first + "; at last: " + outcome.failure.message,
                            outcome.failure);
  }
  if (!of_info && is_judged(work.doubt, outcome)) return refused_alone(std::move(item), outcome);
  again_after(std::move(work), outcome.failure);
}

void Settler::note_doubt(TraceWork& work, bool of_info, const Failure& failure) {
  Doubt& doubt = work.doubt;
  if (doubt.failures == 0 || doubt.of_info != of_info) {
    doubt = {of_info, 0, parts_.clock.steady(), failure.message};
  }
  ++doubt.failures;
  if (!of_info) return;
  if (doubted_info_ && *doubted_info_ != work.trace_id) {
    last_other_doubt_ = parts_.clock.steady();
  }
  doubted_info_ = work.trace_id;
}

bool Settler::is_judged(const Doubt& doubt, const Outcome& outcome) const {
  if (doubt.failures < kDoubtFailures) return false;
  const auto lasted = parts_.clock.steady() - doubt.first;
  const bool calm = outcome.info_stored && last_trouble_ < doubt.first;
  if (calm) return lasted >= kCalmDoubtTime;
  return lasted >= kDoubtTime && last_delivery_ >= doubt.first;
}

// A day after its acceptance, or of doubt, and never because of a server that answers so to all.
bool Settler::is_given_up(const TraceWork& work) const {
  const Doubt& doubt = work.doubt;
  const auto lasted = parts_.clock.steady() - doubt.first;
  const bool is_old = parts_.clock.steady() - work.accepted >= kInfoDoubtTime;
  if (doubt.failures < kDoubtFailures || lasted < kDoubtTime) return false;
  if (lasted < kInfoDoubtTime && !is_old) return false;
  const bool is_alone = last_other_doubt_ < doubt.first && last_trouble_ < doubt.first;
  return last_delivery_ >= doubt.first || (is_alone && lasted >= kInfoDoubtTime);
}

// The breaker of the scope holds it, unless others of the scope go through: then it waits alone.
void Settler::misconfigured(TraceWork work) {
  const bool held = parts_.holds.ask(work.group).permit != Holds::Permit::yes;
  again(std::move(work), held ? std::chrono::milliseconds(0) : kConfigurationWait);
}

void Settler::split(std::vector<TraceWork> works, std::chrono::milliseconds wait) {
  std::ranges::sort(works,
                    [](const TraceWork& a, const TraceWork& b) { return a.sequence < b.sequence; });
  const std::size_t middle = works.size() / 2;
  const std::uint64_t first = ++last_cohort_;
  const std::uint64_t second = ++last_cohort_;
  for (std::size_t i = 0; i < works.size(); ++i) {
    works[i].cohort = i < middle ? first : second;
    again(std::move(works[i]), wait);
  }
}

void Settler::again(TraceWork work, std::chrono::milliseconds wait) {
  work.not_before = parts_.clock.steady() + wait;
  parts_.backlog.add(std::move(work));
}

void Settler::again_after(TraceWork work, const Failure& failure) {
  ++work.failures;
  const auto wait = trace_delay_.after(work.failures, parts_.random, failure.retry_after);
  again(std::move(work), wait);
}

void Settler::retry_later(TraceWork work) { again_after(std::move(work), {}); }

void Settler::count(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::delivered:
      return;
    case OutcomeKind::transient:
      ++counters_.transient;
      return;
    case OutcomeKind::configuration:
      ++counters_.configuration;
      return;
    case OutcomeKind::poison:
      ++counters_.poison;
      return;
    case OutcomeKind::unknown:
      ++counters_.unknown;
      return;
  }
}

}  // namespace tracelink
