#pragma once

#include <cstdint>
#include <unordered_set>

#include "daemon/types/ids.hpp"

namespace tracelink {

// Where a trace's link comes from: a later enumerator is stronger
// (docs/design.md#one-link-per-trace).
enum class LinkRank : std::uint8_t {
  accepted,       // the link active when its first record was accepted
  accepted_root,  // that link is a template, filled from the root's resource
  resource,       // named by a resource
  root_resource,  // named by the resource of the root
  root_span,      // named by the root span
  trace_info,     // named by the trace info of an MLflow SDK
};

// Why a trace cannot be sent with its link.
enum class LinkObstacle : std::uint8_t {
  none,
  no_model,           // it names none, and none is configured
  missing_attribute,  // its resource lacks what the configured name is made of
  unusable_name,      // what it names can be no model
  too_many_models,    // it names one more than allowed
  not_stored,         // the definition could not be made durable
};

// The link of a trace as far as one record tells. With an obstacle, `link` may not be remembered.
struct LinkChoice {
  LinkHash link;
  LinkRank rank = LinkRank::accepted;
  LinkObstacle obstacle = LinkObstacle::none;
};

using LinkSet = std::unordered_set<LinkHash, IdHash>;

// May be over before the operator does anything: worth trying again.
inline bool may_pass(LinkObstacle obstacle) {
  return obstacle == LinkObstacle::too_many_models || obstacle == LinkObstacle::not_stored;
}

}  // namespace tracelink
