#include "daemon/forward/forwarder.hpp"

#include <algorithm>
#include <utility>

#include "daemon/forward/scope_name.hpp"
#include "daemon/forward/tally.hpp"
#include "daemon/forward/trace_loader.hpp"

namespace tracelink {

namespace {

constexpr int kReadsPerStep = 256;
constexpr auto kReadRetry = std::chrono::seconds(1);
constexpr auto kLongestWait = std::chrono::seconds(1);
constexpr auto kConfigurationProbe = std::chrono::minutes(1);

DeliveryMode mode_of(bool has_root, const std::optional<RecentTrace>& known) {
  const bool root_delivered = known && known->delivered && known->root_delivered;
  if (root_delivered) return DeliveryMode::spans_only;
  if (!has_root) return DeliveryMode::without_root;
  return known && known->delivered ? DeliveryMode::final_info : DeliveryMode::whole;
}

}  // namespace

Forwarder::Forwarder(ForwarderOptions options, RecordSource& source, Destination& destination,
                     DeadLetterStore& dead_letters, Relinks& relinks, Reporter& reporter,
                     const Clock& clock, RandomSource& random)
    : options_(options),
      source_(source),
      destination_(destination),
      dead_letters_(dead_letters),
      relinks_(relinks),
      clock_(clock),
      reporter_(reporter),
      ledger_(source, clock),
      links_(options.links, source, reporter_, clock),
      assembler_({options.trace_grace, options.trace_idle}, clock),
      unlinked_(clock),
      gates_(RetryDelay{}, kConfigurationProbe, clock, random),
      batch_size_(options.max_traces_per_batch),
      desk_(source, dead_letters, ledger_, reporter_, clock,
            [this](const TraceId& id) { assembler_.finished(id); }),
      settler_({source, backlog_, gates_, ledger_, desk_, batch_size_, reporter_, clock, random},
               [this](const TraceId& id) { assembler_.finished(id); }) {}

void Forwarder::run(const std::stop_token& stop_token) {
  const std::stop_callback wake(stop_token, [this] { destination_.wakeup(); });
  while (!stop_token.stop_requested() && !drained()) step(kLongestWait);
  stop();
}

void Forwarder::step(std::chrono::milliseconds longest_wait) {
  run_posted();
  set_aside_excess();
  look_back_if_due();
  read();
  admit_ready();
  desk_.retry_due();
  check_holds();
  dispatch();
  sync_if_due();
  publish_status();
  destination_.poll(wait_time(longest_wait));
  note_drained();
}

void Forwarder::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    posted_.clear();
  }
  reporter_.set_muted(true);  // what is cancelled has not failed
  destination_.cancel();
  reporter_.set_muted(false);
  if (auto synced = ledger_.sync(); !synced) {
    reporter_.failure("delivery journal", synced.error().message, "");
  }
  publish_status();
}

bool Forwarder::post(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return false;
    posted_.push_back(std::move(work));
  }
  destination_.wakeup();
  return true;
}

void Forwarder::run_posted() {
  std::vector<std::function<void()>> posted;
  {
    const std::lock_guard lock(mutex_);
    posted.swap(posted_);
  }
  for (const auto& work : posted) work();
}

void Forwarder::read() {
  caught_up_ = false;
  if (clock_.steady() < read_again_) return;
  for (int n = 0; n < kReadsPerStep; ++n) {
    caught_up_ = window_full_ = !has_room();
    if (caught_up_) return;
    auto stored = source_.next();
    if (!stored) {
      reporter_.failure("queue", stored.error().message, "");
      if (stored.error().code == ErrorCode::corrupt) continue;  // stepped over and counted
      read_again_ = clock_.steady() + kReadRetry;
      return;
    }
    caught_up_ = !*stored;
    ledger_.read_up_to(caught_up_ ? clock_.wall() : (*stored)->record.accepted_at);
    if (caught_up_) return;
    retract_letter((*stored)->position);
    add_to_assembly(*std::move(*stored));
  }
}

// Written before a crash that took the journal's entry: the record is still queued.
void Forwarder::retract_letter(Position position) {
  const auto retracted = dead_letters_.retract(position.segment_id, position.offset);
  if (!retracted) {
    reporter_.failure("dead letters", retracted.error().message, "");
  } else if (*retracted) {
    source_.set_external_bytes(dead_letters_.bytes());
  }
}

void Forwarder::add_to_assembly(StoredRecord stored) {
  Record& record = stored.record;
  const TraceId& id = record.slice.trace_id;
  record.link = relinks_.resolve(record.link, record.accepted_at);
  // The new part may bring a link that the trace can be sent with.
  if (auto waiting = unlinked_.take(id)) assembler_.put_back(*std::move(waiting));
  const auto fixed = known(id);
  const LinkHash accepted = assembler_.accepted_link(id).value_or(record.link);
  const LinkHash base = fixed ? fixed->link : accepted;
  assembler_.add(stored, fixed, choose_link(record.slice.otlp, base, record.accepted_at));
}

