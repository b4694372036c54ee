#include <memory>

#include <nlohmann/json.hpp>

#include "daemon/cli/commands.hpp"
#include "daemon/cli/model_lookup.hpp"
#include "daemon/cli/model_output.hpp"
#include "daemon/cli/model_traces.hpp"
#include "daemon/cli/output.hpp"
#include "daemon/cli/tracking_session.hpp"

namespace tracelink::cli {

namespace {

using nlohmann::ordered_json;

// Which models a command lists; filter and order are MLflow's own.
struct Listing {
  std::string filter, order_by;
  bool stats = false;
};

ordered_json to_json(const TraceCounts& counts) {
  return {{"traces", counts.traces}, {"errors", counts.errors}, {"last_trace", counts.last}};
}

void print_line(const LoggedModel& model, const std::optional<TraceCounts>& counts) {
  print("{}  {:<9}", model.model_id, model.status);
  if (counts) print("{:>8} traces {:>6} errors  ", counts->traces, counts->errors);
  print("{}\n", model.name);
}

int list_models(const Context& context, const ExperimentOptions& options, const Listing& listing) {
  return with_session(context, [&](TrackingSession& session, const Config& config) {
    const auto experiment = experiment_of(session, config, options, false);
    if (!experiment) return fail(experiment.error());
    const ModelQuery query{experiment->id, listing.filter, listing.order_by};
    const auto models = session.wait<std::vector<LoggedModel>>(
        [&](auto done) { session.client().query_models(query, std::move(done)); });
    if (!models) return fail(models.error());
    ordered_json list = ordered_json::array();
    for (const LoggedModel& model : *models) {
      std::optional<TraceCounts> counts;
      if (listing.stats) {
        const auto counted = count_traces(session, model);
        if (!counted) return fail(counted.error());
        counts = *counted;
      }
      if (!context.json) print_line(model, counts);
      list.push_back(cli::to_json(model));
      if (counts) list.back().update(to_json(*counts));
    }
    if (context.json) print_json(list);
    return kDone;
  });
}

void add_get(CLI::App& models, const Context& context, int& exit_code) {
  auto target = std::make_shared<std::string>();
  CLI::App* command = models.add_subcommand("get", "Show one model");
  command->add_option("ID_OR_NAME", *target, "m-… or a name in the experiment")->required();
  const auto options = add_experiment_options(*command);
  command->footer("Example:\n  tracelink models get my-agent-v3");
  command->callback([&context, &exit_code, target, options] {
    exit_code = with_model(context, *options, *target,
                           [&](TrackingSession& /*session*/, const LoggedModel& model) {
                             print_model(context, model);
                             return kDone;
                           });
  });
}

void add_list(CLI::App& models, const Context& context, int& exit_code) {
  auto listing = std::make_shared<Listing>();
  CLI::App* command =
      models.add_subcommand("list", "List the models of an experiment, oldest first");
  command->alias("ls");
  const auto options = add_experiment_options(*command);
  command->add_flag("--stats", listing->stats, "With the number of their traces and errors");
  command->footer("Example:\n  tracelink models list --experiment-name /Shared/support --stats");
  command->callback([&context, &exit_code, options, listing] {
    exit_code = list_models(context, *options, *listing);
  });
}

void add_search(CLI::App& models, const Context& context, int& exit_code) {
  auto listing = std::make_shared<Listing>();
  CLI::App* command = models.add_subcommand("search", "List the models that MLflow's filter finds");
  command->add_option("--filter", listing->filter, "In MLflow's syntax; default: all");
  command->add_option("--order-by", listing->order_by,
                      "Attribute or metric, with ASC or DESC; default: creation_timestamp ASC");
  const auto options = add_experiment_options(*command);
  command->footer(
      "Example:\n  tracelink models search --filter \"params.llm = 'gpt-4o'\" \\\n"
      "      --order-by \"creation_timestamp DESC\" --json | jq -r '.[0].model_id'");
  command->callback([&context, &exit_code, options, listing] {
    exit_code = list_models(context, *options, *listing);
  });
}

}  // namespace

void add_models(CLI::App& app, const Context& context, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("models", "LoggedModels on the tracking server, and which one is active");
  command->require_subcommand(1);
  command->footer(
      "Examples:\n  tracelink models create --name my-agent-v3 --if-missing --id-only\n"
      "  tracelink models list --stats\n  tracelink models traces my-agent-v3 --errors");
  add_create_model(*command, context, exit_code);
  add_get(*command, context, exit_code);
  add_list(*command, context, exit_code);
  add_search(*command, context, exit_code);
  add_model_traces(*command, context, exit_code);
  add_change_models(*command, context, exit_code);
  add_compare_models(*command, context, exit_code);
  add_active_models(*command, context, exit_code);
}

}  // namespace tracelink::cli
