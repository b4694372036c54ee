#pragma once

#include <string>
#include <string_view>

#include "daemon/mlflow/rest/failure.hpp"

// Failures of a registration that no answer alone makes: pure.
namespace tracelink {

// An operator has to act: the link is held until the registration succeeds.
Failure link_failure(std::string message, std::string_view remedy);
// Of the link too; the registration begins again by itself.
Failure passing_failure(FailureClass failure_class, std::string message);
// The remedy as it is addressed to an application whose trace named the model.
std::string_view remedy_for_applications(std::string_view remedy);

}  // namespace tracelink