LinkChoice Forwarder::choose_link(std::string_view traces_data, const LinkHash& base,
                                  WallTime accepted_at) {
  LinkChoice choice = links_.choose(traces_data, base);
  const LinkHash link = relinks_.resolve(choice.link, accepted_at);
  if (link == choice.link) return choice;
  choice.link = link;  // also in place of one that could not be had
  choice.obstacle = LinkObstacle::none;
  return choice;
}

bool Forwarder::has_room() const {
  const std::size_t parked = desk_.parked_records();
  const std::size_t all =
      assembler_.records() + unlinked_.records() + backlog_.records() + parked + in_flight_records_;
  if (all < options_.window_records) return true;
  return parked < options_.held_records && all - parked - held_records() < options_.window_records;
}

void Forwarder::admit(std::vector<TraceWork> works) {
  for (TraceWork& work : works) {
    // Its link may have been fixed by an earlier part of the trace while this one waited.
    if (const auto fixed = known(work.trace_id)) fix_link(work, *fixed);
    if (work.link_obstacle != LinkObstacle::none) {
      unlinked_.add(std::move(work));
    } else if (const auto scope = aside_scope(work.group)) {
      set_aside(work, *scope);
    } else {
      backlog_.add(std::move(work));
    }
  }
}

void Forwarder::admit_ready() {
  if (drain_deadline()) admit(assembler_.take_with_root());
  admit(assembler_.take_ready(caught_up_));
  // A window full of unfinished traces would wait for records that cannot be read.
  while (assembler_.records() > options_.window_records / 2 && !has_room()) {
    auto work = assembler_.take_soonest();
    if (!work) break;
    std::vector<TraceWork> one;
    one.push_back(*std::move(work));
    admit(std::move(one));
  }
}

bool Forwarder::may_send(const GroupKey& group) {
  const auto subject = [&](const Failure& failure) {
    return scope_name(scope_key(failure.scope, group), source_);
  };
  const bool is_closed = gates_.permit(group) == ScopeGates::Permit::no;
  if (is_closed && !waiting_.contains(group)) return false;
  Failure hold;
  if (destination_.accepts(group.link, group.experiment, &hold)) {
    if (const auto ended = waiting_.extract(group)) {
      scope_opened_ = true;
      reporter_.recovered(subject(ended.mapped().failure));
    }
    return !is_closed;
  }
  auto [at, is_new] = waiting_.try_emplace(group);
  if (is_new) at->second.since = clock_.wall();
  const bool changed = is_new || at->second.failure.message != hold.message;
  at->second.failure = std::move(hold);
  // What has no remedy passes by itself, e.g. a model that is being registered.
  const Failure& failure = at->second.failure;
  if (changed && !failure.remedy.empty()) {
    reporter_.failure(subject(failure), failure.message, failure.remedy);
  }
  return false;
}

void Forwarder::dispatch() {
  std::erase_if(waiting_, [this](const auto& entry) {
    return backlog_.traces_in([&](const GroupKey& group) { return group == entry.first; }) == 0;
  });
  bool sent = true;
  while (sent && flights_ < options_.connections) {
    sent = false;
    for (const GroupKey& group : backlog_.due_groups(clock_.steady())) {
      if (!may_send(group)) continue;
      sent = send_one(group);
      break;
    }
  }
}

bool Forwarder::send_one(const GroupKey& group) {
  const SteadyTime now = clock_.steady();
  const bool probe = gates_.permit(group) == ScopeGates::Permit::probe;
  std::vector<TraceWork> works;
  if (probe) {
    if (auto work = backlog_.take_probe(group, now)) works.push_back(*std::move(work));
  } else {
    works = backlog_.take_batch(group, {batch_size_.value(), options_.max_batch_bytes}, now);
  }
  Flight flight;
  flight.group = group;
  std::vector<TraceDelivery> deliveries;
  for (TraceWork& work : works) {
    TraceDelivery delivery;
    if (auto item = load(std::move(work), delivery)) {
      flight.items.push_back(*std::move(item));
      deliveries.push_back(std::move(delivery));
    }
  }
  if (deliveries.empty()) return true;
  if (!sync_links(flight.items)) return false;
  if (probe) gates_.begin_probe(group);
  ++flights_;
  in_flight_traces_ += flight.items.size();
  in_flight_records_ += flight.records();
  auto shared = std::make_shared<Flight>(std::move(flight));
  destination_.deliver(std::move(deliveries), [this, shared](const std::vector<Outcome>& outcomes) {
    settle(std::move(*shared), outcomes);
  });
  return true;
}

