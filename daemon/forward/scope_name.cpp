#include "daemon/forward/scope_name.hpp"

namespace tracelink {

std::string link_name(const LinkHash& link, const RecordSource& source) {
  const auto definition = source.link(link);
  if (!definition) return {};
  return definition->id.empty() ? definition->model_name() : definition->id;
}

std::string scope_name(const ScopeKey& key, const RecordSource& source) {
  switch (key.scope) {
    case FailureScope::server:
      return "server";
    case FailureScope::experiment:
      return "experiment " + key.experiment;
    case FailureScope::link:
      break;
  }
  const std::string name = link_name(key.link, source);
  return "link " + (name.empty() ? key.link.hex() : name);
}

}  // namespace tracelink
