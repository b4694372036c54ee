#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "daemon/cli/commands.hpp"
#include "daemon/cli/output.hpp"
#include "daemon/cli/resource_attributes.hpp"
#include "ipc/client/unix_http.hpp"

namespace tracelink::cli {

namespace {

using Variables = std::vector<std::pair<std::string, std::string>>;

constexpr const char* kResourceAttributes = "OTEL_RESOURCE_ATTRIBUTES";

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

// What an application needs to send its traces, as the version `model` if that is not null, to the
// daemon behind the intake socket. Asks the socket itself, so that any user who may send may also
// ask.
Result<Variables> application_environment(const Context& context, const std::string* model) {
  const auto socket = intake_socket(context);
  if (!socket) return socket.error();
  auto reply = unix_http_request(*socket, "GET", "/", "", "", std::chrono::seconds{10});
  if (!reply) return std::move(reply).error();
  const auto about = nlohmann::json::parse(reply->body, nullptr, false);
  if (reply->status != 200 || !about.is_object()) {
    return Error{ErrorCode::rejected, *socket + " is not a tracelink socket"};
  }
  Variables variables{{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"},
                      {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "unix://" + *socket},
                      {"OTEL_EXPORTER_OTLP_TRACES_INSECURE", "true"}};
  // MLflow's slim SDK records nothing without a tracking URI (docs/version-tracking of the SDK).
  if (const std::string uri = about.value("tracking_uri", ""); !uri.empty()) {
    variables.emplace_back("MLFLOW_TRACKING_URI", uri);
  }
  if (model != nullptr) {
    auto attributes = name_model(variable(kResourceAttributes), *model);
    if (!attributes) return std::move(attributes).error();
    variables.emplace_back(kResourceAttributes, *std::move(attributes));
  }
  return variables;
}

int print_environment(const Context& context, const std::string* model) {
  const auto variables = application_environment(context, model);
  if (!variables) return fail(variables.error());
  if (context.json) {
    print_json(
        nlohmann::json(std::map<std::string, std::string>(variables->begin(), variables->end())));
    return kDone;
  }
  for (const auto& [name, value] : *variables) print("{}={}\n", name, value);
  return kDone;
}

int run_program(const Context& context, const std::string* model,
                std::vector<std::string> command) {
  const auto variables = application_environment(context, model);
  if (!variables) return fail(variables.error());
  for (const auto& [name, value] : *variables) ::setenv(name.c_str(), value.c_str(), 1);

  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (std::string& argument : command) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  ::execvp(arguments[0], arguments.data());
  return fail(kFailed, command[0] + ": " + std::strerror(errno));
}

// The option of both commands.
using Model = std::optional<std::string>;
std::shared_ptr<Model> add_model_option(CLI::App& command) {
  auto model = std::make_shared<Model>();
  command
      .add_option("--model", *model,
                  "The program's model version, by name or id, in place of the daemon's")
      ->check([](const std::string& text) {
        const auto named = name_model("", text);
        return named ? std::string() : named.error().message;
      });
  return model;
}
const std::string* given(const Model& model) { return model ? &*model : nullptr; }

}  // namespace

void add_env(CLI::App& app, const Context& context, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "env", "Print the environment variables that point an OpenTelemetry SDK at the daemon");
  command->footer("Example:\n  export $(tracelink env); python app.py");
  const auto model = add_model_option(*command);
  command->callback(
      [&context, &exit_code, model] { exit_code = print_environment(context, given(*model)); });
}

void add_run(CLI::App& app, const Context& context, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("run", "Start a program with the variables of `tracelink env`");
  command->footer("Example:\n  tracelink run --model my-agent-v2 -- python app.py --port 8080");
  const auto model = add_model_option(*command);
  auto program = std::make_shared<std::vector<std::string>>();
  command->add_option("PROGRAM", *program, "The program and its arguments, after --")->required();
  command->callback([&context, &exit_code, model, program] {
    exit_code = run_program(context, given(*model), *program);
  });
}

}  // namespace tracelink::cli
