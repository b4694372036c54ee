#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "config/load.hpp"
#include "config/source_facts.hpp"
#include "daemon/cli/commands.hpp"
#include "daemon/cli/model_lookup.hpp"
#include "daemon/cli/model_output.hpp"
#include "daemon/cli/output.hpp"
#include "daemon/cli/tracking_session.hpp"
#include "daemon/mlflow/model_name.hpp"
#include "daemon/mlflow/source_tags.hpp"

namespace tracelink::cli {

namespace {

struct CreateOptions {
  std::string name, model_type, source_run_id, experiment_id, experiment_name, git;
  std::vector<std::string> params, tags;  // K=V
};

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

// What --git names, a relative folder too; without it what model.git of the configuration does.
Result<GitFacts> source_of(const std::string& git, const Config& config) {
  if (git.empty()) return config.model.source;
  const bool is_word = git == "auto" || git == "off";
  auto source =
      source_facts(is_word ? git : std::filesystem::absolute(git).lexically_normal().string(),
                   context_of_process().environment);
  if (!source) return std::move(source).error().within("--git");
  return std::move(source->facts);
}

// Under the name that the server takes, as model.name_policy allows; PENDING.
Answer<LoggedModel> create_pending(TrackingSession& session, CreateModel request,
                                   const std::string& name_policy) {
  TrackingClient& client = session.client();
  const auto create = [&] {
    return session.wait<LoggedModel>(
        [&](auto done) { client.create_model(request, std::move(done)); });
  };
  const std::string asked = request.name;
  const bool may_be_portable = name_policy != "exact" && portable_name(asked) != asked;
  if (name_policy != "portable" || !may_be_portable) {
    Answer<LoggedModel> created = create();
    const auto* failure = std::get_if<Failure>(&created);
    if (failure == nullptr || !may_be_portable || !refuses_model_name(*failure)) return created;
  }
  const auto same_name = session.wait<std::vector<LoggedModel>>([&](auto done) {
    client.search_models(request.experiment_id, portable_name(asked), std::move(done));
  });
  if (const auto* failure = std::get_if<Failure>(&same_name)) return *failure;
  const bool taken = std::ranges::any_of(std::get<0>(same_name), [&](const LoggedModel& model) {
    const auto tag = model.tags.find(kModelNameTag);
    return tag == model.tags.end() || tag->second != asked;
  });
  request.name = taken ? distinct_portable_name(asked) : portable_name(asked);
  request.tags[kModelNameTag] = asked;
  print_error("tracelink: the model is called '" + request.name +
              "': MLflow's own server takes no name with one of / : . % \" ' (model.name_policy: "
              "exact makes this an error)");
  return create();
}

int create_model(const Context& context, const CreateOptions& options) {
  const auto params = parse_pairs("--param", options.params);
  const auto tags = parse_pairs("--tag", options.tags);
  if (!params || !tags) return kUsage;
  const auto config = load_for_tracking(context);
  if (!config) return fail(config.error());
  const auto source = source_of(options.git, *config);
  if (!source) return fail(source.error());
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
  // --tag wins over the configuration, and both over what is found.
  request.tags.merge(description_tags(config->model.description, config->model.source_name));
  request.tags.merge(source_tags(*source));
  request.tags.merge(origin_tags(config->model.origin));
  name_source(request.tags);
  request.tags.emplace("mlflow.model.isExternal", "true");

  TrackingClient& client = (*session)->client();
  const auto created = create_pending(**session, request, config->model.name_policy);
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

}  // namespace

void add_create_model(CLI::App& models, const Context& context, int& exit_code) {
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
  command->add_option("--git", options->git,
                      "Work tree whose commit, branch and repository become tags; auto: the "
                      "variables of CI systems; off. Default: model.git, which is auto");
  command->footer(
      "Examples:\n  tracelink models create --name my-agent-v3 --model-type agent \\\n"
      "      --param llm=gpt-4o --tag team=ml-platform --json | jq -r .model_id\n"
      "  tracelink models create --name \"my-app-git-$(git rev-parse HEAD | cut -c1-8)\" --git .");
  command->callback(
      [&context, &exit_code, options] { exit_code = create_model(context, *options); });
}

}  // namespace tracelink::cli
