#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "daemon/cli/commands.hpp"
#include "ipc/client/unix_http.hpp"

namespace tracelink::cli {

namespace {

using Variables = std::vector<std::pair<std::string, std::string>>;

// What an application needs to send its traces to the daemon behind the intake socket. Asks the
// socket itself, so that any user who may send may also ask.
Result<Variables> application_environment(const Context& context) {
  const std::string socket = sockets_of(context).intake;
  auto reply = unix_http_request(socket, "GET", "/", "", "", std::chrono::seconds{10});
  if (!reply) return std::move(reply).error();
  const auto about = nlohmann::json::parse(reply->body, nullptr, false);
  if (reply->status != 200 || !about.is_object()) {
    return Error{ErrorCode::rejected, socket + " is not a tracelink socket"};
  }
  Variables variables{{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"},
                      {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "unix://" + socket},
                      {"OTEL_EXPORTER_OTLP_TRACES_INSECURE", "true"}};
  // MLflow's slim SDK records nothing without a tracking URI (docs/version-tracking of the SDK).
  if (const std::string uri = about.value("tracking_uri", ""); !uri.empty()) {
    variables.emplace_back("MLFLOW_TRACKING_URI", uri);
  }
  return variables;
}

int print_environment(const Context& context) {
  const auto variables = application_environment(context);
  if (!variables) return fail(variables.error());
  if (context.json) {
    std::cout << nlohmann::json(
                     std::map<std::string, std::string>(variables->begin(), variables->end()))
                     .dump(2)
              << "\n";
    return kDone;
  }
  for (const auto& [name, value] : *variables) std::cout << name << "=" << value << "\n";
  return kDone;
}

int run_program(const Context& context, const std::vector<std::string>& command) {
  const auto variables = application_environment(context);
  if (!variables) return fail(variables.error());
  for (const auto& [name, value] : *variables) ::setenv(name.c_str(), value.c_str(), 1);

  std::vector<char*> arguments;
  for (const std::string& argument : command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  ::execvp(arguments[0], arguments.data());
  return fail(kFailed, command[0] + ": " + std::strerror(errno));
}

}  // namespace

void add_env(CLI::App& app, const Context& context, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "env", "Print the environment variables that point an OpenTelemetry SDK at the daemon");
  command->footer("Example:\n  export $(tracelink env); python app.py");
  command->callback([&context, &exit_code] { exit_code = print_environment(context); });
}

void add_run(CLI::App& app, const Context& context, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("run", "Start a program with the variables of `tracelink env`");
  command->footer("Example:\n  tracelink run -- python app.py --port 8080");
  auto program = std::make_shared<std::vector<std::string>>();
  command->add_option("PROGRAM", *program, "The program and its arguments, after --")->required();
  command->callback(
      [&context, &exit_code, program] { exit_code = run_program(context, *program); });
}

}  // namespace tracelink::cli
