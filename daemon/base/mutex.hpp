#pragma once

#include <mutex>

// Names of clang's thread safety analysis (https://clang.llvm.org/docs/ThreadSafetyAnalysis.html).
// The preset `clang` checks that what is GUARDED_BY a mutex is touched only while that is held, and
// that a function which REQUIRES one is called with it. To other compilers they are nothing.
#if defined(__clang__)
#define TRACELINK_ATTRIBUTE(attribute) __attribute__((attribute))
#else
#define TRACELINK_ATTRIBUTE(attribute)
#endif
#define GUARDED_BY(mutex) TRACELINK_ATTRIBUTE(guarded_by(mutex))
#define REQUIRES(mutex) TRACELINK_ATTRIBUTE(requires_capability(mutex))

namespace tracelink {

// A std::mutex that the analysis knows. It is a BasicLockable, so std::condition_variable_any waits
// with it.
class TRACELINK_ATTRIBUTE(capability("mutex")) Mutex {
 public:
  void lock() TRACELINK_ATTRIBUTE(acquire_capability()) { mutex_.lock(); }
  void unlock() TRACELINK_ATTRIBUTE(release_capability()) { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

// Holds a Mutex for the length of a scope.
class TRACELINK_ATTRIBUTE(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) TRACELINK_ATTRIBUTE(acquire_capability(mutex)) : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() TRACELINK_ATTRIBUTE(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace tracelink
