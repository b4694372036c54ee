#include <algorithm>
#include <set>
#include <utility>

#include "daemon/queue/queue_writer.hpp"

// Which appends go next where there is little room, and what becomes of those that find none.
namespace tracelink {
namespace {

// How long a full queue waits before it looks again for room on the disk and at deadlines.
constexpr std::chrono::milliseconds kFullPoll{20};

// An append without patience is tried once, but not waited for if the writer is busy otherwise.
constexpr std::chrono::seconds kTriedWithin{1};

}  // namespace

Result<void> QueueWriter::make_room(Size size) {
  const auto [bytes, records] = size;
  if (active_ && active_->fits(bytes, records)) return {};
  store_.retire_done_segments();
  if (active_ && !room_.has_room(bytes, records, nullptr) &&
      room_.has_room(bytes, records, active_.get())) {
    close_active();
    store_.retire_done_segments();
  }
  auto opened = room_.open_segment(bytes, records, false);
  if (!opened) return std::move(opened).error();
  close_active();
  active_ = *std::move(opened);
  return {};
}

bool QueueWriter::commit_what_fits() {
  const auto size = next_that_fits();
  if (!size || !make_room(*size)) return false;
  const Group group = take_group();
  if (group.empty()) return false;
  commit(group);
  return true;
}

// What is done by the time that these are taken is room for them.
std::vector<QueueWriter::Size> QueueWriter::sizes_to_try() {
  std::vector<Size> sizes;
  {
    const MutexLock lock(core_.signal.mutex);
    for (Append& append : waiting_) {
      append.tried = true;
      sizes.push_back(size_of(append));
    }
  }
  store_.retire_done_segments();
  return sizes;
}

std::optional<QueueWriter::Size> QueueWriter::next_that_fits() {
  const std::vector<Size> sizes = sizes_to_try();
  bool claimed = false;
  {
    const MutexLock lock(core_.signal.mutex);
    claimed = first_claims_room_lock_held();
  }
  const auto fits_active = [&](Size size) {
    return active_ && active_->fits(size.bytes, size.records);
  };
  if (const auto found = std::ranges::find_if(sizes, fits_active); found != sizes.end()) {
    return *found;
  }
  if (claimed) return std::nullopt;
  Size refused = sizes.front();
  for (const Size size : sizes) {
    if (size.bytes >= refused.bytes && size.records >= refused.records) continue;
    if (room_.has_room(size.bytes, size.records, nullptr)) return size;
    refused = size;
  }
  return std::nullopt;
}

// A flood of small requests would keep a large one from ever seeing enough room, so the large one
// has new room to itself in the second half of its patience. A flood of large ones would then do
// the same to the small ones, so a claim that failed is followed by as long a time without one.
bool QueueWriter::first_claims_room_lock_held() const {
  const Append& first = waiting_.front();
  const auto now = core_.clock.steady();
  return now >= no_claim_before_ && now - first.since >= (first.deadline - first.since) / 2;
}

void QueueWriter::handle_full(Size size, const Error& cause) {
  set_full(true);
  if (!is_stopping() && compactor_.take_turn(true)) return (void)answer_expired();
  if (refuse_without_waiting(cause)) return;
  const bool drops = core_.options.on_full == OnFull::drop_oldest;
  if (drops && room_.drop_oldest_segment(size.bytes, size.records, active_.get())) return;
  const bool served = commit_what_fits();
  if (answer_expired() || served) return;
  const MutexLock lock(core_.signal.mutex);
  core_.signal.changed.wait_for(core_.signal.mutex, kFullPoll, [&]() REQUIRES(core_.signal.mutex) {
    return stopping_ || core_.signal.maintenance || waiting_.empty() || !waiting_.back().tried;
  });
}

void QueueWriter::set_full(bool full) {
  const auto state = core_.state.lock();
  state->full = full;
  if (!full) state->dropped_for_room = 0;
}

bool QueueWriter::refuse_without_waiting(const Error& cause) {
  Group refused;
  Error error = cause;
  {
    const MutexLock lock(core_.signal.mutex);
    if (core_.options.on_full != OnFull::reject && !stopping_) return false;
    if (stopping_) error = {ErrorCode::closed, "the queue is stopping"};
    refused = take_first_lock_held();
  }
  answer(refused, error);
  return true;
}

bool QueueWriter::answer_expired() {
  Group group;
  {
    const MutexLock lock(core_.signal.mutex);
    if (waiting_.empty()) return false;
    const auto now = core_.clock.steady();
    const auto& first = waiting_.front();
    if (first.deadline <= now && first_claims_room_lock_held()) {
      no_claim_before_ = now + (first.deadline - first.since) / 2;
    }
    const auto expired = std::ranges::stable_partition(waiting_, [&](const Append& append) {
      return append.deadline > now || (!append.tried && now - append.since < kTriedWithin);
    });
    group.assign(std::make_move_iterator(expired.begin()), std::make_move_iterator(expired.end()));
    waiting_.erase(expired.begin(), expired.end());
  }
  answer(group, Error{ErrorCode::timeout, "no room in the queue before the deadline"});
  return !group.empty();
}

QueueWriter::Group QueueWriter::take_first_lock_held() {
  Group group;
  group.push_back(std::move(waiting_.front()));
  waiting_.pop_front();
  return group;
}

}  // namespace tracelink
