#include <algorithm>
#include <memory>

#include "config/load.hpp"
#include "daemon/cli/commands.hpp"
#include "daemon/cli/config_json.hpp"
#include "daemon/cli/output.hpp"

namespace tracelink::cli {

namespace {

LoadResult load(const Context& context, const std::string& file) {
  LoadContext from = load_context(context);
  if (!file.empty()) from.config_flag = file;
  return load_config(from);
}

int report_errors(const LoadResult& result) {
  for (const std::string& line : lines_of(result)) print_error(line);
  return kFailed;
}

// What systemd hands to a service is there for that service only, and while it runs.
bool is_of_service(const ConfigProblem& problem) {
  return problem.message.starts_with("${file:/run/credentials/");
}

int warn_of_credentials(const LoadResult& result, const std::string& file) {
  for (const ConfigProblem& problem : result.errors) {
    print_error("warning: " + problem.to_string() +
                "; systemd hands it to the service alone, by LoadCredential=");
  }
  for (const ConfigProblem& problem : result.warnings) {
    print_error("warning: " + problem.to_string());
  }
  print("{}: ok but for that\n", file);
  return kDone;
}

int check(const Context& context, const std::string& file) {
  const LoadResult result = load(context, file);
  if (std::ranges::all_of(result.errors, is_of_service) && !result.errors.empty()) {
    return warn_of_credentials(result, result.errors.front().source);
  }
  if (!result.loaded) return report_errors(result);
  for (const ConfigProblem& problem : result.loaded->warnings) {
    print_error("warning: " + problem.to_string());
  }
  const std::string& file_read = result.loaded->file;
  print("{}: ok\n", file_read.empty() ? "built-in defaults and environment" : file_read);
  return kDone;
}

int show(const Context& context, const std::string& file) {
  const LoadResult result = load(context, file);
  const LoadedConfig& shown = result.loaded ? *result.loaded : result.partial;
  if (context.json) {
    print_json(config_json(shown));
  } else {
    for (const std::string& line : show_config(shown)) print("{}\n", line);
  }
  return result.loaded ? kDone : report_errors(result);
}

}  // namespace

void add_config(CLI::App& app, const Context& context, int& exit_code) {
  CLI::App* command = app.add_subcommand("config", "Check or show the configuration");
  command->require_subcommand(1);
  command->footer("Examples:\n  tracelink config check\n  tracelink config show");
  auto file = std::make_shared<std::string>();

  CLI::App* check_command = command->add_subcommand("check", "Report every problem; exit 0 or 1");
  check_command->add_option("FILE", *file, "Configuration file (default: as tracelinkd finds it)");
  check_command->footer("Example:\n  tracelink config check /etc/tracelink/tracelinkd.yaml");
  check_command->callback([&context, &exit_code, file] { exit_code = check(context, *file); });

  CLI::App* show_command =
      command->add_subcommand("show", "Print every effective value with its origin");
  show_command->add_option("FILE", *file, "Configuration file (default: as tracelinkd finds it)");
  show_command->footer("Example:\n  MLFLOW_ACTIVE_MODEL_ID=my-agent tracelink config show");
  show_command->callback([&context, &exit_code, file] { exit_code = show(context, *file); });
}

}  // namespace tracelink::cli
