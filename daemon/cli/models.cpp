#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <memory>
#include <regex>

#include <nlohmann/json.hpp>

#include "daemon/cli/commands.hpp"
#include "daemon/cli/tracking_session.hpp"

namespace tracelink::cli {

namespace {

constexpr const char* kDefaultExperiment = "0";  // MLflow's "Default"

struct CreateOptions {
  std::string name, model_type, source_run_id, experiment_id, experiment_name;
  std::vector<std::string> params, tags;  // K=V
};

nlohmann::ordered_json to_json(const LoggedModel& model) {
  return {{"model_id", model.model_id},
          {"name", model.name},
          {"experiment_id", model.experiment_id},
          {"creation_timestamp", model.creation_timestamp},
          {"last_updated_timestamp", model.last_updated_timestamp},
          {"model_type", model.model_type},
          {"source_run_id", model.source_run_id},
          {"status", model.status},
          {"tags", model.tags},
          {"params", model.params},
          {"model_uri", model.model_uri()}};
}

void print_model(const Context& context, const LoggedModel& model) {
  const nlohmann::ordered_json json = to_json(model);
  if (context.json) {
    std::cout << json.dump(2) << "\n";
    return;
  }
  for (const auto& [key, value] : json.items()) {
    std::cout << std::left << std::setw(24) << key
              << (value.is_string() ? value.get<std::string>() : value.dump()) << "\n";
  }
}

// "K=V" pairs to a map; nothing (after saying why) when one is malformed or repeated.
std::optional<std::map<std::string, std::string>> parse_pairs(
    const char* option, const std::vector<std::string>& pairs) {
  std::map<std::string, std::string> map;
  for (const std::string& pair : pairs) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      fail(kUsage, std::string(option) + " '" + pair + "': write KEY=VALUE");
      return std::nullopt;
    }
    if (!map.emplace(pair.substr(0, equals), pair.substr(equals + 1)).second) {
      fail(kUsage, std::string(option) + " '" + pair + "': the key is given twice");
      return std::nullopt;
    }
  }
  return map;
}

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
  Failure missing;
  missing.failure_class = FailureClass::configuration;
  missing.scope = FailureScope::experiment;
  missing.http_status = 404;
  missing.message = "there is no experiment named '" + name + "'";
  missing.remedy = "check the name, or create the experiment first";
  return missing;
}

// The experiment a command works in: its own options, else the configuration's, else "Default".
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

int create_model(const Context& context, const CreateOptions& options) {
  const auto params = parse_pairs("--param", options.params);
  const auto tags = parse_pairs("--tag", options.tags);
  if (!params || !tags) return kUsage;
  const auto config = load_for_tracking(context);
  if (!config) return fail(config.error());
  auto session = TrackingSession::open(*config);
  if (!session) return fail(session.error());

  const Answer<std::string> experiment =
      experiment_of(**session, *config, options.experiment_id, options.experiment_name, true);
  if (const auto* failure = std::get_if<Failure>(&experiment)) return fail(*failure);

  CreateModel request{.experiment_id = std::get<std::string>(experiment),
                      .name = options.name,
                      .model_type = options.model_type,
                      .source_run_id = options.source_run_id,
                      .params = *params,
                      .tags = *tags};
  if (const char* run = std::getenv("MLFLOW_RUN_ID"); request.source_run_id.empty() && run) {
    request.source_run_id = run;
  }
  request.tags.emplace("mlflow.model.isExternal", "true");

  TrackingClient& client = (*session)->client();
  const auto created = (*session)->wait<LoggedModel>(
      [&](auto done) { client.create_model(request, std::move(done)); });
  if (const auto* failure = std::get_if<Failure>(&created)) return fail(*failure);
  const std::string model_id = std::get<LoggedModel>(created).model_id;
  const auto ready = (*session)->wait<LoggedModel>(
      [&](auto done) { client.finalize_model(model_id, std::move(done)); });
  if (const auto* failure = std::get_if<Failure>(&ready)) {
    fail(kFailed, "the model " + model_id + " was created but is not READY yet");
    return fail(*failure);
  }
  print_model(context, std::get<LoggedModel>(ready));
  return kDone;
}

bool is_model_id(const std::string& text) {
  static const std::regex kPattern("m-[0-9a-f]{32}");
  return std::regex_match(text, kPattern);
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
    session.client().search_models(std::get<std::string>(experiment), id_or_name, std::move(done));
  });
  if (const auto* failure = std::get_if<Failure>(&models)) return *failure;
  auto& found = std::get<std::vector<LoggedModel>>(models);
  // The oldest is the one that the daemon links to (docs/architecture.md, "Twins").
  return found.empty() ? Found{} : Found{std::move(found.front())};
}

