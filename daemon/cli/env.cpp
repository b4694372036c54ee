#include <cerrno>
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

namespace tracelink::cli {

namespace {

using Variables = std::vector<std::pair<std::string, std::string>>;

constexpr const char* kResourceAttributes = "OTEL_RESOURCE_ATTRIBUTES";

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

// What both commands are asked for.
struct Application {
  std::optional<std::string> model;
  bool tcp = false;             // the loopback listener, in place of the socket
  bool shell = false;           // of env
  bool require_daemon = false;  // of run
};

Variables socket_variables(const std::string& socket) {
  return {{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"},
          {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "unix://" + socket},
          {"OTEL_EXPORTER_OTLP_TRACES_INSECURE", "true"}};
}

// HTTP, since some SDKs speak nothing else.
Result<Variables> loopback_variables(const std::string& address) {
  if (address.empty()) {
    return Error{ErrorCode::invalid,
                 "--tcp: the daemon has no loopback listener; set listen.tcp, for example "
                 "127.0.0.1:4318"};
  }
  return Variables{{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"},
                   {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://" + address + "/v1/traces"}};
}

// What does not depend on a daemon that answers.
Result<void> add_common(Variables& variables, const Application& application) {
  // SDKs send these by default, and the daemon takes traces alone.
  for (const char* exporter : {"OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER"}) {
    if (variable(exporter).empty()) variables.emplace_back(exporter, "none");
  }
  if (!application.model) return {};
  auto attributes = name_model(variable(kResourceAttributes), *application.model);
  if (!attributes) return std::move(attributes).error();
  variables.emplace_back(kResourceAttributes, *std::move(attributes));
  return {};
}

// What an application needs to send its traces to the daemon behind the intake socket. Asks the
// socket itself, so that any user who may send may also ask.
Result<Variables> application_environment(const Context& context, const Application& application) {
  const auto socket = intake_socket(context);
  if (!socket) return socket.error();
  const auto about = about_intake(*socket);
  if (!about) return about.error();
  auto variables = application.tcp ? loopback_variables(about->value("loopback", ""))
                                   : Result(socket_variables(*socket));
  if (!variables) return variables;
  // MLflow's SDK sends its traces to the tracking URI, and by OTLP instead if it finds an endpoint.
  if (const std::string address = about->value("mlflow", ""); !address.empty()) {
    variables->emplace_back("MLFLOW_TRACKING_URI", "http://" + address);
    variables->emplace_back("MLFLOW_ENABLE_OTLP_EXPORTER", "false");
    // MLflow's slim SDK records nothing without a tracking URI.
  } else if (const std::string uri = about->value("tracking_uri", ""); !uri.empty()) {
    variables->emplace_back("MLFLOW_TRACKING_URI", uri);
  }
  if (auto added = add_common(*variables, application); !added) return std::move(added).error();
  return variables;
}

// In single quotes, which a POSIX shell takes as they are.
std::string shell_quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

int print_environment(const Context& context, const Application& application) {
  const auto variables = application_environment(context, application);
  if (!variables) return fail(variables.error());
  if (context.json) {
    print_json(
        nlohmann::json(std::map<std::string, std::string>(variables->begin(), variables->end())));
    return kDone;
  }
  for (const auto& [name, value] : *variables) {
    if (application.shell) {
      print("export {}={}\n", name, shell_quoted(value));
    } else {
      print("{}={}\n", name, value);
    }
  }
  return kDone;
}

// Of a program whose daemon is away: the socket may be served again before the program ends.
Result<Variables> environment_without_daemon(const Context& context,
                                             const Application& application) {
  const auto socket = intake_socket(context);
  if (!socket) return socket.error();
  Variables variables = application.tcp ? Variables() : socket_variables(*socket);
  if (auto added = add_common(variables, application); !added) return std::move(added).error();
  return variables;
}

int run_program(const Context& context, const Application& application,
                std::vector<std::string> command) {
  auto variables = application_environment(context, application);
  if (!variables && is_away(variables.error()) && !application.require_daemon) {
    fail(variables.error());
    print_error("tracelink: starting " + command[0] + " all the same: its traces may be lost");
    variables = environment_without_daemon(context, application);
  }
  if (!variables) return fail(variables.error());
  for (const auto& [name, value] : *variables) ::setenv(name.c_str(), value.c_str(), 1);

  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (std::string& argument : command) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  ::execvp(arguments[0], arguments.data());
  return fail(kFailed, command[0] + ": " + std::strerror(errno));
}

std::shared_ptr<Application> add_options(CLI::App& command) {
  auto application = std::make_shared<Application>();
  command
      .add_option("--model", application->model,
                  "The program's model version, by name or id, in place of the daemon's")
      ->check([](const std::string& text) {
        const auto named = name_model("", text);
        return named ? std::string() : named.error().message;
      });
  command.add_flag("--tcp", application->tcp,
                   "The loopback listener (listen.tcp), for SDKs that cannot dial a Unix socket");
  return application;
}

}  // namespace

void add_env(CLI::App& app, const Context& context, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "env", "Print the environment variables that point an OpenTelemetry SDK at the daemon");
  command->footer("Example:\n  eval \"$(tracelink env --shell)\" && python app.py");
  const auto application = add_options(*command);
  command->add_flag("--shell", application->shell,
                    "As quoted `export NAME='value'` lines for eval, which fails where this does");
  command->callback([&context, &exit_code, application] {
    exit_code = print_environment(context, *application);
  });
}

void add_run(CLI::App& app, const Context& context, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("run", "Start a program with the variables of `tracelink env`");
  command->footer("Example:\n  tracelink run --model my-agent-v2 -- python app.py --port 8080");
  const auto application = add_options(*command);
  command->add_flag("--require-daemon", application->require_daemon,
                    "Do not start the program while the daemon is away");
  auto program = std::make_shared<std::vector<std::string>>();
  command->add_option("PROGRAM", *program, "The program and its arguments, after --")->required();
  command->callback([&context, &exit_code, application, program] {
    exit_code = run_program(context, *application, *program);
  });
}

}  // namespace tracelink::cli
