#include <memory>

#include <nlohmann/json.hpp>

#include "daemon/cli/commands.hpp"
#include "daemon/cli/model_lookup.hpp"
#include "daemon/cli/model_output.hpp"
#include "daemon/cli/output.hpp"
#include "daemon/cli/tracking_session.hpp"

namespace tracelink::cli {

namespace {

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
  // A search in an experiment that does not exist finds nothing, without an error.
  const auto known = (*session)->wait<Experiment>([&](auto done) {
    (*session)->client().get_experiment(std::get<std::string>(experiment), std::move(done));
  });
  if (const auto* failure = std::get_if<Failure>(&known)) return fail(*failure);
  const auto models = (*session)->wait<std::vector<LoggedModel>>([&](auto done) {
    (*session)->client().search_models(std::get<std::string>(experiment), "", std::move(done));
  });
  if (const auto* failure = std::get_if<Failure>(&models)) return fail(*failure);

  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const LoggedModel& model : std::get<0>(models)) {
    list.push_back(to_json(model));
    if (!context.json) {
      print("{}  {:<9}{}\n", model.model_id, model.status, model.name);
    }
  }
  if (context.json) print_json(list);
  return kDone;
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
  add_create_model(*command, context, exit_code);
  add_get(*command, context, exit_code);
  add_list(*command, context, exit_code);
  add_active_models(*command, context, exit_code);
}

}  // namespace tracelink::cli
