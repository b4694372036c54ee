#include "daemon/queue/queue_writer.hpp"

#include <algorithm>
#include <set>

namespace tracelink {
namespace {

constexpr int kAttempts = 3;
constexpr std::uint64_t kMaxGroupBytes = 32u << 20;

}  // namespace

Result<std::uint64_t> QueueWriter::check(const std::vector<Record>& records) const {
  std::uint64_t bytes = 0;
  std::set<LinkHash> links;
  for (const auto& record : records) {
    if (record.experiment.size() > kMaxExperimentBytes ||
        payload_of(record).size() > kMaxBodyBytes - kEnvelopeBytes - kMaxExperimentBytes) {
      return Error{ErrorCode::too_large, "one record is too large for the queue"};
    }
    bytes += stored_bytes(record);
    if (record.link.is_zero() || !links.insert(record.link).second) continue;
    const auto encoded = core_.links.encoded(record.link);
    if (!encoded) return Error{ErrorCode::invalid, "unknown link " + record.link.hex()};
    bytes += stored_bytes(encoded->size());
  }
  if (!room_.can_ever_fit(bytes, records.size())) {
    return Error{ErrorCode::too_large, "the request is larger than queue.max_bytes allows"};
  }
  return bytes;
}

void QueueWriter::append(std::vector<Record> records, std::uint8_t flags, SteadyTime deadline,
                         Queue::AppendDone done) {
  const auto bytes = check(records);
  if (!bytes) return done(bytes.error());
  if (records.empty()) return done({});
  {
    const MutexLock lock(core_.signal.mutex);
    if (!stopping_) {
      waiting_.push_back(
          {std::move(records), flags, core_.clock.steady(), deadline, std::move(done), *bytes});
      core_.signal.changed.notify_one();
      return;
    }
  }
  done(Error{ErrorCode::closed, "the queue is stopping"});
}

void QueueWriter::start() {
  thread_ = std::thread([this] { run(); });
}

void QueueWriter::stop() {
  {
    const MutexLock lock(core_.signal.mutex);
    stopping_ = true;
    core_.signal.changed.notify_one();
  }
  if (thread_.joinable()) thread_.join();
  Group left;
  {
    const MutexLock lock(core_.signal.mutex);
    left.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(waiting_.end()));
    waiting_.clear();
  }
  answer(left, Error{ErrorCode::closed, "the queue is stopping"});
}

void QueueWriter::run() {
  while (wait_for_work()) {
    maintain();
    (void)compactor_.take_turn(false);
    commit_next();
  }
  close_active();
  compactor_.stop();
  store_.retire_done_segments();
  // What fails for good is counted; the steps not journalled are repeated after the next start.
  for (int attempt = 0; attempt < kAttempts && !store_.save_journals(); ++attempt) {
  }
  for (int attempt = 0; attempt < kAttempts && !core_.state.lock()->unsaved_seals.empty();
       ++attempt) {
    (void)store_.save_checkpoint().has_value();
  }
}

bool QueueWriter::wait_for_work() {
  const MutexLock lock(core_.signal.mutex);
  const auto due = [&]() REQUIRES(core_.signal.mutex) {
    return stopping_ || core_.signal.maintenance || core_.signal.moves || !waiting_.empty();
  };
  if (const auto time = compactor_.next_turn()) {
    core_.signal.changed.wait_for(core_.signal.mutex, *time, due);
  } else {
    core_.signal.changed.wait(core_.signal.mutex, due);
  }
  return !stopping_ || !waiting_.empty();
}

void QueueWriter::maintain() {
  if (!core_.signal.take_maintenance()) return;
  store_.retire_done_segments();
  store_.save_journals_if_many();
}

void QueueWriter::commit_next() {
  Size size;
  {
    const MutexLock lock(core_.signal.mutex);
    if (waiting_.empty()) return;
    size = size_of(waiting_.front());
  }
  auto room = make_room(size);
  for (int attempt = 1; attempt < kAttempts && !room && room.error().code != ErrorCode::no_space;
       ++attempt) {
    core_.count_failure();
    room = make_room(size);
  }
  if (room) {
    set_full(false);
    return commit(take_group());
  }
  if (room.error().code == ErrorCode::no_space) return handle_full(size, room.error());
  core_.count_failure();
  Group first;
  {
    const MutexLock lock(core_.signal.mutex);
    first = take_first_lock_held();
  }
  answer(first, room);
}

void QueueWriter::close_active() {
  if (!active_) return;
  const auto closing = std::exchange(active_, nullptr);
  if (const auto bytes = closing->close()) {
    core_.state.lock()->close(*closing, *bytes);
  } else {
    core_.count_failure();
    core_.state.lock()->seal(*closing);
  }
}

QueueWriter::Group QueueWriter::take_group() {
  const MutexLock lock(core_.signal.mutex);
  Group group;
  std::deque<Append> others;
  Size total;
  while (!waiting_.empty()) {
    const Size next = size_of(waiting_.front());
    const bool fits = active_->fits(total.bytes + next.bytes, total.records + next.records);
    if (!group.empty() && total.bytes + next.bytes > kMaxGroupBytes) break;
    if (!group.empty() && !fits && others.empty()) break;
    if (fits) {
      total = {total.bytes + next.bytes, total.records + next.records};
      group.push_back(std::move(waiting_.front()));
    } else {
      others.push_back(std::move(waiting_.front()));
    }
    waiting_.pop_front();
  }
  waiting_.insert(waiting_.begin(), std::make_move_iterator(others.begin()),
                  std::make_move_iterator(others.end()));
  return group;
}

void QueueWriter::commit(const Group& group) {
  const SteadyTime begun = core_.clock.steady();
  core_.state.lock()->note_clock();
  std::uint64_t failures = 0;
  auto written = write(group, false);
  while (!written && ++failures < kAttempts) written = write(group, true);
  if (written) {
    core_.state.lock()->publish(*active_, failures, core_.clock.steady() - begun);
  } else {
    for (std::uint64_t i = 0; i < failures; ++i) core_.count_failure();
  }
  answer(group, written);
  if (written && on_durable_) on_durable_();
}

Result<void> QueueWriter::write(const Group& group, bool use_reserve) {
  if (!active_) {
    Size all;
    for (const auto& append : group) {
      all = {all.bytes + append.bytes, all.records + append.records.size()};
    }
    auto opened = room_.open_segment(all.bytes, all.records, use_reserve);
    if (!opened) return std::move(opened).error();
    active_ = *std::move(opened);
  }
  auto sequence = active_->next_sequence();
  for (const auto& append : group) stage(append, sequence);
  auto committed = active_->commit();
  if (!committed) {
    core_.state.lock()->seal(*active_);
    active_.reset();
    return committed;
  }
  const auto state = core_.state.lock();
  // A file that could be read meanwhile may have told of more.
  state->saved.next_sequence = std::max(state->saved.next_sequence, sequence);
  return {};
}

void QueueWriter::stage(const Append& append, std::uint64_t& sequence) {
  for (const auto& record : append.records) {
    if (!record.link.is_zero()) active_->stage_link(record.link, *core_.links.encoded(record.link));
    active_->stage(record, sequence++, append.flags);
  }
}

bool QueueWriter::is_stopping() const {
  const MutexLock lock(core_.signal.mutex);
  return stopping_;
}

void QueueWriter::answer(const Group& group, const Result<void>& result) {
  for (const auto& append : group) append.done(result);
}

}  // namespace tracelink