int get_model(const Context& context, const std::string& id_or_name) {
  const auto config = load_for_tracking(context);
  if (!config) return fail(config.error());
  auto session = TrackingSession::open(*config);
  if (!session) return fail(session.error());
  const auto found = find_model(**session, *config, id_or_name);
  if (const auto* failure = std::get_if<Failure>(&found)) return fail(*failure);
  const auto& model = std::get<std::optional<LoggedModel>>(found);
  if (!model) return fail(kFailed, "there is no model '" + id_or_name + "'");
  print_model(context, *model);
  return kDone;
}

int list_models(const Context& context, const std::string& experiment_id,
                const std::string& experiment_name) {
  const auto config = load_for_tracking(context);
  if (!config) return fail(config.error());
  auto session = TrackingSession::open(*config);
  if (!session) return fail(session.error());
  const auto experiment = experiment_of(**session, *config, experiment_id, experiment_name, false);
  if (const auto* failure = std::get_if<Failure>(&experiment)) return fail(*failure);
  const auto models = (*session)->wait<std::vector<LoggedModel>>([&](auto done) {
    (*session)->client().search_models(std::get<std::string>(experiment), "", std::move(done));
  });
  if (const auto* failure = std::get_if<Failure>(&models)) return fail(*failure);

  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const LoggedModel& model : std::get<0>(models)) {
    list.push_back(to_json(model));
    if (!context.json) {
      std::cout << model.model_id << "  " << std::left << std::setw(9) << model.status << model.name
                << "\n";
    }
  }
  if (context.json) std::cout << list.dump(2) << "\n";
  return kDone;
}

void add_create(CLI::App& models, const Context& context, int& exit_code) {
  auto options = std::make_shared<CreateOptions>();
  CLI::App* command = models.add_subcommand(
      "create", "Create a LoggedModel and make it READY (MLflow's create_external_model)");
  command->add_option("--name", options->name, "Default: a random name by the server");
  command->add_option("--model-type", options->model_type, "For example agent");
  command->add_option("--source-run-id", options->source_run_id, "Default: MLFLOW_RUN_ID");
  command->add_option("--param", options->params, "KEY=VALUE, repeatable")->allow_extra_args(false);
  command->add_option("--tag", options->tags, "KEY=VALUE, repeatable")->allow_extra_args(false);
  auto* id = command->add_option("--experiment-id", options->experiment_id);
  command->add_option("--experiment-name", options->experiment_name, "Created when missing")
      ->excludes(id);
  command->footer(
      "Example:\n  tracelink models create --name my-agent-v3 --model-type agent \\\n"
      "      --param llm=gpt-4o --tag team=ml-platform --json | jq -r .model_id");
  command->callback(
      [&context, &exit_code, options] { exit_code = create_model(context, *options); });
}

void add_get(CLI::App& models, const Context& context, int& exit_code) {
  auto target = std::make_shared<std::string>();
  CLI::App* command = models.add_subcommand("get", "Show one model");
  command->add_option("ID_OR_NAME", *target, "m-… or a name in the configured experiment")
      ->required();
  command->footer("Example:\n  tracelink models get my-agent-v3");
  command->callback([&context, &exit_code, target] { exit_code = get_model(context, *target); });
}

void add_list(CLI::App& models, const Context& context, int& exit_code) {
  auto id = std::make_shared<std::string>();
  auto name = std::make_shared<std::string>();
  CLI::App* command =
      models.add_subcommand("list", "List the models of an experiment, oldest first");
  auto* id_option = command->add_option("--experiment-id", *id);
  command->add_option("--experiment-name", *name)->excludes(id_option);
  command->footer("Example:\n  tracelink models list --experiment-name /Shared/support");
  command->callback(
      [&context, &exit_code, id, name] { exit_code = list_models(context, *id, *name); });
}

}  // namespace

void add_models(CLI::App& app, const Context& context, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("models", "LoggedModels on the tracking server, and which one is active");
  command->require_subcommand(1);
  add_create(*command, context, exit_code);
  add_get(*command, context, exit_code);
  add_list(*command, context, exit_code);
  add_active_models(*command, context, exit_code);
}

}  // namespace tracelink::cli