std::optional<Flight::Item> Forwarder::load(TraceWork work, TraceDelivery& delivery) {
  auto loaded = load_trace(source_, work);
  if (!loaded) {
    const Error& error = loaded.error();
    if (error.code == ErrorCode::closed) {
      assembler_.finished(work.trace_id);
    } else if (error.code == ErrorCode::corrupt) {
      desk_.bury(std::move(work), "its spans cannot be merged: " + error.message, {});
    } else {
      reporter_.failure("queue", error.message, "");
      settler_.retry_later(std::move(work));
    }
    return std::nullopt;
  }
  const auto known = ledger_.recent(work.trace_id);
  Flight::Item item;
  item.completions = tally(work.parts, loaded->slices, {});
  item.start_ns = loaded->prepared.info.start_ns;
  item.mode = mode_of(loaded->prepared.info.has_root, known);
  if (work.isolation) {
    const SpanRange range = *work.isolation->search.current();
    auto part = select_spans(loaded->prepared, [&](std::size_t index) {
      return index >= range.begin && index < range.end;
    });
    if (part) loaded->prepared = *std::move(part);
  }
  item.span_count = loaded->prepared.span_count;
  delivery = {.trace = std::move(loaded->prepared),
              .link = work.group.link,
              .experiment = work.group.experiment,
              .mode = item.mode,
              .accepted_at = work.accepted_at,
              .repeated = work.repeated || known.has_value()};
  item.work = std::move(work);
  return item;
}

bool Forwarder::sync_links(std::vector<Flight::Item>& items) {
  std::vector<const TraceWork*> works;
  works.reserve(items.size());
  for (const Flight::Item& item : items) works.push_back(&item.work);
  const auto fixed = ledger_.fix_links(works);
  if (fixed) return true;
  reporter_.failure("delivery journal", fixed.error().message, "");
  for (Flight::Item& item : items) settler_.retry_later(std::move(item.work));
  return false;
}

void Forwarder::settle(Flight flight, const std::vector<Outcome>& outcomes) {
  --flights_;
  in_flight_traces_ -= flight.items.size();
  in_flight_records_ -= flight.records();
  const ScopeKey link{FailureScope::link, flight.group.link, {}};
  const bool relinked = relink_returned(flight, outcomes);
  const GroupKey group = flight.group;
  const bool was_held = gates_.is_held_alone(group);
  settler_.settle(std::move(flight), outcomes);
  if (was_held && !gates_.is_held_alone(group)) scope_opened_ = true;
  if (relinked) forget_if_unused(link);
}

void Forwarder::sync_if_due() {
  const auto due = ledger_.sync_due();
  if (!due || clock_.steady() < *due) return;
  if (auto synced = ledger_.sync(); !synced) {
    reporter_.failure("delivery journal", synced.error().message, "");
  } else {
    reporter_.recovered("delivery journal");
  }
}

std::chrono::milliseconds Forwarder::wait_time(std::chrono::milliseconds longest) const {
  const SteadyTime now = clock_.steady();
  // Traces that went from assembly to a held scope since the last look made room.
  const bool can_read = !caught_up_ || (window_full_ && has_room());
  if (can_read && now >= read_again_) return std::chrono::milliseconds(0);
  SteadyTime wake = now + longest;
  const auto consider = [&](std::optional<SteadyTime> at) {
    if (at && *at > now) wake = std::min(wake, *at);
  };
  consider(read_again_);
  consider(assembler_.next_ready());
  consider(backlog_.next_due(now));
  consider(gates_.next_probe());
  consider(desk_.next_due());
  consider(ledger_.sync_due());
  consider(drain_deadline());
  return std::chrono::ceil<std::chrono::milliseconds>(wake - now);
}

void Forwarder::drain(SteadyTime deadline) {
  {
    const std::lock_guard lock(mutex_);
    drain_deadline_ = deadline;
  }
  destination_.wakeup();
}

std::optional<SteadyTime> Forwarder::drain_deadline() const {
  const std::lock_guard lock(mutex_);
  return drain_deadline_;
}

void Forwarder::note_drained() {
  const bool nothing_left =
      caught_up_ && flights_ == 0 && backlog_.records() == 0 && !assembler_.has_root();
  const std::lock_guard lock(mutex_);
  drained_ = drain_deadline_ && nothing_left;
}

bool Forwarder::drained() const {
  const std::lock_guard lock(mutex_);
  return drain_deadline_ && (drained_ || clock_.steady() >= *drain_deadline_);
}

}  // namespace tracelink
