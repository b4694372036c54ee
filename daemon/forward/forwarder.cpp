#include "daemon/forward/forwarder.hpp"

#include <algorithm>
#include <utility>

namespace tracelink {

namespace {

constexpr int kReadsPerStep = 256;
constexpr auto kReadRetry = std::chrono::seconds(1);
constexpr auto kBetweenHurries = std::chrono::milliseconds(50);
constexpr auto kLongestWait = std::chrono::seconds(1);
// Those of a status; their number is told beside them.
constexpr std::size_t kHeldScopesShown = 100;

// One that has not been heard of yet may answer in a moment.
bool is_away(const ServerStatus& server) {
  return server.state == ServerStatus::State::down || server.state == ServerStatus::State::refusing;
}

// A larger trace goes in pieces.
std::uint64_t max_trace_bytes(const ForwarderOptions& options) {
  constexpr std::uint64_t kBatches = 4;
  return kBatches * options.max_batch_bytes;
}

}  // namespace

Forwarder::Forwarder(const ForwarderOptions& options, RecordSource& source,
                     Destination& destination, DeadLetterStore& dead_letters, Relinks& relinks,
                     Reporter& reporter, const Clock& clock, RandomSource& random)
    : options_(options),
      source_(source),
      destination_(destination),
      dead_letters_(dead_letters),
      relinks_(relinks),
      clock_(clock),
      reporter_(reporter),
      spill_(source, clock, random),
      ledger_(source, clock, [this](const TraceId& id) { return spill_.may_have(id); }),
      dead_letter_writer_(source, dead_letters, ledger_, reporter_, clock,
                          [this](const TraceId& id) { reader_.assembly().finished(id); }),
      dispatcher_({options.connections, options.max_traces_per_batch, options.max_batch_bytes,
                   options.max_traces_per_second},
                  {source, destination, ledger_, dead_letter_writer_, reporter_, clock, random},
                  [this](const TraceId& id) { reader_.assembly().finished(id); }),
      reader_({{options.trace_grace, options.trace_idle, max_trace_bytes(options)},
               options.links,
               options.window_records / 4},
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
  const SteadyTime began = clock_.steady();
  run_posted();
  ledger_.learn_late_notes();
  learn_late_files();
  make_room();
  read();
  hurry_waiting();
  admit_ready();
  dead_letter_writer_.retry_due();
  maintenance_.run_if_due();
  dispatcher_.dispatch();
  sync_if_due();
  publish_status();
  note_all_sent(began);
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
    reporter_.failure(kLedgerFiles, synced.error().message, "");
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
  // Stopped: nothing is sent any more.
  if (id) return (void)post([this, id] { reader_.assembly().hurry(id); });
  {
    const MutexLock lock(mutex_);
    if (std::exchange(all_hurried_, true)) return;
  }
  destination_.wakeup();
}

void Forwarder::hurry_waiting() {
  for (const Waiting& waiting : waiting_) reader_.assembly().hurry(waiting.id);
  if (clock_.steady() < hurry_again_) return;
  {
    const MutexLock lock(mutex_);
    if (!std::exchange(all_hurried_, false)) return;
  }
  reader_.assembly().hurry(std::nullopt);
  hurry_again_ = clock_.steady() + kBetweenHurries;
}

bool Forwarder::has_delivered_all(SteadyTime since) const {
  const MutexLock lock(mutex_);
  return is_away(status_.server) || all_sent_ > since;
}

// What was spilled needs no count of its own: of a flood something is in the backlog until all of
// it is back, and the rest is held.
void Forwarder::note_all_sent(SteadyTime began) {
  const Assembler& assembly = reader_.assembly();
  if (!has_read_all_ || assembly.free_traces() > assembly.rootless().traces) return;
  if (dispatcher_.expected_in_flight() + dispatcher_.backlog().traces_soon() > 0) return;
  const MutexLock lock(mutex_);
  all_sent_ = began;
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
  const bool helps = !is_away(destination_.server());
  const auto is_told = [&](const Waiting& waiting) {
    const bool is_done =
        has_read_all_ && reader_.assembly().is_done(waiting.id) && !spill_.may_have(waiting.id);
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

// What was put off for one of them may go now, however much others hold.
void Forwarder::learn_late_files() {
  const std::uint64_t late = source_.files_read_late();
  if (std::exchange(files_read_late_, late) != late) dispatcher_.holds().note_scope_released();
}

void Forwarder::read() {
  has_read_all_ = window_full_ = false;
  if (clock_.steady() < read_again_) return;
  for (int n = 0; n < kReadsPerStep && !has_read_all_; ++n) {
    window_full_ = !has_room_to_read();
    if (window_full_) return;
    const auto read = reader_.read();
    has_read_all_ = read == TraceReader::Read::nothing_left;
    if (read != TraceReader::Read::later) continue;
    read_again_ = clock_.steady() + kReadRetry;
    return;
  }
}

void Forwarder::admit(TraceWork work) {
  // Its link may have been fixed by an earlier part of the trace while this one waited.
  if (const auto fixed = ledger_.recent(work.trace_id)) fix_link(work, *fixed);
  if (work.link_obstacle == LinkObstacle::none && spill_.keeps(work)) {
    reader_.assembly().forget(work);
    return spill_.put(work);
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
  admit_all(assembly.take_ready(cannot_read()));
  // A window full of unfinished traces would wait for records that cannot be read.
  if (room() > (spill_.empty() ? 0 : kept_for_others())) return;
  while (assembly.records() > options_.window_records / 2) {
    auto work = assembly.take_soonest();
    if (!work) break;
    admit(*std::move(work));
  }
}

void Forwarder::sync_if_due() {
  const auto due = ledger_.sync_due();
  if (!due || clock_.steady() < *due) return;
  if (auto synced = ledger_.sync(); !synced) {
    reporter_.failure(kLedgerFiles, synced.error().message, "");
  } else {
    destination_.deliveries_are_durable();
    reporter_.recovered(kLedgerFiles);
  }
}

std::chrono::milliseconds Forwarder::wait_time(std::chrono::milliseconds longest) const {
  const SteadyTime now = clock_.steady();
  // Traces that went from assembly to a held scope since the last look made room.
  const bool can_read = !cannot_read() || (window_full_ && has_room()) ||
                        spill_.has_work(dispatcher_.backlog(), spill_room());
  if (can_read && now >= read_again_) return std::chrono::milliseconds(0);
  const auto is_due = [now](std::optional<SteadyTime> at) { return at && now >= *at; };
  const bool has_own_work =
      is_due(maintenance_.next_due()) || is_due(dead_letter_writer_.next_due());
  if (has_own_work) return std::chrono::milliseconds(0);
  SteadyTime wake = now + longest;
  const auto consider = [&](std::optional<SteadyTime> at) {
    if (at && *at > now) wake = std::min(wake, *at);
  };
  consider(read_again_);
  consider(reader_.assembly().next_ready());
  consider(dispatcher_.next_due());
  consider(dead_letter_writer_.next_due());
  consider(maintenance_.next_due());
  consider(ledger_.sync_due());
  consider(drain_deadline());
  for (const Waiting& waiting : waiting_) consider(waiting.deadline);
  consider(next_hurry());
  return std::chrono::ceil<std::chrono::milliseconds>(wake - now);
}

std::optional<SteadyTime> Forwarder::next_hurry() const {
  const MutexLock lock(mutex_);
  if (!all_hurried_) return std::nullopt;
  return hurry_again_;
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
  const bool nothing_left = cannot_read() && dispatcher_.batches_in_flight() == 0 &&
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
  status.counters.pieces = reader_.assembly().pieces();
  const MutexLock lock(mutex_);
  status.models = std::move(status_.models);  // whose memory is used again for the names
  status_ = std::move(status);
  status_.models = dispatcher_.outcome_handler().models();
}

WaitingForRoot Forwarder::waiting_for_root() const {
  const Assembler::Rootless rootless = reader_.assembly().rootless();
  if (rootless.traces == 0) return {};
  return {rootless.traces, rootless.first, rootless.last};
}

}  // namespace tracelink
