#pragma once

#include <compare>
#include <string>

#include "daemon/forward/trace_work.hpp"
#include "daemon/mlflow/rest/failure.hpp"

namespace tracelink {

// What a failure concerns. An experiment that no client asked for is its link's, and counts as the
// link.
struct ScopeKey {
  FailureScope scope = FailureScope::server;
  LinkHash link;
  std::string experiment;
  auto operator<=>(const ScopeKey&) const = default;
};

inline ScopeKey scope_key(FailureScope scope, const GroupKey& group) {
  if (scope == FailureScope::server) return {};
  if (scope == FailureScope::experiment && !group.experiment.empty()) {
    return {FailureScope::experiment, {}, group.experiment};
  }
  return {FailureScope::link, group.link, {}};
}

}  // namespace tracelink
