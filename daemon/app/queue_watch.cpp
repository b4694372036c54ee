#include "daemon/app/queue_watch.hpp"

#include <utility>

#include "daemon/report/log_event.hpp"

namespace tracelink {

namespace {

constexpr char kQueue[] = "queue";
constexpr char kRoom[] = "room in the queue";
constexpr char kWriteRemedy[] =
    "check the disk, and that the daemon's user may write state_dir and what is in it";
constexpr char kFull[] = "it is full, new spans wait or are refused";
constexpr char kFullRemedy[] =
    "see what is held and why, make room on the disk of state_dir, or raise queue.max_bytes";
// A queue at its bound has room for a moment whenever something was delivered.
constexpr auto kRoomConfirmed = std::chrono::seconds(10);
constexpr auto kTellAgain = std::chrono::minutes(1);
constexpr std::size_t kFilesNamed = 10;  // at once, of those that cannot be read

}  // namespace

void QueueWatch::appended(const Result<void>& result) {
  const MutexLock lock(mutex_);
  if (result) {
    if (!std::exchange(write_error_, {}).empty()) reporter_.recovered(kQueue);
    return;
  }
  const Error& error = result.error();
  if (error.code == ErrorCode::no_space || error.code == ErrorCode::timeout) {
    refused_for_room();
  } else if (error.code == ErrorCode::io) {
    write_error_ = "cannot be written: " + error.message;
    reporter_.failure(kQueue, write_error_, kWriteRemedy);
  }
}

void QueueWatch::look(const QueueStats& now) {
  const MutexLock lock(mutex_);
  if (now.full && !full_seen_) {
    refused_for_room();
  } else if (now.full) {
    full_seen_ = clock_.steady();
  } else if (full_seen_ && clock_.steady() - *full_seen_ >= kRoomConfirmed) {
    full_seen_.reset();
    reporter_.recovered(kRoom);
  }
  if (!std::exchange(looked_, true)) dropped_.told = now.dropped_policy;
  if (const auto spans = untold(dropped_, now.dropped_policy); spans > 0) {
    LogEvent("dropped the oldest spans for room")
        .number("spans", spans)
        .number("total", now.dropped_policy)
        .text("remedy", kFullRemedy)
        .warn();
  }
  if (untold(quarantined_, now.quarantine_files) > 0) {
    LogEvent("state that could not be read is set aside")
        .number("files", now.quarantine_files)
        .number("bytes", now.quarantine_bytes)
        .number("damaged_spans", now.damaged)
        .warn();
  }
  look_at_held_files(now.held_files);
}

void QueueWatch::look_at_held_files(const std::vector<HeldFile>& files) {
  std::map<std::string, std::string> held;
  std::size_t news = 0;
  for (const HeldFile& file : files) {
    held.emplace(file.path, file.reason);
    const auto known = held_.find(file.path);
    if (known != held_.end() && known->second == file.reason) continue;
    if (++news > kFilesNamed) continue;
    reporter_.failure(file.path, "cannot be read: " + file.reason, remedy_for(file));
  }
  if (news > kFilesNamed) {
    LogEvent("more files of state_dir cannot be read")
        .number("files", news - kFilesNamed)
        .text("remedy", "see tracelink status")
        .error();
  }
  for (const auto& [path, reason] : held_) {
    if (!held.contains(path)) reporter_.recovered(path);
  }
  held_ = std::move(held);
}

std::vector<std::string> QueueWatch::notices() const {
  const MutexLock lock(mutex_);
  std::vector<std::string> notices;
  if (!write_error_.empty()) notices.push_back("queue: " + write_error_ + "; " + kWriteRemedy);
  if (full_seen_) notices.push_back(std::string("queue: ") + kFull + "; " + kFullRemedy);
  return notices;
}

std::optional<LastError> QueueWatch::last_error() const {
  const MutexLock lock(mutex_);
  return reporter_.last_error();
}

bool QueueWatch::writable() const {
  const MutexLock lock(mutex_);
  return write_error_.empty();
}

void QueueWatch::refused_for_room() {
  full_seen_ = clock_.steady();
  reporter_.failure(kRoom, kFull, kFullRemedy);
}

std::uint64_t QueueWatch::untold(Loss& loss, std::uint64_t now) const {
  if (now <= loss.told) return 0;
  if (loss.told_at && clock_.steady() - *loss.told_at < kTellAgain) return 0;
  loss.told_at = clock_.steady();
  return now - std::exchange(loss.told, now);
}

}  // namespace tracelink
