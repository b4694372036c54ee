#include "daemon/forward/scope_name.hpp"

#include "daemon/mlflow/rest/remedies.hpp"
#include "daemon/report/reporter.hpp"
#include "daemon/types/named_experiment.hpp"

namespace tracelink {

std::string link_name(const LinkHash& link, const RecordSource& source) {
  const auto definition = source.link(link);
  if (!definition) return {};
  return definition->display_name();
}

bool is_peer_chosen(const ScopeKey& key, const RecordSource& source) {
  if (key.scope != FailureScope::link) return key.scope == FailureScope::experiment;
  const auto definition = source.link(key.link);
  return definition && definition->named_by_trace;
}

Failure told_of(const ScopeKey& key, Failure failure) {
  if (key.scope != FailureScope::experiment || failure.remedy.empty()) return failure;
  // That remedy names keys of the configuration.
  if (failure.remedy == remedy::kUnknownExperiment) {
    failure.remedy = "The experiment does not exist on this server.";
  }
  failure.remedy +=
      " A client chose it by the header x-mlflow-experiment-id: correct it there. Its traces go to "
      "the dead letters after 24 hours.";
  return failure;
}

std::string report_subject(const ScopeKey& key, const RecordSource& source) {
  if (key.scope == FailureScope::experiment) return kNamedExperiments;
  return scope_name(key, source);
}

std::string scope_name(const ScopeKey& key, const RecordSource& source) {
  switch (key.scope) {
    case FailureScope::server:
      return kServerSubject;
    case FailureScope::experiment:
      return "experiment " +
             std::string(experiment_name_in(key.experiment).value_or(key.experiment));
    case FailureScope::link:
      break;
  }
  const std::string name = link_name(key.link, source);
  return "link " + (name.empty() ? key.link.hex() : name);
}

}  // namespace tracelink
