#include <memory>

#include <nlohmann/json.hpp>

#include "daemon/cli/commands.hpp"
#include "daemon/cli/model_lookup.hpp"
#include "daemon/cli/output.hpp"

namespace tracelink::cli {

namespace {

using nlohmann::json;

void print_model(const json& model) {
  const std::string id = model.value("id", "");
  const std::string name = model.value("requested_name", "");
  print("{} is {}", name.empty() ? id : name, model.value("state", ""));
  if (!name.empty() && !id.empty()) print(" as {}", id);
  print("\n");
  const json error = model.value("error", json());
  if (error.is_string()) print("  {}\n", error.get<std::string>());
}

json request_of(const std::string& service) {
  return service.empty() ? json::object() : json{{"service", service}};
}

void add_experiment(json& request, const ExperimentOptions& experiment) {
  if (!experiment.id.empty()) request["experiment_id"] = experiment.id;
  if (!experiment.name.empty()) request["experiment_name"] = experiment.name;
}

std::string scope_of(const std::string& service) {
  return service.empty() ? "" : " of service " + service;
}

int set_active(const Context& context, const std::string& model, const std::string& service,
               const ExperimentOptions& experiment) {
  json request = request_of(service);
  request["model"] = model;
  add_experiment(request, experiment);
  const auto body = ask_daemon(context, "POST", "/active-model", request.dump());
  if (!body) return fail(body.error());
  const json answer = json::parse(*body);
  if (context.json) {
    print_json(answer);
    return kDone;
  }
  print("traces{} accepted from now on belong to {}\n", scope_of(service), model);
  if (!answer.value("registers_models", true)) {
    print("  nothing is registered with destination: {}; what is stored there names it\n",
          answer.value("destination", ""));
    return kDone;
  }
  print_model(answer);
  if (answer.value("state", "") == "unresolved") {
    print("  it is being registered and traces are kept meanwhile: see 'tracelink status'\n");
  }
  return kDone;
}

int clear_active(const Context& context, const std::string& service) {
  const auto body = ask_daemon(context, "DELETE", "/active-model", request_of(service).dump());
  if (!body) return fail(body.error());
  const json answer = json::parse(*body);
  if (context.json) {
    print_json(answer);
  } else if (answer.value("cleared", false)) {
    print("the active model{} is cleared\n", scope_of(service));
  } else {
    print("no active model{} was set\n", scope_of(service));
  }
  return kDone;
}

int relink(const Context& context, const std::string& from, const std::string& to,
           const ExperimentOptions& experiment) {
  json request{{"from", from}, {"to", to}};
  add_experiment(request, experiment);
  const auto body = ask_daemon(context, "POST", "/relinks", request.dump());
  if (!body) return fail(body.error());
  const json answer = json::parse(*body);
  if (context.json) {
    print_json(answer);
    return kDone;
  }
  print(
      "traces kept under {} belong to {} now; {} of them are read, the others follow when they "
      "are\n",
      from, to, answer.at("traces").dump());
  print_model(answer.at("to"));
  if (answer.value("still_active", false)) {
    print(
        "  new traces still get {}: correct the configuration, or 'tracelink models set-active "
        "{}'\n",
        from, to);
  }
  return kDone;
}

void add_service_option(CLI::App* command, std::string& service) {
  command
      ->add_option("--for", service,
                   "Only traces whose resource has this service.name (default: all others)")
      ->check([](const std::string& text) { return text.empty() ? "an empty name" : ""; });
}

void add_set_active(CLI::App& models, const Context& context, int& exit_code) {
  auto model = std::make_shared<std::string>();
  auto service = std::make_shared<std::string>();

  CLI::App* set = models.add_subcommand(
      "set-active", "Link traces accepted from now on to another model than the configured one");
  set->add_option("NAME_OR_ID", *model, "m-… or a name in the configured experiment")->required();
  add_service_option(set, *service);
  const auto experiment = add_experiment_options(*set);
  set->footer(
      "It lasts over restarts, until clear-active or until the configured model or experiment "
      "changes.\n"
      "Examples:\n  tracelink models set-active my-agent-v3\n"
      "  tracelink models set-active my-agent-v4 --for billing");
  set->callback([&context, &exit_code, model, service, experiment] {
    exit_code = set_active(context, *model, *service, *experiment);
  });
}

void add_clear_active(CLI::App& models, const Context& context, int& exit_code) {
  auto service = std::make_shared<std::string>();
  CLI::App* clear = models.add_subcommand("clear-active", "Undo set-active");
  add_service_option(clear, *service);
  clear->footer(
      "Examples:\n  tracelink models clear-active\n  tracelink models clear-active --for billing");
  clear->callback([&context, &exit_code, service] { exit_code = clear_active(context, *service); });
}

void add_relink(CLI::App& models, const Context& context, int& exit_code) {
  auto from = std::make_shared<std::string>();
  auto to = std::make_shared<std::string>();
  CLI::App* command = models.add_subcommand(
      "relink", "Give the traces that are kept under a link, not delivered yet, another model");
  command
      ->add_option("OLD", *from,
                   "The link as `status` shows it: a model's name, an id, or its hash")
      ->required();
  command->add_option("NEW", *to, "m-… or a name in the configured experiment")->required();
  const auto experiment = add_experiment_options(*command);
  command->footer(
      "For traces under a wrong id or a refused name; it stays on record (`relinks` in status).\n"
      "Example:\n  tracelink models relink m-00000000000000000000000000000000 my-agent-v3");
  command->callback([&context, &exit_code, from, to, experiment] {
    exit_code = relink(context, *from, *to, *experiment);
  });
}

}  // namespace

void add_active_models(CLI::App& models, const Context& context, int& exit_code) {
  add_set_active(models, context, exit_code);
  add_clear_active(models, context, exit_code);
  add_relink(models, context, exit_code);
}

}  // namespace tracelink::cli
