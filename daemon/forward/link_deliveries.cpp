#include "daemon/forward/link_deliveries.hpp"

#include <algorithm>
#include <cstddef>

namespace tracelink {
namespace {

constexpr std::size_t kMostLinks = 1000;

}  // namespace

void LinkDeliveries::add(const LinkHash& link, SteadyTime now) {
  const MutexLock lock(mutex_);
  if (entries_.size() >= kMostLinks && !entries_.contains(link)) {
    entries_.erase(std::ranges::min_element(
        entries_, {}, [](const auto& entry) { return entry.second.last_at; }));
  }
  Entry& entry = entries_[link];
  ++entry.traces;
  entry.last_at = now;
}

LinkDeliveries::Entry LinkDeliveries::of(const LinkHash& link) const {
  const MutexLock lock(mutex_);
  const auto found = entries_.find(link);
  return found == entries_.end() ? Entry{} : found->second;
}

}  // namespace tracelink
