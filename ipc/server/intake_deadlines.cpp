#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "ipc/server/intake.hpp"

// What requests wait for, and for how long: deadlines, and bodies that come slowly.
namespace tracelink {
namespace {

// A body for which memory is reserved comes at least this fast while others wait for memory.
constexpr std::chrono::milliseconds kSlowBodyGrace{100};
constexpr std::size_t kSlowBytesPerMs = 1024;
constexpr std::chrono::milliseconds kSlowBodyCheck{50};

}  // namespace

void Intake::arm_timer() {
  const auto earliest = deadlines_.earliest();
  if (!earliest || (timer_at_ && *timer_at_ <= *earliest)) return;
  timer_at_ = earliest;
  timer_.expires_after(*earliest - clock_.steady());
  timer_.async_wait(
      [this, completion_queue = completion_queue_](const boost::system::error_code& error) {
        if (error || completion_queue->closed())
          return;  // armed for an earlier deadline, or destroyed
        timer_at_.reset();
        expire();
        arm_timer();
      });
}

void Intake::expire() {
  while (const auto id = deadlines_.take_expired(clock_.steady())) {
    const auto it = requests_.find(*id);
    const State state = it->second.state;
    const bool no_other_thread_has_it = state != State::decoding && state != State::storing;
    it->second.expired = true;
    answer(*id, it->second, refuse(RpcCode::unavailable, "not stored in time; try again"));
    if (no_other_thread_has_it) forget(requests_.find(*id));
  }
  pump();
}

void Intake::answer_by(SteadyTime latest) {
  latest_answer_ = latest;
  for (auto& [id, request] : requests_) {
    if (request.deadline <= latest || request.answered || request.kept) continue;
    deadlines_.remove(request.deadline, id);
    request.deadline = latest;
    deadlines_.add(request.deadline, id);
  }
  arm_timer();
}

// A body that comes slowly holds its memory only while nobody waits for it.
void Intake::watch_slow_bodies() {
  if (std::exchange(watching_slow_bodies_, true)) return;
  slow_bodies_.expires_after(kSlowBodyCheck);
  slow_bodies_.async_wait(
      [this, completion_queue = completion_queue_](const boost::system::error_code& error) {
        if (error || completion_queue->closed()) return;
        watching_slow_bodies_ = false;
        take_back_memory(small_);
        take_back_memory(large_);
        if (small_.budget.waiting() || large_.budget.waiting()) watch_slow_bodies();
      });
}

void Intake::take_back_memory(Lane& lane) {
  if (!lane.budget.waiting()) return;
  for (const RequestId id : slow_bodies_of(lane)) {
    if (!lane.budget.waiting()) return;
    if (!requests_.contains(id)) continue;
    ++stats_.slow_bodies;
    finish(id,
           refuse(RpcCode::unavailable, "the body came too slowly while others waited; try again"));
    pump();
  }
}

// The largest first.
std::vector<RequestId> Intake::slow_bodies_of(const Lane& lane) const {
  const SteadyTime now = clock_.steady();
  std::vector<std::pair<std::size_t, RequestId>> slow;
  for (const auto& [id, request] : requests_) {
    // Every client's own part stays with it.
    const bool may_give = request.lane == &lane && request.held_bytes > client_bytes_;
    if (may_give && comes_slowly(request, now)) slow.emplace_back(request.held_bytes, id);
  }
  std::ranges::sort(slow, std::greater());
  std::vector<RequestId> ids;
  ids.reserve(slow.size());
  for (const auto& [bytes, id] : slow) ids.push_back(id);
  return ids;
}

bool Intake::comes_slowly(const Request& request, SteadyTime now) const {
  if (request.state != State::arriving || request.waits_for_memory || request.kept) return false;
  const auto time = now - request.granted_at - kSlowBodyGrace;
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  const std::size_t came = request.received_bytes - request.received_when_granted;
  return ms > 0 && came < static_cast<std::size_t>(ms) * kSlowBytesPerMs;
}

}  // namespace tracelink
