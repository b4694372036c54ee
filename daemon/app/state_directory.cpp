#include "daemon/app/state_directory.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <utility>

#include "daemon/app/directories.hpp"

namespace tracelink {
namespace {

constexpr std::chrono::milliseconds kPause{500};

}  // namespace

Result<std::unique_ptr<StateDirectory>> StateDirectory::open(const std::filesystem::path& path) {
  if (auto made = make_private_directory(path); !made) return std::move(made).error();
  auto lock = StateLock::acquire(path);
  if (!lock && lock.error().code == ErrorCode::rejected) {
    return Error{ErrorCode::rejected,
                 std::move(lock).error().message + "; stop it, or give this one its own state_dir"};
  }
  if (!lock) return std::move(lock).error();
  return std::unique_ptr<StateDirectory>(new StateDirectory(path, *std::move(lock)));
}

Result<void> StateDirectory::intact(const std::filesystem::path& path) {
  auto intact = lock_.check();
  if (intact) return parts_.check(path);
  intact.error().code = ErrorCode::io;
  return intact;
}

void StateDirectory::watch(HeldFiles& held) {
  parts_.note();
  thread_ = std::jthread([this, &held](const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    while (!stop.stop_requested()) {
      look(held);
      stopped.wait_for(lock, stop, kPause, [] { return false; });
    }
  });
}

void StateDirectory::stop_watching() { thread_ = {}; }

void StateDirectory::look(HeldFiles& held) {
  if (const auto still = intact(path_); !still) {
    held.hold(StateFile::directory, path_.string(), still.error());
    return;
  }
  held.release(path_.string());
  parts_.note();
  parts_.tell(held);
  held.retry_due();
}

}  // namespace tracelink
