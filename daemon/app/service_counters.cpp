#include "daemon/app/service_counters.hpp"

namespace tracelink {
namespace {

constexpr std::string_view kNone = "none";
constexpr std::string_view kOther = "other";

}  // namespace

void ServiceCounters::add(std::string_view service, std::uint64_t spans) {
  std::string_view name = service.empty() ? kNone : service.substr(0, kLongestName);
  const MutexLock lock(mutex_);
  auto found = spans_.find(name);
  if (found == spans_.end()) {
    if (spans_.size() >= kMostNames) name = kOther;
    found = spans_.try_emplace(std::string(name)).first;
  }
  found->second += spans;
}

ServiceCounters::Counts ServiceCounters::all() const {
  const MutexLock lock(mutex_);
  return spans_;
}

}  // namespace tracelink
