#include <exception>
#include <sstream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "daemon/base/standard_streams.hpp"
#include "daemon/cli/commands.hpp"
#include "daemon/cli/output.hpp"
#include "daemon/cli/usage.hpp"
#include "daemon/types/version.hpp"

namespace {

std::string without_last_line_break(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

// Says why the parse ended, which may be that help was asked for; the exit code.
int end_of_parse(const CLI::App& app, const CLI::ParseError& error) {
  using namespace tracelink::cli;
  const std::string command = unknown_command(app);
  const std::string unknown = command.empty() ? unknown_option(app) : command;
  // There is no help on what there is not.
  if (!command.empty() || (error.get_exit_code() != 0 && !unknown.empty())) {
    return fail(kUsage, unknown + "\nRun with --help for more information.");
  }
  std::ostringstream help;
  std::ostringstream message;
  const bool is_done = app.exit(error, help, message) == 0;
  write_out(help.str());
  if (!message.str().empty()) print_error(without_last_line_break(message.str()));
  return is_done ? kDone : kUsage;
}

int run(int argc, char** argv) {
  using namespace tracelink::cli;
  CLI::App app{"Talks to tracelinkd and to the MLflow server that it forwards to.", "tracelink"};
  app.footer(
      "Examples:\n"
      "  tracelink status\n"
      "  tracelink run -- python app.py\n"
      "  tracelink models create --name my-agent --param llm=gpt-4o\n"
      "  tracelink help models create\n"
      "\n"
      "Exit codes: 0 done, 1 failed, 2 usage, 3 daemon or server not reachable.");
  app.set_version_flag("--version", std::string("tracelink ") + tracelink::kVersion);
  app.require_subcommand(1);
  app.fallthrough();

  Context context;
  app.add_option("--config", context.config_file, "Configuration file, as for tracelinkd");
  app.add_option("--control", context.control_socket, "The daemon's control socket");
  app.add_flag("--json", context.json, "Print JSON");

  int exit_code = kDone;
  add_status(app, context, exit_code);
  add_health(app, context, exit_code);
  add_tap(app, context, exit_code);
  add_top(app, context, exit_code);
  add_reload(app, context, exit_code);
  add_upgrade(app, context, exit_code);
  add_doctor(app, context, exit_code);
  add_config(app, context, exit_code);
  add_env(app, context, exit_code);
  add_run(app, context, exit_code);
  add_send(app, context, exit_code);
  add_models(app, context, exit_code);
  add_dead_letters(app, context, exit_code);
  mention_global_options(app);

  const std::vector<std::string> arguments = with_help_as_option({argv + 1, argv + argc});
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // as CLI11 wants it
  } catch (const CLI::ParseError& error) {
    exit_code = end_of_parse(app, error);
  } catch (const std::exception& error) {
    exit_code = fail(kFailed, error.what());
  }
  if (exit_code != kDone && is_for_eval(app, arguments)) write_out("false\n");
  return exit_code;
}

}  // namespace

// Who keeps what is printed must learn that it is not all there.
int main(int argc, char** argv) {
  using namespace tracelink::cli;
  if (!tracelink::keep_standard_streams()) return kFailed;
  const int exit_code = run(argc, argv);
  if (flush_out()) return exit_code;
  const int failed = fail(kFailed, "standard output: not all could be written");
  return exit_code == kDone ? failed : exit_code;
}
