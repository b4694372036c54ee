#include <iostream>
#include <memory>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "daemon/cli/commands.hpp"
#include "daemon/cli/key_values.hpp"
#include "daemon/cli/model_lookup.hpp"
#include "daemon/cli/model_metrics.hpp"
#include "daemon/cli/model_traces.hpp"
#include "daemon/cli/output.hpp"
#include "daemon/mlflow/registration/model_choice.hpp"
#include "daemon/types/reserved_tags.hpp"

namespace tracelink::cli {

namespace {

struct Change {
  std::string model;
  std::vector<std::string> words;
  bool yes = false;
};

// What a command did to a model, told or as JSON.
int done(const Context& context, const LoggedModel& model, const std::string& what) {
  if (context.json) {
    print_json(nlohmann::json{{"model_id", model.model_id}, {"name", model.name}, {"done", what}});
  } else {
    print("{} {} ({})\n", what, model.model_id, model.name);
  }
  return kDone;
}

int tag_model(const Context& context, const ExperimentOptions& experiment, const Change& change) {
  const auto tags = parse_tags(change.words);
  if (!tags) return fail(kUsage, tags.error().message);
  return with_model(context, experiment, change.model,
                    [&](TrackingSession& session, const LoggedModel& model) {
                      const auto set = session.wait<void>([&](auto answered) {
                        session.client().set_model_tags(model.model_id, *tags, std::move(answered));
                      });
                      if (!set) return fail(set.error());
                      return done(context, model, "tagged");
                    });
}

int untag_model(const Context& context, const ExperimentOptions& experiment, const Change& change) {
  for (const std::string& key : change.words) {
    if (is_reserved_tag(key)) return fail(kUsage, "'" + key + "' is set by tracelink itself");
  }
  return with_model(
      context, experiment, change.model, [&](TrackingSession& session, const LoggedModel& model) {
        for (const std::string& key : change.words) {
          if (!model.tags.contains(key)) return fail(kFailed, "the model has no tag '" + key + "'");
          const auto removed = session.wait<void>([&](auto answered) {
            session.client().delete_model_tag(model.model_id, key, std::move(answered));
          });
          if (!removed) return fail(removed.error());
        }
        return done(context, model, "untagged");
      });
}

int log_metrics(const Context& context, const ExperimentOptions& experiment, const Change& change) {
  const auto values = parse_metrics(change.words);
  if (!values) return fail(kUsage, values.error().message);
  return with_model(context, experiment, change.model,
                    [&](TrackingSession& session, const LoggedModel& model) {
                      const auto logged = log_model_metrics(session, model, *values);
                      if (!logged) return fail(logged.error());
                      return done(context, model, "logged metrics of");
                    });
}

bool is_confirmed(const std::string& question) {
  print_error(question + " [y/N]");
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "yes";
}

int delete_model(const Context& context, const ExperimentOptions& experiment,
                 const Change& change) {
  return with_model(
      context, experiment, change.model, [&](TrackingSession& session, const LoggedModel& model) {
        const auto counted = count_traces(session, model);
        if (!counted && !change.yes) return fail(counted.error());
        const std::string traces =
            counted ? std::to_string(counted->traces) : "an unknown number of";
        const std::string told =
            model.model_id + " (" + model.name + "), which " + traces + " traces have";
        if (!change.yes && ::isatty(STDIN_FILENO) == 0) {
          return fail(kUsage, "not deleted: " + told + "; without a terminal add --yes");
        }
        if (!change.yes && !is_confirmed("delete " + told + "?")) return kFailed;
        const auto deleted = session.wait<void>([&](auto answered) {
          session.client().delete_model(model.model_id, std::move(answered));
        });
        if (!deleted) return fail(deleted.error());
        if (!context.json) print("{} traces keep its id\n", traces);
        return done(context, model, "deleted");
      });
}

using Work = int (*)(const Context&, const ExperimentOptions&, const Change&);

// A subcommand about one model; `words`: what else it takes, or null.
CLI::App* add_change(CLI::App& models, const char* name, const char* words, const char* help,
                     Work work, const std::shared_ptr<Change>& change, const Context& context,
                     int& exit_code) {
  CLI::App* command = models.add_subcommand(name, help);
  command->add_option("ID_OR_NAME", change->model, "m-… or a name in the experiment")->required();
  if (words != nullptr) command->add_option(words, change->words)->required();
  const auto experiment = add_experiment_options(*command);
  command->callback([&context, &exit_code, work, change, experiment] {
    exit_code = work(context, *experiment, *change);
  });
  return command;
}

}  // namespace

void add_change_models(CLI::App& models, const Context& context, int& exit_code) {
  const auto make = [] { return std::make_shared<Change>(); };
  add_change(models, "tag", "KEY=VALUE", "Set tags of a model", tag_model, make(), context,
             exit_code)
      ->footer("Example:\n  tracelink models tag my-agent-v3 reviewed=yes stage=production");
  add_change(models, "untag", "KEY", "Remove tags of a model", untag_model, make(), context,
             exit_code)
      ->footer("Example:\n  tracelink models untag my-agent-v3 stage");
  add_change(models, "log-metric", "KEY=NUMBER", "Write metrics of a model", log_metrics, make(),
             context, exit_code)
      ->footer(
          "MLflow keeps them with a run: one for each model, made with its first metric.\n"
          "Example:\n  tracelink models log-metric my-agent-v3 accuracy=0.93 cost=0.002");
  const auto change = make();
  CLI::App* command =
      add_change(models, "delete", nullptr, "Delete a model; the traces that have it keep its id",
                 delete_model, change, context, exit_code);
  command->add_flag("--yes", change->yes, "Do not ask; needed without a terminal");
  command->footer("Example:\n  tracelink models delete my-agent-v2 --yes");
}

}  // namespace tracelink::cli
