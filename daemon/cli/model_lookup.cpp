#include "daemon/cli/model_lookup.hpp"

#include <algorithm>
#include <vector>

#include "daemon/mlflow/model_choice.hpp"
#include "daemon/mlflow/model_name.hpp"
#include "daemon/mlflow/model_upkeep.hpp"
#include "daemon/types/model_id.hpp"

namespace tracelink::cli {

namespace {

constexpr const char* kDefaultExperiment = "0";  // MLflow's "Default"

Answer<std::string> experiment_id_by_name(TrackingSession& session, const std::string& name,
                                          bool create) {
  using Found = std::optional<Experiment>;
  const auto look_up = [&] {
    return session.wait<Found>(
        [&](auto done) { session.client().get_experiment_by_name(name, std::move(done)); });
  };
  Answer<Found> found = look_up();
  if (create && std::holds_alternative<Found>(found) && !std::get<Found>(found)) {
    const auto created = session.wait<std::optional<std::string>>(
        [&](auto done) { session.client().create_experiment(name, std::move(done)); });
    if (const auto* failure = std::get_if<Failure>(&created)) return *failure;
    if (const auto& id = std::get<0>(created)) return *id;
    found = look_up();
  }
  if (const auto* failure = std::get_if<Failure>(&found)) return *failure;
  if (const Found& experiment = std::get<Found>(found)) return experiment->id;
  Failure missing =
      configuration_failure(FailureScope::experiment, "there is no experiment named '" + name + "'",
                            "check the name, or create the experiment first");
  missing.http_status = 404;
  return missing;
}

// By the name itself, or by the portable one that stands for it.
bool is_named(const LoggedModel& model, const std::string& asked) {
  const auto tag = model.tags.find(kModelNameTag);
  return tag == model.tags.end() ? model.name == asked : tag->second == asked;
}

std::vector<std::string> names_for(const std::string& asked) {
  std::vector<std::string> names{asked};
  if (portable_name(asked) != asked) {
    names.push_back(portable_name(asked));
    names.push_back(distinct_portable_name(asked));
  }
  return names;
}

}  // namespace

Answer<std::string> experiment_of(TrackingSession& session, const Config& config,
                                  const std::string& id, const std::string& name, bool create) {
  if (!id.empty()) return id;
  if (!name.empty()) return experiment_id_by_name(session, name, create);
  if (!config.experiment.id.empty()) return config.experiment.id;
  if (!config.experiment.name.empty()) {
    return experiment_id_by_name(session, config.experiment.name, create);
  }
  return std::string(kDefaultExperiment);
}

Answer<std::optional<LoggedModel>> find_model(TrackingSession& session, const Config& config,
                                              const std::string& id_or_name) {
  using Found = std::optional<LoggedModel>;
  if (is_model_id(id_or_name)) {
    return session.wait<Found>(
        [&](auto done) { session.client().get_model(id_or_name, std::move(done)); });
  }
  const Answer<std::string> experiment = experiment_of(session, config, "", "", false);
  if (const auto* failure = std::get_if<Failure>(&experiment)) return *failure;
  auto models = session.wait<std::vector<LoggedModel>>([&](auto done) {
    search_models_by_names(session.client(), std::get<std::string>(experiment),
                           names_for(id_or_name), std::move(done));
  });
  if (const auto* failure = std::get_if<Failure>(&models)) return *failure;
  auto& found = std::get<std::vector<LoggedModel>>(models);
  std::erase_if(found, [&](const LoggedModel& model) { return !is_named(model, id_or_name); });
  if (found.empty()) return Found{};
  const ModelChoice choice = choose_model(found, "");
  return Found{choice.winner == nullptr ? found.front() : *choice.winner};
}

}  // namespace tracelink::cli
