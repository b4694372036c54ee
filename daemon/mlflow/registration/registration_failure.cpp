#include "daemon/mlflow/registration/registration_failure.hpp"

#include <utility>

#include "daemon/mlflow/rest/remedies.hpp"

namespace tracelink {

Failure link_failure(std::string message, std::string_view remedy) {
  return configuration_failure(FailureScope::link, std::move(message), remedy);
}

Failure passing_failure(FailureClass failure_class, std::string message) {
  Failure failure;
  failure.failure_class = failure_class;
  failure.scope = FailureScope::link;
  failure.message = std::move(message);
  return failure;
}

std::string_view remedy_for_applications(std::string_view remedy) {
  if (remedy == remedy::kModelName) return remedy::kNamedModelName;
  if (remedy == remedy::kAmbiguousName) return remedy::kNamedAmbiguousName;
  if (remedy == remedy::kModelGone) return remedy::kNamedModelGone;
  if (remedy == remedy::kModelFailed) return remedy::kNamedModelFailed;
  return remedy;
}

}  // namespace tracelink
