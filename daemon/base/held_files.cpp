#include "daemon/base/held_files.hpp"

#include <algorithm>
#include <utility>

namespace tracelink {
namespace {

constexpr std::chrono::milliseconds kFirstRetry{500};
constexpr std::chrono::milliseconds kLongestRetry{10'000};

}  // namespace

std::string_view to_string(StateFile kind) {
  switch (kind) {
    case StateFile::segment:
      return "segment";
    case StateFile::journal:
      return "journal";
    case StateFile::checkpoint:
      return "checkpoint";
    case StateFile::notes:
      return "notes";
    case StateFile::link:
      return "link";
    case StateFile::registration:
      return "registration";
    case StateFile::active_model:
      return "active_model";
    case StateFile::relinks:
      return "relinks";
    case StateFile::dead_letters:
      return "dead_letters";
    case StateFile::quarantine:
      return "quarantine";
    case StateFile::directory:
      return "directory";
    case StateFile::lock:
      return "lock";
    case StateFile::socket:
      return "socket";
  }
  return "";
}

std::chrono::milliseconds held_retry_delay(std::uint64_t failures) {
  constexpr std::uint64_t kDoublings = 5;
  const auto doubled = kFirstRetry * (1 << std::min(failures, kDoublings));
  return std::min(doubled, kLongestRetry);
}

std::string remedy_for(const HeldFile& file) {
  if (file.kind == StateFile::directory) {
    return "what needs it is refused meanwhile: put it back, and all goes on by itself; or restart "
           "tracelinkd to begin a new one";
  }
  if (file.kind == StateFile::socket) {
    return "clients do not find it meanwhile: remove what is in its place; it is made again by "
           "itself";
  }
  if (file.kind == StateFile::quarantine) {
    return "check the disk, and that the daemon's user may write to quarantine/; damaged bytes "
           "stay "
           "in the queue until they are copied there, and it is tried again by itself";
  }
  if (file.is_newer) {
    return "a later tracelinkd wrote it: start that one, which reads on; it is left as it is";
  }
  std::string remedy = "check the disk, and that the daemon's user may read " + file.path +
                       "; it is left as it is and tried again by itself";
  if (file.kind == StateFile::active_model) remedy += "; what is accepted meanwhile waits for it";
  return remedy;
}

void HeldFile::note(const Error& error) {
  reason = error.message;
  is_newer = error.code == ErrorCode::invalid;
}

void HeldFiles::hold(StateFile kind, const std::string& path, const Error& error, Retry retry) {
  const MutexLock lock(mutex_);
  auto& entry = entries_[path];
  if (entry.failures == 0) entry.file.since = clock_.steady();
  entry.file.kind = kind;
  entry.file.path = path;
  entry.file.note(error);
  if (retry) entry.retry = std::move(retry);
  entry.due = clock_.steady() + held_retry_delay(entry.failures++);
}

void HeldFiles::note_failure(const std::string& path, const Error& error) {
  const MutexLock lock(mutex_);
  const auto entry = entries_.find(path);
  if (entry != entries_.end()) entry->second.file.note(error);
}

void HeldFiles::release(const std::string& path) {
  const MutexLock lock(mutex_);
  entries_.erase(path);
}

bool HeldFiles::holds(const std::string& path) const {
  const MutexLock lock(mutex_);
  return entries_.contains(path);
}

std::vector<HeldFile> HeldFiles::list() const {
  const MutexLock lock(mutex_);
  std::vector<HeldFile> files;
  files.reserve(entries_.size());
  for (const auto& [path, entry] : entries_) files.push_back(entry.file);
  return files;
}

void HeldFiles::retry_due() {
  const auto now = clock_.steady();
  while (const auto due = take_due(now)) {
    if (const auto tried = due->second()) {
      release(due->first);
      ++read_late_;
    } else {
      note_failure(due->first, tried.error());
    }
  }
}

// The next try is scheduled before this one runs, so no file is taken twice.
std::optional<std::pair<std::string, HeldFiles::Retry>> HeldFiles::take_due(SteadyTime now) {
  const MutexLock lock(mutex_);
  for (auto& [path, entry] : entries_) {
    if (!entry.retry || entry.due > now) continue;
    entry.due = now + held_retry_delay(entry.failures++);
    return std::pair(path, entry.retry);
  }
  return std::nullopt;
}

}  // namespace tracelink
