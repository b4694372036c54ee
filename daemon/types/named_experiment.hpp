#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/types/link_definition.hpp"

namespace tracelink {

// How Record::experiment names an experiment whose id is not known: by its name behind a line
// break, which no id of a client has.
inline std::string experiment_by_name(std::string_view name) { return "\n" + std::string(name); }
// Nothing if it is an id.
inline std::optional<std::string_view> experiment_name_in(std::string_view experiment) {
  if (!experiment.starts_with('\n')) return std::nullopt;
  return experiment.substr(1);
}

// What failures of such experiments are about, for operators.
inline constexpr char kNamedExperiments[] = "experiments that clients name";

// Of an experiment that a peer named: it asks for no model.
inline LinkDefinition named_experiment(std::string name) {
  LinkDefinition named;
  named.experiment.name = std::move(name);
  named.named_by_trace = true;
  return named;
}
inline bool is_named_experiment(const LinkDefinition& link) {
  return link.empty() && link.named_by_trace;
}

}  // namespace tracelink
