#include "daemon/mlflow/registration/experiment_resolution.hpp"

#include "daemon/mlflow/rest/remedies.hpp"

namespace tracelink {
namespace {

Failure experiment_failure(FailureClass failure_class, std::string message,
                           std::string_view remedy) {
  Failure failure;
  failure.failure_class = failure_class;
  failure.scope = FailureScope::experiment;
  failure.message = std::move(message);
  failure.remedy = remedy;
  return failure;
}

Answer<Experiment> usable(Experiment experiment) {
  if (!experiment.deleted) return experiment;
  return experiment_failure(FailureClass::configuration,
                            "experiment " + experiment.id + " (" + experiment.name + ") is deleted",
                            remedy::kDeletedExperiment);
}

// After a lost race for creating it.
void get_existing(TrackingClient& client, const std::string& name,
                  AnswerHandler<Experiment> handler) {
  client.get_experiment_by_name(name, [name, handler = std::move(handler)](
                                          Answer<std::optional<Experiment>> answer) {
    if (!answer) return handler(answer.error());
    auto& experiment = *answer;
    if (experiment) return handler(usable(*std::move(experiment)));
    handler(experiment_failure(FailureClass::unknown,
                               "experiment " + name + " neither exists nor can be created", ""));
  });
}

void create(TrackingClient& client, const std::string& name, AnswerHandler<Experiment> handler) {
  client.create_experiment(name, [&client, name, handler = std::move(handler)](
                                     Answer<std::optional<std::string>> answer) {
    if (!answer) return handler(answer.error());
    const auto& id = *answer;
    if (id) return handler(Experiment{*id, name, false});
    get_existing(client, name, handler);
  });
}

}  // namespace

void resolve_experiment(TrackingClient& client, const ExperimentRef& ref,
                        AnswerHandler<Experiment> handler) {
  if (!ref.id.empty()) {
    client.get_experiment(ref.id, [handler = std::move(handler)](Answer<Experiment> answer) {
      if (!answer) return handler(answer.error());
      handler(usable(*std::move(answer)));
    });
    return;
  }
  client.get_experiment_by_name(ref.name, [&client, name = ref.name, handler = std::move(handler)](
                                              Answer<std::optional<Experiment>> answer) {
    if (!answer) return handler(answer.error());
    auto& experiment = *answer;
    if (experiment) return handler(usable(*std::move(experiment)));
    create(client, name, handler);
  });
}

}  // namespace tracelink
