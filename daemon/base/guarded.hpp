#pragma once

#include <mutex>
#include <utility>

namespace tracelink {

// A value that one thread sees at a time: it is reached through lock() alone, so no access can
// forget to.
template <class T>
class Guarded {
 public:
  // Holds the lock as long as it lives.
  template <class Value>
  class Access {
   public:
    Access(std::mutex& mutex, Value& value) : lock_(mutex), value_(&value) {}
    Value* operator->() const { return value_; }
    Value& operator*() const { return *value_; }

   private:
    std::unique_lock<std::mutex> lock_;
    Value* value_;
  };

  template <class... Args>
  explicit Guarded(Args&&... args) : value_(std::forward<Args>(args)...) {}

  Access<T> lock() { return {mutex_, value_}; }
  Access<const T> lock() const { return {mutex_, value_}; }

 private:
  mutable std::mutex mutex_;
  T value_;
};

}  // namespace tracelink
