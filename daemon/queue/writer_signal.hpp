#pragma once

#include <condition_variable>
#include <utility>

#include "daemon/base/mutex.hpp"

namespace tracelink {

// What the writer thread is woken for, beside what it is given. Threads: any.
class WriterSignal {
 public:
  // Records are done: segments may be deleted, journals saved.
  void want_maintenance() {
    const MutexLock lock(mutex);
    maintenance = true;
    changed.notify_one();
  }
  // Segments may be worth moving.
  void want_moves() {
    const MutexLock lock(mutex);
    moves = true;
    changed.notify_one();
  }
  bool take_maintenance() {
    const MutexLock lock(mutex);
    return std::exchange(maintenance, false);
  }
  bool take_moves() {
    const MutexLock lock(mutex);
    return std::exchange(moves, false);
  }

  mutable Mutex mutex;  // also of what else the writer waits for
  std::condition_variable_any changed;
  bool maintenance GUARDED_BY(mutex) = false;
  bool moves GUARDED_BY(mutex) = false;
};

}  // namespace tracelink
