#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <thread>

#include "config/load.hpp"
#include "config/source_facts.hpp"
#include "config/text.hpp"
#include "daemon/base/random_source.hpp"
#include "daemon/cli/commands.hpp"
#include "daemon/cli/key_values.hpp"
#include "daemon/cli/model_lookup.hpp"
#include "daemon/cli/model_output.hpp"
#include "daemon/cli/output.hpp"
#include "daemon/cli/tracking_session.hpp"
#include "daemon/mlflow/registration/model_choice.hpp"
#include "daemon/mlflow/registration/model_maintenance.hpp"
#include "daemon/mlflow/registration/model_name.hpp"
#include "daemon/mlflow/registration/source_tags.hpp"
#include "daemon/mlflow/rest/remedies.hpp"
#include "daemon/text/blanks.hpp"

namespace tracelink::cli {

namespace {

// As long as the daemon waits: what others are creating becomes visible meanwhile.
constexpr std::chrono::seconds kSettleTime{2};

struct CreateOptions {
  std::optional<std::string> name;
  std::string model_type, source_run_id, git;
  std::vector<std::string> params, tags;  // K=V
  bool if_missing = false, id_only = false;
};

// What comes from a variable or a command may end with a line break.
std::string name_of(const CreateOptions& options) {
  const std::string name = options.name.value_or("");
  return std::string(without_blank_ends(name));
}

std::string run_of(const CreateOptions& options) {
  const char* variable = std::getenv("MLFLOW_RUN_ID");
  std::string run = options.source_run_id;
  if (run.empty() && variable != nullptr) run = variable;
  return std::string(without_blank_ends(run));
}

std::string usage_of(const Result<std::map<std::string, std::string>>& parsed) {
  return parsed ? std::string() : parsed.error().message;
}

// What --git names, a relative folder too; without it what model.git of the configuration does.
Result<GitFacts> source_of(const std::string& git, const Config& config) {
  if (git.empty()) return config.model.git_facts;
  const bool is_word = git == "auto" || git == "off";
  auto source =
      source_facts(is_word ? git : std::filesystem::absolute(git).lexically_normal().string(),
                   context_of_process().environment);
  if (!source) return std::move(source).error().within("--git");
  return std::move(source->facts);
}

// Under the name that the server takes, as model.name_policy allows; PENDING.
Answer<LoggedModel> create_pending(TrackingSession& session, CreateModel request,
                                   NamePolicy name_policy) {
  TrackingClient& client = session.client();
  const auto create = [&] {
    return session.wait<LoggedModel>(
        [&](auto done) { client.create_model(request, std::move(done)); });
  };
  const std::string asked = request.name;
  const bool may_be_portable = name_policy != NamePolicy::exact && portable_name(asked) != asked;
  if (name_policy != NamePolicy::portable || !may_be_portable) {
    Answer<LoggedModel> created = create();
    if (created || !may_be_portable || !refuses_model_name(created.error())) return created;
  }
  const auto same_name = session.wait<std::vector<LoggedModel>>([&](auto done) {
    client.search_models(request.experiment_id, portable_name(asked), std::move(done));
  });
  if (!same_name) return same_name.error();
  const bool taken = std::ranges::any_of(
      *same_name, [&](const LoggedModel& model) { return asked_name(model) != asked; });
  request.name = taken ? distinct_portable_name(asked) : portable_name(asked);
  request.tags[kModelNameTag] = asked;
  print_error("tracelink: the model is called '" + request.name +
              "': MLflow's own server takes no name with one of / : . % \" ' (model.name_policy: "
              "exact makes this an error)");
  return create();
}

// The values of the options; --tag wins over the configuration, and both over what is found.
Result<CreateModel> request_of(const CreateOptions& options, const Config& config) {
  auto params = parse_pairs(options.params);
  if (!params) return std::move(params).error().within("--param");
  auto tags = parse_tags(options.tags);
  if (!tags) return std::move(tags).error().within("--tag");
  const auto source = source_of(options.git, config);
  if (!source) return source.error();
  CreateModel request{.experiment_id = {},
                      .name = name_of(options),
                      .model_type = options.model_type,
                      .source_run_id = run_of(options),
                      .params = *std::move(params),
                      .tags = *std::move(tags)};
  request.tags.merge(description_tags(config.model.description, config.model.source));
  request.tags.merge(source_tags(*source));
  request.tags.merge(origin_tags(config.model.origin));
  request.tags.emplace("mlflow.model.isExternal", "true");
  name_source(request.tags);
  return request;
}

int print_created(const Context& context, const CreateOptions& options, const LoggedModel& model) {
  if (options.id_only) {
    print("{}\n", model.model_id);
  } else {
    print_model(context, model);
  }
  return kDone;
}

// A name that MLflow shows for another version is likely copied from its page.
void tell_of_same_name(TrackingSession& session, const CreateModel& request) {
  if (request.name.empty()) return;
  const auto hits = session.wait<std::vector<LoggedModel>>([&](auto done) {
    session.client().search_models(request.experiment_id, request.name, std::move(done));
  });
  if (!hits) return;
  for (const LoggedModel& model : *hits) {
    if (asked_name(model) == request.name) continue;
    print_error("tracelink: MLflow shows model " + model.model_id + ", made for '" +
                asked_name(model) + "', under the name '" + request.name +
                "' too; --if-missing takes it");
  }
}

Answer<LoggedModel> finalize(TrackingSession& session, const std::string& model_id) {
  return session.wait<LoggedModel>(
      [&](auto done) { session.client().finalize_model(model_id, std::move(done)); });
}

Answer<LoggedModel> create_ready(TrackingSession& session, const CreateModel& request,
                                 NamePolicy name_policy) {
  tell_of_same_name(session, request);
  auto created = create_pending(session, request, name_policy);
  if (!created) return created;
  const std::string model_id = created->model_id;
  auto ready = finalize(session, model_id);
  if (!ready) {
    print_error("tracelink: the model " + model_id + " was created but is not READY yet");
  }
  return ready;
}

std::string random_tag() {
  SystemRandomSource random;
  return fmt::format("{:016x}{:016x}", random.next(), random.next());
}

// The oldest that is READY is everybody's, also if it became so while this one did; the other is
// told then.
Answer<LoggedModel> finalize_and_look_again(TrackingSession& session, const CreateModel& request,
                                            const std::string& model_id) {
  const auto ready = finalize(session, model_id);
  if (!ready) return ready;
  const auto models = models_named(session, request.experiment_id, request.name);
  if (!models) return models.error();
  const LoggedModel chosen = models->empty() ? *ready : chosen_model(request.name, *models);
  return chosen.status == "READY" ? chosen : *ready;
}

// The model that all who ask for the name at once end with, made READY. One that we made for it is
// deleted if an older one is there: as the daemon does.
Answer<LoggedModel> await_quiet_period(TrackingSession& session, const CreateModel& request) {
  std::this_thread::sleep_for(kSettleTime);
  const auto models = models_named(session, request.experiment_id, request.name);
  if (!models) return models.error();
  const ModelChoice choice = choose_model(*models, request.tags.at(kInstanceTag));
  if (choice.winner == nullptr) {
    return configuration_failure(FailureScope::link,
                                 "the model '" + request.name + "' failed, or is gone again",
                                 remedy::kModelFailed);
  }
  const auto left = session.wait<Warnings>([&](auto done) {
    delete_unused_models(session.client(), request.experiment_id, choice.own_pending_losers,
                         std::move(done));
  });
  if (!left) return left.error();
  for (const std::string& warning : *left) print_error("tracelink: " + warning);
  if (choice.winner->status == "READY") return *choice.winner;
  return finalize_and_look_again(session, request, choice.winner->model_id);
}

// Precondition: there is a name.
Answer<LoggedModel> create_if_missing(TrackingSession& session, CreateModel request,
                                      NamePolicy name_policy) {
  const auto models = models_named(session, request.experiment_id, request.name);
  if (!models) return models.error();
  if (!models->empty()) {
    LoggedModel chosen = chosen_model(request.name, *models);
    if (chosen.status == "READY") return chosen;
  }
  request.tags[kInstanceTag] = random_tag();
  if (models->empty()) {
    const auto created = create_pending(session, request, name_policy);
    if (!created) return created;
  }
  return await_quiet_period(session, request);
}

std::optional<std::string> fault_of_text(const std::string& what, std::string_view text) {
  if (!has_control_characters(text)) return std::nullopt;
  return what + " holds a line break or another control character: " + quoted(text);
}

// What is wrong with the options together; empty: nothing.
std::string fault_of(const CreateOptions& options) {
  if (options.if_missing && !options.name) return "--if-missing needs --name";
  if (const auto params = parse_pairs(options.params); !params) {
    return "--param " + params.error().message;
  }
  const auto tags = parse_tags(options.tags);
  if (!tags) return "--tag " + tags.error().message;
  if (auto fault = fault_of_text("--name", name_of(options))) return *std::move(fault);
  return fault_of_text("the run (--source-run-id, MLFLOW_RUN_ID)", run_of(options)).value_or("");
}

int create_model(const Context& context, const ExperimentOptions& experiment,
                 const CreateOptions& options) {
  if (const std::string fault = fault_of(options); !fault.empty()) return fail(kUsage, fault);
  return with_session(context, [&](TrackingSession& session, const Config& config) {
    auto request = request_of(options, config);
    if (!request) return fail(request.error());
    const auto place = experiment_of(session, config, experiment, true);
    if (!place) return fail(place.error());
    request->experiment_id = place->id;
    const NamePolicy policy = config.model.name_policy;
    const auto model = options.if_missing ? create_if_missing(session, *request, policy)
                                          : create_ready(session, *request, policy);
    if (!model) return fail(model.error());
    return print_created(context, options, *model);
  });
}

}  // namespace

void add_create_model(CLI::App& models, const Context& context, int& exit_code) {
  auto options = std::make_shared<CreateOptions>();
  CLI::App* command = models.add_subcommand(
      "create", "Create a LoggedModel and make it READY (MLflow's create_external_model)");
  command->add_option("--name", options->name, "Default: a random name by the server")
      ->check([](const std::string& name) {
        return without_blank_ends(name).empty() ? "an empty name" : "";
      });
  command->add_flag("--if-missing", options->if_missing,
                    "Take the model of the name if there is one");
  command->add_flag("--id-only", options->id_only, "Print the model's id and nothing else");
  command->add_option("--model-type", options->model_type, "For example agent");
  command->add_option("--source-run-id", options->source_run_id, "Default: MLFLOW_RUN_ID");
  command->add_option("--param", options->params, "KEY=VALUE, repeatable")
      ->allow_extra_args(false)
      ->check([](const std::string& pair) { return usage_of(parse_pairs({pair})); });
  command->add_option("--tag", options->tags, "KEY=VALUE, repeatable")
      ->allow_extra_args(false)
      ->check([](const std::string& pair) { return usage_of(parse_tags({pair})); });
  const auto experiment = add_experiment_options(*command);
  command->add_option("--git", options->git,
                      "Work tree whose commit, branch and repository become tags; auto: the "
                      "variables of CI systems; off. Default: model.git, which is auto");
  command->footer(
      "Examples:\n  MODEL_ID=$(tracelink models create --name my-agent-v3 --if-missing --id-only) "
      "|| exit 1\n"
      "  tracelink models create --name my-agent-v3 --model-type agent \\\n"
      "      --param llm=gpt-4o --tag team=ml-platform\n"
      "  tracelink models create --name \"my-app-git-$(git rev-parse HEAD | cut -c1-8)\" --git .");
  command->callback([&context, &exit_code, experiment, options] {
    exit_code = create_model(context, *experiment, *options);
  });
}

}  // namespace tracelink::cli
