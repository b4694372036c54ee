#include "daemon/queue/queue_writer.hpp"

#include <algorithm>
#include <set>

namespace tracelink {
namespace {

constexpr int kAttempts = 3;
constexpr std::uint64_t kMaxGroupBytes = 32u << 20;
// How long a full queue waits before it looks again for room on the disk and at deadlines.
constexpr std::chrono::milliseconds kFullPoll{20};

std::uint64_t record_count(const std::vector<Record>& records) { return records.size(); }

}  // namespace

Result<std::uint64_t> QueueWriter::check(const std::vector<Record>& records) const {
  std::uint64_t bytes = 0;
  std::set<LinkHash> links;
  for (const auto& record : records) {
    if (record.experiment.size() > kMaxExperimentBytes ||
        record.slice.otlp.size() > kMaxBodyBytes - kEnvelopeBytes - kMaxExperimentBytes) {
      return Error{ErrorCode::too_large, "one record is too large for the queue"};
    }
    bytes += stored_bytes(record);
    if (record.link.is_zero() || !links.insert(record.link).second) continue;
    const auto encoded = core_.links.encoded(record.link);
    if (!encoded) return Error{ErrorCode::invalid, "unknown link " + record.link.hex()};
    bytes += stored_bytes(encoded->size());
  }
  if (!core_.can_ever_fit(bytes, record_count(records))) {
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
    const std::lock_guard lock(core_.mutex);
    if (!stopping_) {
      waiting_.push_back({std::move(records), flags, deadline, std::move(done), *bytes});
      core_.wake.notify_one();
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
    const std::lock_guard lock(core_.mutex);
    stopping_ = true;
    core_.wake.notify_one();
  }
  if (thread_.joinable()) thread_.join();
  Group left;
  {
    const std::lock_guard lock(core_.mutex);
    left.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(waiting_.end()));
    waiting_.clear();
  }
  answer(left, Error{ErrorCode::closed, "the queue is stopping"});
}

void QueueWriter::run() {
  while (wait_for_work()) {
    maintain();
    commit_next();
  }
  close_active();
  core_.retire_done_segments();
  // What fails for good is counted; the steps not journalled are repeated after the next start.
  for (int attempt = 0; attempt < kAttempts && !core_.save_journals(); ++attempt) {
  }
  for (int attempt = 0; attempt < kAttempts && core_.has_unsaved_seals(); ++attempt) {
    (void)core_.save_checkpoint().has_value();
  }
}

bool QueueWriter::wait_for_work() {
  std::unique_lock lock(core_.mutex);
  core_.wake.wait(lock, [&] { return stopping_ || core_.maintenance_due || !waiting_.empty(); });
  return !stopping_ || !waiting_.empty();
}

void QueueWriter::maintain() {
  {
    const std::lock_guard lock(core_.mutex);
    if (!std::exchange(core_.maintenance_due, false)) return;
  }
  core_.retire_done_segments();
  core_.save_journals_if_many();
}

void QueueWriter::commit_next() {
  std::uint64_t bytes = 0;
  std::uint64_t records = 0;
  {
    const std::lock_guard lock(core_.mutex);
    if (waiting_.empty()) return;
    bytes = waiting_.front().bytes;
    records = record_count(waiting_.front().records);
  }
  auto room = make_room(bytes, records);
  for (int attempt = 1; attempt < kAttempts && !room && room.error().code != ErrorCode::no_space;
       ++attempt) {
    core_.count_failure();
    room = make_room(bytes, records);
  }
  if (room) return commit(take_group());
  if (room.error().code == ErrorCode::no_space) return handle_full(std::move(room).error());
  core_.count_failure();
  Group first;
  {
    const std::lock_guard lock(core_.mutex);
    first = take_first_lock_held();
  }
  answer(first, room);
}

Result<void> QueueWriter::make_room(std::uint64_t bytes, std::uint64_t records) {
  if (active_ && active_->fits(bytes, records)) return {};
  close_active();
  core_.retire_done_segments();
  auto opened = core_.open_segment(bytes, records, false);
  if (!opened) return std::move(opened).error();
  active_ = *std::move(opened);
  return {};
}

void QueueWriter::close_active() {
  if (!active_) return;
  const auto closing = std::exchange(active_, nullptr);
  if (const auto bytes = closing->close()) {
    core_.close_segment(*closing, *bytes);
  } else {
    core_.count_failure();
    core_.seal_after_failure(*closing);
  }
}

QueueWriter::Group QueueWriter::take_group() {
  const std::lock_guard lock(core_.mutex);
  Group group;
  std::uint64_t bytes = 0;
  std::uint64_t records = 0;
  while (!waiting_.empty()) {
    const auto& next = waiting_.front();
    bytes += next.bytes;
    records += record_count(next.records);
    if (!group.empty() && (bytes > kMaxGroupBytes || !active_->fits(bytes, records))) break;
    group.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  return group;
}

void QueueWriter::commit(const Group& group) {
  std::uint64_t failures = 0;
  auto written = write(group, false);
  while (!written && ++failures < kAttempts) written = write(group, true);
  if (written) {
    core_.publish(*active_, failures);
  } else {
    for (std::uint64_t i = 0; i < failures; ++i) core_.count_failure();
  }
  answer(group, written);
  if (written && on_durable_) on_durable_();
}

Result<void> QueueWriter::write(const Group& group, bool use_reserve) {
  if (!active_) {
    std::uint64_t bytes = 0;
    std::uint64_t records = 0;
    for (const auto& append : group) {
      bytes += append.bytes;
      records += record_count(append.records);
    }
    auto opened = core_.open_segment(bytes, records, use_reserve);
    if (!opened) return std::move(opened).error();
    active_ = *std::move(opened);
  }
  auto sequence = active_->next_sequence();
  for (const auto& append : group) stage(append, sequence);
  auto committed = active_->commit();
  if (!committed) {
    core_.seal_after_failure(*active_);
    active_.reset();
    return committed;
  }
  const std::lock_guard lock(core_.mutex);
  core_.next_sequence = sequence;
  return {};
}

void QueueWriter::stage(const Append& append, std::uint64_t& sequence) {
  for (const auto& record : append.records) {
    if (!record.link.is_zero()) active_->stage_link(record.link, *core_.links.encoded(record.link));
    active_->stage(record, sequence++, append.flags);
  }
}

void QueueWriter::handle_full(Error cause) {
  if (core_.options.on_full == OnFull::drop_oldest && core_.drop_oldest_segment()) return;
  Group expired;
  {
    std::unique_lock lock(core_.mutex);
    core_.full = true;
    if (core_.options.on_full == OnFull::wait && !stopping_) {
      core_.wake.wait_for(lock, kFullPoll, [&] { return stopping_ || core_.maintenance_due; });
    }
    if (core_.options.on_full == OnFull::wait && !stopping_) {
      expired = take_expired_lock_held();
      cause = {ErrorCode::timeout, "no room in the queue before the deadline"};
    } else {
      expired = take_first_lock_held();
      if (stopping_) cause = {ErrorCode::closed, "the queue is stopping"};
    }
  }
  answer(expired, cause);
}

QueueWriter::Group QueueWriter::take_expired_lock_held() {
  const auto now = core_.clock.steady();
  const auto expired = std::ranges::stable_partition(
      waiting_, [&](const Append& append) { return append.deadline > now; });
  Group group(std::make_move_iterator(expired.begin()), std::make_move_iterator(expired.end()));
  waiting_.erase(expired.begin(), expired.end());
  return group;
}

QueueWriter::Group QueueWriter::take_first_lock_held() {
  Group group;
  group.push_back(std::move(waiting_.front()));
  waiting_.pop_front();
  return group;
}

void QueueWriter::answer(const Group& group, const Result<void>& result) {
  for (const auto& append : group) append.done(result);
}

}  // namespace tracelink
