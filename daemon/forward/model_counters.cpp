#include "daemon/forward/model_counters.hpp"

#include <algorithm>

namespace tracelink {

namespace {

constexpr const char* kNone = "none";
constexpr const char* kOther = "other";

}  // namespace

ModelCount& ModelCounters::of(const LinkHash& link) {
  const auto known = by_link_.find(link);
  return counts_.at(known != by_link_.end() ? known->second : index_for(link));
}

std::size_t ModelCounters::index_for(const LinkHash& link) {
  if (link.is_zero()) return by_link_[link] = index_of(kNone);
  const auto definition = source_.link(link);
  if (!definition) return index_of(kOther);
  if (by_link_.size() >= kMaxNames) return index_of(kOther);
  if (definition->named_by_trace && named_by_traces_ >= kMaxNamedByTraces) return index_of(kOther);
  if (definition->named_by_trace) ++named_by_traces_;
  const std::string name = definition->display_name();
  return by_link_[link] = index_of(name.empty() ? kNone : name);
}

std::size_t ModelCounters::index_of(const std::string& name) {
  const auto found = std::ranges::find(counts_, name, &ModelCount::model);
  if (found != counts_.end()) return static_cast<std::size_t>(found - counts_.begin());
  counts_.emplace_back().model = name;
  return counts_.size() - 1;
}

}  // namespace tracelink
