#include "daemon/forward/forwarder.hpp"

#include <algorithm>
#include <utility>

namespace tracelink {

namespace {

constexpr int kReadsPerStep = 256;
constexpr auto kReadRetry = std::chrono::seconds(1);
constexpr auto kBetweenVainSpills = std::chrono::milliseconds(500);
constexpr auto kLongestWait = std::chrono::seconds(1);
// Those of a status; their number is told beside them.
constexpr std::size_t kHeldScopesShown = 100;

// What a batch holds, except that a trace of one record may be larger.
std::uint64_t max_trace_bytes(const ForwarderOptions& options) {
  constexpr std::uint64_t kBatches = 4;
  return kBatches * options.max_batch_bytes;
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
      dead_letter_writer_(source, dead_letters, ledger_, reporter_, clock,
                          [this](const TraceId& id) { reader_.assembly().finished(id); }),
      spill_(source, clock, random),
      dispatcher_({options.connections, options.max_traces_per_batch, options.max_batch_bytes,
                   options.max_traces_per_second},
                  {source, destination, ledger_, dead_letter_writer_, reporter_, clock, random},
                  [this](const TraceId& id) { reader_.assembly().finished(id); }),
      reader_({{options.trace_grace, options.trace_idle, max_trace_bytes(options)}, options.links},
              {source, dead_letter_writer_, relinks, ledger_, dispatcher_.holds().unlinked(),
               spill_, reporter_, clock}),
      maintenance_(options.hold_max,
                   {source, reader_, ledger_, dead_letter_writer_, dispatcher_.backlog(),
                    dispatcher_.holds(), clock},
                   [this](TraceWork work) { admit(std::move(work)); }) {}

void Forwarder::run(const std::stop_token& stop_token) {
  const std::stop_callback wake(stop_token, [this] { destination_.wakeup(); });
  while (!stop_token.stop_requested() && !drained()) step(kLongestWait);
  stop();
}

void Forwarder::step(std::chrono::milliseconds longest_wait) {
  run_posted();
  make_room();
  read();
  for (const Waiting& waiting : waiting_) reader_.assembly().hurry(waiting.id);
  admit_ready();
  dead_letter_writer_.retry_due();
  maintenance_.run_if_due();
  dispatcher_.dispatch();
  sync_if_due();
  publish_status();
  tell_waiting();
  destination_.poll(wait_time(longest_wait));
  note_drained();
}

void Forwarder::stop() {
  {
    const MutexLock lock(mutex_);
    stopped_ = true;
    posted_.clear();
  }
  for (const Waiting& waiting : std::exchange(waiting_, {})) waiting.done(false);
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
    const MutexLock lock(mutex_);
    if (stopped_) return false;
    posted_.push_back(std::move(work));
  }
  destination_.wakeup();
  return true;
}

void Forwarder::hurry(std::optional<TraceId> id) {
  (void)post([this, id] { reader_.assembly().hurry(id); });  // stopped: nothing is sent any more
}

void Forwarder::await_delivery(TraceId id, SteadyTime deadline, std::function<void(bool)> done) {
  const auto shared = std::make_shared<std::function<void(bool)>>(std::move(done));
  const bool is_posted =
      post([this, id, deadline, shared] { waiting_.push_back({id, deadline, *shared}); });
  if (!is_posted) (*shared)(false);
}

void Forwarder::tell_waiting() {
  if (waiting_.empty()) return;
  const SteadyTime now = clock_.steady();
  const bool has_read_all = caught_up_ && !window_full_;
  const bool helps = destination_.server().state == ServerStatus::State::up;
  const auto is_told = [&](const Waiting& waiting) {
    const bool is_done = has_read_all && reader_.assembly().is_done(waiting.id);
    if (!is_done && helps && now < waiting.deadline) return false;
    waiting.done(is_done);
    return true;
  };
  std::erase_if(waiting_, is_told);
}

void Forwarder::run_posted() {
  std::vector<std::function<void()>> posted;
  {
    const MutexLock lock(mutex_);
    posted.swap(posted_);
  }
  for (const auto& work : posted) work();
}

void Forwarder::read() {
  caught_up_ = false;
  if (clock_.steady() < read_again_) return;
  for (int n = 0; n < kReadsPerStep && !caught_up_; ++n) {
    caught_up_ = window_full_ = !has_room_to_read();
    if (caught_up_) return;
    const auto read = reader_.read();
    caught_up_ = read == TraceReader::Read::nothing_left;
    if (read != TraceReader::Read::later) continue;
    read_again_ = clock_.steady() + kReadRetry;
    return;
  }
}

// Records that may still be read.
std::size_t Forwarder::room() const {
  const std::size_t parked = dead_letter_writer_.parked_records();
  const std::size_t moving = reader_.assembly().records() + moving_records();
  const bool has_own_window = parked < options_.held_records;
  const std::size_t counted = has_own_window ? moving : moving + held_records() + parked;
  return options_.window_records - std::min(options_.window_records, counted);
}

std::size_t Forwarder::held_records() const {
  return dispatcher_.holds().unlinked().records() + dispatcher_.backlog().held_records();
}

// Those that assembly has given.
std::size_t Forwarder::moving_records() const {
  const Backlog& backlog = dispatcher_.backlog();
  return dispatcher_.records_in_flight() + backlog.records() - backlog.held_records();
}

bool Forwarder::has_room_to_read() const {
  return spill_.is_scanning() ? spill_room().window : has_room();
}

void Forwarder::make_room() {
  const std::size_t held = held_records();
  if (clock_.steady() >= next_spill_) {
    bool in_vain = false;
    if (held >= options_.held_records) in_vain = !spill_held(held - options_.held_records);
    if (room() < kept_for_others()) in_vain |= !spill_flood();
    // To look costs what there is to look at.
    if (in_vain) next_spill_ = clock_.steady() + kBetweenVainSpills;
  }
  spill_.advance(dispatcher_.backlog(), spill_room(), dispatcher_.holds().take_opened());
}

Spill::Room Forwarder::spill_room() const {
  // So much room stays, or what comes back would be spilled as a flood.
  const bool may_come_back =
      room() > kept_for_others() && moving_records() <= options_.window_records * 3 / 8;
  return {.window = may_come_back,
          .for_held = held_records() < options_.held_records / 2,
          .window_records = options_.window_records};
}

// Of the scopes that hold most the newest, and an eighth more than must be.
bool Forwarder::spill_held(std::size_t excess) {
  Backlog& backlog = dispatcher_.backlog();
  Holds& holds = dispatcher_.holds();
  const std::size_t records = excess + std::max<std::size_t>(options_.held_records / 8, 1);
  if (holds.unlinked().records() > backlog.held_records()) {
    for (const TraceWork& work : holds.unlinked().take_newest(records)) {
      spill_.put_held(work, {});
      forget(work);
    }
    return true;
  }
  const auto is_held = [](const GroupKey&, bool held) { return held; };
  const auto newest = backlog.take_newest(is_held, records);
  for (const TraceWork& work : newest) {
    spill_.put_held(work, holds.held_alone_by(work.group).value_or(ScopeKey{}));
    forget(work);
  }
  spill_.drop_marks_of([&](const ScopeKey& scope) { return holds.forget_if_unused(scope); });
  return !newest.empty();
}

// A group that could go has filled the window: others behind it are read all the same. Of more
// groups than are marked, the traces come back with a general rescan, and what comes later is read.
bool Forwarder::spill_flood() {
  Backlog& backlog = dispatcher_.backlog();
  const bool server_is_open = dispatcher_.holds().ask_server() == Holds::Permit::yes;
  if (!server_is_open || moving_records() < options_.window_records / 4) return false;
  const auto is_moving = [](const GroupKey&, bool held) { return !held; };
  const auto newest = backlog.take_newest(is_moving, options_.window_records / 4);
  for (const TraceWork& work : newest) {
    spill_.may_flood(work.group) ? spill_.put_flood(work) : spill_.put_held(work, {});
    forget(work);
  }
  return !newest.empty();
}

void Forwarder::admit(TraceWork work) {
  // Its link may have been fixed by an earlier part of the trace while this one waited.
  if (const auto fixed = ledger_.recent(work.trace_id)) fix_link(work, *fixed);
  if (work.link_obstacle == LinkObstacle::none && spill_.keeps(work)) {
    spill_.put(work);
    return forget(work);
  }
  if (work.link_obstacle != LinkObstacle::none) {
    dispatcher_.holds().unlinked().add(std::move(work));
  } else {
    dispatcher_.add(std::move(work));
  }
}

void Forwarder::admit_all(std::vector<TraceWork> works) {
  for (TraceWork& work : works) admit(std::move(work));
}

void Forwarder::admit_ready() {
  Assembler& assembly = reader_.assembly();
  if (drain_deadline()) admit_all(assembly.take_with_root());
  admit_all(assembly.take_ready(caught_up_));
  // A window full of unfinished traces would wait for records that cannot be read.
  if (room() > (spill_.empty() ? 0 : kept_for_others())) return;
  while (assembly.records() > options_.window_records / 2) {
    auto work = assembly.take_soonest();
    if (!work) break;
    admit(*std::move(work));
  }
}

Result<std::size_t> Forwarder::relink(Relink relink) {
  relink.before_sequence = source_.next_sequence();
  const auto noted = ledger_.relink(relink.from, relink.to);
  if (!noted) return noted.error();
  if (auto added = relinks_.add(relink); !added) {
    ledger_.undo_relink(*noted, relink.from);
    return std::move(added).error();
  }
  dispatcher_.holds().note_opened();  // what is spilled gets the link when it is read again
  const std::size_t moved = relink_in_memory(relink);
  dispatcher_.holds().forget_if_unused({FailureScope::link, relink.from, {}});
  return moved;
}

std::size_t Forwarder::relink_in_memory(const Relink& relink) {
  std::size_t moved = 0;
  const auto is_concerned = [&](const TraceWork& work) {
    return work.group.link == relink.from && !dispatcher_.is_delivered(work);
  };
  const auto move = [&](TraceWork& work) {
    if (!is_concerned(work)) return;
    work.group.link = relink.to;
    if (work.accepted_link == relink.from) work.accepted_link = relink.to;
    work.link_obstacle = LinkObstacle::none;
    ++moved;
  };
  reader_.assembly().for_each(move);
  dead_letter_writer_.for_each(move);
  Backlog& backlog = dispatcher_.backlog();
  for (const GroupKey& group : backlog.groups_in({FailureScope::link, relink.from, {}})) {
    for (TraceWork& work : backlog.take_if(group, is_concerned, backlog.traces())) {
      move(work);
      backlog.add(std::move(work));
    }
  }
  for (TraceWork& work : dispatcher_.holds().unlinked().take_linked(relink.from)) {
    move(work);
    admit(std::move(work));
  }
  return moved;
}

void Forwarder::sync_if_due() {
  const auto due = ledger_.sync_due();
  if (!due || clock_.steady() < *due) return;
  if (auto synced = ledger_.sync(); !synced) {
    reporter_.failure("delivery journal", synced.error().message, "");
  } else {
    destination_.deliveries_are_durable();
    reporter_.recovered("delivery journal");
  }
}

std::chrono::milliseconds Forwarder::wait_time(std::chrono::milliseconds longest) const {
  const SteadyTime now = clock_.steady();
  // Traces that went from assembly to a held scope since the last look made room.
  const bool can_read = !caught_up_ || (window_full_ && has_room()) ||
                        spill_.has_work(dispatcher_.backlog(), spill_room());
  if (can_read && now >= read_again_) return std::chrono::milliseconds(0);
  SteadyTime wake = now + longest;
  const auto consider = [&](std::optional<SteadyTime> at) {
    if (at && *at > now) wake = std::min(wake, *at);
  };
  consider(read_again_);
  consider(reader_.assembly().next_ready());
  consider(dispatcher_.next_due());
  consider(dead_letter_writer_.next_due());
  consider(ledger_.sync_due());
  consider(drain_deadline());
  for (const Waiting& waiting : waiting_) consider(waiting.deadline);
  return std::chrono::ceil<std::chrono::milliseconds>(wake - now);
}

void Forwarder::drain(SteadyTime deadline) {
  {
    const MutexLock lock(mutex_);
    drain_deadline_ = deadline;
  }
  destination_.wakeup();
}

std::optional<SteadyTime> Forwarder::drain_deadline() const {
  const MutexLock lock(mutex_);
  return drain_deadline_;
}

void Forwarder::note_drained() {
  if (!drain_deadline()) return;
  const bool nothing_left = caught_up_ && dispatcher_.batches_in_flight() == 0 &&
                            dispatcher_.backlog().records() == 0 && spill_.empty() &&
                            !reader_.assembly().has_root();
  const MutexLock lock(mutex_);
  drained_ = nothing_left;
}

bool Forwarder::drained() const {
  const MutexLock lock(mutex_);
  return drain_deadline_ && (drained_ || clock_.steady() >= *drain_deadline_);
}

ForwardStatus Forwarder::status() const {
  const MutexLock lock(mutex_);
  return status_;
}

void Forwarder::publish_status() {
  const Holds& holds = dispatcher_.holds();
  ForwardStatus status;
  status.stepped_at = clock_.steady();
  status.is_stuck = dispatcher_.is_stuck();
  status.held = holds.list(kHeldScopesShown,
                           [this](const ScopeKey& scope) { return spill_.records_of(scope); });
  status.held_scopes = holds.scopes();
  status.last_delivery_at = dispatcher_.outcome_handler().last_delivery_at();
  status.last_error = reporter_.last_error();
  status.server = destination_.server();
  status.assembling_traces = reader_.assembly().traces();
  status.waiting_for_root = waiting_for_root();
  status.waiting_traces =
      dispatcher_.backlog().traces() + holds.unlinked().traces() + spill_.records();
  status.in_flight_traces = dispatcher_.traces_in_flight();
  status.parked_traces = dead_letter_writer_.parked_traces();
  status.traces_per_second = dispatcher_.pace().per_second();
  status.dead_letters = dead_letters_.count();
  status.dead_letter_bytes = dead_letters_.bytes();
  status.counters = dispatcher_.outcome_handler().counters();
  status.counters.dead_lettered_traces = dead_letter_writer_.dead_lettered();
  status.counters.dead_lettered_changes = dead_letter_writer_.dead_lettered_changes();
  status.counters.pieces = reader_.assembly().pieces();
  const MutexLock lock(mutex_);
  status.models = std::move(status_.models);  // whose memory is used again for the names
  status_ = std::move(status);
  status_.models = dispatcher_.outcome_handler().models();
}

WaitingForRoot Forwarder::waiting_for_root() const {
  const Assembler::Rootless rootless = reader_.assembly().rootless();
  if (rootless.traces == 0) return {};
  const auto wall = [this](SteadyTime at) {
    return clock_.wall() + std::chrono::duration_cast<WallTime::duration>(at - clock_.steady());
  };
  return {rootless.traces, wall(rootless.first), wall(rootless.last)};
}

}  // namespace tracelink
