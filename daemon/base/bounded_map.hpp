#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

namespace tracelink {

// A map of at most `max` entries (1 or more): beyond them the one that was added first goes. What
// is erased and added again counts as new. Each call takes O(log n). Threads: one.
template <typename Key, typename Value>
class BoundedMap {
 public:
  struct Entry {
    std::uint64_t number = 0;  // in the order of adding
    Value value{};
  };

  explicit BoundedMap(std::size_t max) : max_(max) {}

  // Adds it if it is not there. The reference is good until it is erased.
  Value& operator[](const Key& key) {
    const auto [at, added] = entries_.try_emplace(key);
    if (added) {
      at->second.number = ++last_;
      by_number_.emplace(last_, key);
      if (entries_.size() > max_) erase(Key(by_number_.begin()->second));
    }
    return at->second.value;
  }

  // Null if it is not there.
  const Value* find(const Key& key) const {
    const auto at = entries_.find(key);
    return at == entries_.end() ? nullptr : &at->second.value;
  }
  bool contains(const Key& key) const { return entries_.contains(key); }

  // Whether it was there.
  bool erase(const Key& key) {
    const auto at = entries_.find(key);
    if (at == entries_.end()) return false;
    by_number_.erase(at->second.number);
    entries_.erase(at);
    return true;
  }

  const std::map<Key, Entry>& entries() const { return entries_; }

 private:
  const std::size_t max_;
  std::map<Key, Entry> entries_;
  std::map<std::uint64_t, Key> by_number_;
  std::uint64_t last_ = 0;
};

}  // namespace tracelink
