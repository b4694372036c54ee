#include "daemon/links/link_failure.hpp"

#include <string>
#include <utility>

namespace tracelink {

namespace {

Failure failure(std::string message, std::string_view remedy) {
  return configuration_failure(FailureScope::link, std::move(message), remedy);
}

}  // namespace

Failure link_failure(LinkObstacle obstacle, const LinkHash& accepted, const RecordSource& source) {
  switch (obstacle) {
    case LinkObstacle::none:
      break;
    case LinkObstacle::no_model:
      return failure("the traces name no model, and none is configured",
                     "Name one in the traces (tracelink run --model NAME, which sets the resource "
                     "attribute mlflow.modelName), or set model.name.");
    case LinkObstacle::missing_attribute: {
      const auto link = source.link(accepted);
      return failure("the traces' resource lacks an attribute that model.name \"" +
                         (link ? link->name : accepted.hex()) + "\" is made of",
                     "Set it in the application (OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES), or "
                     "change model.name.");
    }
    case LinkObstacle::unusable_name:
      return failure("the traces name a model by an id or name that no model can have",
                     "mlflow.modelId takes m- and 32 lower-case hex digits, mlflow.modelName at "
                     "most 500 characters: correct them where the application sets them; "
                     "'tracelink models relink none NEW' moves the traces that are kept.");
    case LinkObstacle::too_many_models:
      return failure("the traces name more models than model.max_names allows at a time",
                     "Raise model.max_names, or set model.from_traces to ids or off.");
    case LinkObstacle::not_stored:
      return failure("the models that the traces name cannot be remembered on disk",
                     "Look at the disk of state_dir; it is tried again each minute.");
  }
  return failure("", "");
}

}  // namespace tracelink
