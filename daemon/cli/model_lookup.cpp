#include "daemon/cli/model_lookup.hpp"

#include <algorithm>
#include <utility>

#include "daemon/cli/output.hpp"
#include "daemon/mlflow/registration/experiment_resolution.hpp"
#include "daemon/mlflow/registration/model_choice.hpp"
#include "daemon/mlflow/registration/model_maintenance.hpp"
#include "daemon/mlflow/registration/model_name.hpp"
#include "daemon/types/model_id.hpp"

namespace tracelink::cli {

namespace {

constexpr const char* kDefaultExperiment = "0";

// The answer of MLflow for what is not there.
Failure missing(std::string message, std::string_view remedy) {
  Failure failure = configuration_failure(FailureScope::experiment, std::move(message), remedy);
  failure.http_status = 404;
  return failure;
}

Answer<Experiment> existing_experiment(TrackingSession& session, const std::string& name) {
  const auto found = session.wait<std::optional<Experiment>>(
      [&](auto done) { session.client().get_experiment_by_name(name, std::move(done)); });
  if (!found) return found.error();
  if (const auto& experiment = *found) return *experiment;
  return missing("there is no experiment named '" + name + "'",
                 "check the name, or create the experiment first");
}

std::vector<std::string> names_for(const std::string& asked) {
  std::vector<std::string> names{asked};
  if (portable_name(asked) != asked) {
    names.push_back(portable_name(asked));
    names.push_back(distinct_portable_name(asked));
  }
  return names;
}

std::string shown(const Experiment& experiment) {
  return "experiment '" + experiment.name + "' (" + experiment.id + ")";
}

Answer<ExperimentRef> experiment_ref(TrackingSession& session, const Config& config,
                                     const ExperimentOptions& options) {
  if (!options.id.empty() || !options.name.empty()) {
    return ExperimentRef{.id = options.id, .name = options.name};
  }
  if (takes_experiment_of_model(config)) {
    const auto model = find_model(session, config, {}, config.model.id);
    if (!model) return model.error();
    return ExperimentRef{.id = model->experiment_id, .name = {}};
  }
  const auto& [id, name] = config.experiment;
  return ExperimentRef{.id = id.empty() && name.empty() ? kDefaultExperiment : id, .name = name};
}

}  // namespace

std::shared_ptr<ExperimentOptions> add_experiment_options(CLI::App& command) {
  auto options = std::make_shared<ExperimentOptions>();
  auto* id = command.add_option("--experiment-id", options->id,
                                "Where a name is looked for; default: as configured");
  command.add_option("--experiment-name", options->name, "The same by its name")->excludes(id);
  return options;
}

int with_session(const Context& context,
                 const std::function<int(TrackingSession&, const Config&)>& work) {
  const auto config = load_for_tracking(context);
  if (!config) return fail(config.error());
  auto session = TrackingSession::open(*config);
  if (!session) return fail(session.error());
  return work(**session, *config);
}

bool takes_experiment_of_model(const Config& config) {
  return config.experiment.id.empty() && config.experiment.name.empty() && !config.model.id.empty();
}

Answer<Experiment> experiment_of(TrackingSession& session, const Config& config,
                                 const ExperimentOptions& options, bool create) {
  const auto place = experiment_ref(session, config, options);
  if (!place) return place.error();
  const ExperimentRef& ref = *place;
  if (ref.id.empty() && !create) return existing_experiment(session, ref.name);
  return session.wait<Experiment>(
      [&](auto done) { resolve_experiment(session.client(), ref, std::move(done)); });
}

Answer<std::vector<LoggedModel>> models_named(TrackingSession& session,
                                              const std::string& experiment_id,
                                              const std::string& name) {
  auto hits = session.wait<std::vector<LoggedModel>>([&](auto done) {
    search_models_by_names(session.client(), experiment_id, names_for(name), std::move(done));
  });
  if (!hits) return hits.error();
  NamedModels named = tracelink::models_named(name, *std::move(hits));
  if (named.others.empty()) return std::move(named.models);
  return missing(ambiguity(name, named),
                 "name one of them by its id, or by the name that it was made for");
}

LoggedModel chosen_model(const std::string& name, const std::vector<LoggedModel>& models) {
  const ModelChoice choice = choose_model(models, "");
  const LoggedModel& chosen = choice.winner == nullptr ? models.front() : *choice.winner;
  const std::string told = told_choice(chosen.model_id, choice.other_ready_losers);
  if (!told.empty()) print_error("tracelink: several models are named '" + name + "': " + told);
  return chosen;
}

Answer<LoggedModel> find_model(TrackingSession& session, const Config& config,
                               const ExperimentOptions& options, const std::string& id_or_name) {
  if (is_model_id(id_or_name)) {
    const auto found = session.wait<std::optional<LoggedModel>>(
        [&](auto done) { session.client().get_model(id_or_name, std::move(done)); });
    if (!found) return found.error();
    if (const auto& model = *found) return *model;
    return missing("there is no model " + id_or_name + " on " + server_uri(config),
                   "correct the id: 'tracelink models list' shows those of an experiment");
  }
  const Answer<Experiment> experiment = experiment_of(session, config, options, false);
  if (!experiment) return experiment.error();
  const auto& place = *experiment;
  const auto models = models_named(session, place.id, id_or_name);
  if (!models) return models.error();
  if (!models->empty()) return chosen_model(id_or_name, *models);
  return missing("there is no model '" + id_or_name + "' in " + shown(place),
                 "'tracelink models list' shows those of an experiment");
}

int with_model(const Context& context, const ExperimentOptions& options,
               const std::string& id_or_name,
               const std::function<int(TrackingSession&, const LoggedModel&)>& work) {
  return with_session(context, [&](TrackingSession& session, const Config& config) {
    const auto model = find_model(session, config, options, id_or_name);
    if (!model) return fail(model.error());
    return work(session, *model);
  });
}

}  // namespace tracelink::cli
