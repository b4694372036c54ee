#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "config/config.hpp"
#include "daemon/cli/tracking_session.hpp"

namespace tracelink::cli {

// What --experiment-id and --experiment-name say; both empty: what the configuration does.
struct ExperimentOptions {
  std::string id, name;
};
std::shared_ptr<ExperimentOptions> add_experiment_options(CLI::App& command);

// Runs `work` with the configuration and the server that it names; its exit code, or that of what
// kept it from running.
int with_session(const Context& context,
                 const std::function<int(TrackingSession&, const Config&)>& work);

// Whether the experiment is that of the model which the configuration names by its id.
bool takes_experiment_of_model(const Config& config);

// The experiment a command works in: its own options, else the configuration's, else that of the
// model which the configuration names by its id, else "Default".
// `create`: a name that does not exist becomes one.
Answer<Experiment> experiment_of(TrackingSession& session, const Config& config,
                                 const ExperimentOptions& options, bool create);

// All models that a name means in the experiment, those that the daemon would link to first: by the
// name that was asked for, or by the one that MLflow shows. A Failure where these are different
// versions.
Answer<std::vector<LoggedModel>> models_named(TrackingSession& session,
                                              const std::string& experiment_id,
                                              const std::string& name);

// The one of the models, which are not empty, that the daemon would link to. Several are told on
// standard error.
LoggedModel chosen_model(const std::string& name, const std::vector<LoggedModel>& models);

// A model by its id, or by a name in the experiment. A Failure if there is none, which says where
// it was looked for.
Answer<LoggedModel> find_model(TrackingSession& session, const Config& config,
                               const ExperimentOptions& options, const std::string& id_or_name);

// Runs `work` with that model.
int with_model(const Context& context, const ExperimentOptions& options,
               const std::string& id_or_name,
               const std::function<int(TrackingSession&, const LoggedModel&)>& work);

}  // namespace tracelink::cli
