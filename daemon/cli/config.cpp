#include <iostream>
#include <memory>

#include "config/load.hpp"
#include "daemon/cli/commands.hpp"
#include "daemon/cli/config_json.hpp"

namespace tracelink::cli {

namespace {

LoadResult load(const Context& context, const std::string& file) {
  LoadContext load_context = context_of_process();
  if (!context.config_file.empty()) load_context.config_flag = context.config_file;
  if (!file.empty()) load_context.config_flag = file;
  return load_config(load_context);
}

int report_errors(const LoadResult& result) {
  for (const std::string& line : lines_of(result)) std::cerr << line << "\n";
  return kFailed;
}

int check(const Context& context, const std::string& file) {
  const LoadResult result = load(context, file);
  if (!result.loaded) return report_errors(result);
  for (const ConfigProblem& problem : result.loaded->warnings) {
    std::cerr << "warning: " << problem.to_string() << "\n";
  }
  std::cout << (result.loaded->file.empty() ? "built-in defaults and environment"
                                            : result.loaded->file)
            << ": ok\n";
  return kDone;
}

int show(const Context& context, const std::string& file) {
  const LoadResult result = load(context, file);
  if (!result.loaded) return report_errors(result);
  if (context.json) {
    std::cout << config_json(*result.loaded).dump(2) << "\n";
  } else {
    std::cout << show_config(*result.loaded);
  }
  return kDone;
}

}  // namespace

void add_config(CLI::App& app, const Context& context, int& exit_code) {
  CLI::App* command = app.add_subcommand("config", "Check or show the configuration");
  command->require_subcommand(1);
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
