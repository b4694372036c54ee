#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

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

struct Checked {
  std::vector<ConfigProblem> errors, warnings;
  std::string file;                // without errors: the one that was read, or empty
  bool lacks_credentials = false;  // which are there for the service only
};

Checked checked(LoadResult result) {
  if (result.loaded) return {{}, std::move(result.loaded->warnings), result.loaded->file};
  if (!std::ranges::all_of(result.errors, is_of_service)) {
    return {std::move(result.errors), std::move(result.warnings), {}};
  }
  Checked checked{{}, std::move(result.errors), {}, true};
  checked.file = checked.warnings.front().source;
  for (ConfigProblem& problem : checked.warnings) {
    problem.message += "; systemd hands it to the service alone, by LoadCredential=";
  }
  std::ranges::move(result.warnings, std::back_inserter(checked.warnings));
  return checked;
}

nlohmann::ordered_json to_json(const std::vector<ConfigProblem>& problems) {
  auto array = nlohmann::ordered_json::array();
  for (const ConfigProblem& problem : problems) array.push_back(problem_json(problem));
  return array;
}

void print_checked(const Checked& checked) {
  for (const ConfigProblem& problem : checked.errors) print_error("error: " + problem.to_string());
  for (const ConfigProblem& problem : checked.warnings) {
    print_error("warning: " + problem.to_string());
  }
  if (!checked.errors.empty()) return;
  print("{}: ok{}\n", checked.file.empty() ? "built-in defaults and environment" : checked.file,
        checked.lacks_credentials ? " but for that" : "");
}

int check(const Context& context, const std::string& file) {
  const Checked result = checked(load(context, file));
  const bool is_ok = result.errors.empty();
  if (context.json) {
    print_json(nlohmann::ordered_json{{"ok", is_ok},
                                      {"file", json_or_null(result.file)},
                                      {"errors", to_json(result.errors)},
                                      {"warnings", to_json(result.warnings)}});
  } else {
    print_checked(result);
  }
  return is_ok ? kDone : kFailed;
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
