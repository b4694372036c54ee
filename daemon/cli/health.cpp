#include <nlohmann/json.hpp>

#include "daemon/cli/commands.hpp"
#include "daemon/cli/output.hpp"

namespace tracelink::cli {

namespace {

int health(const Context& context) {
  if (const auto answer = ask_daemon(context, "GET", "/healthz"); !answer) {
    return fail(answer.error());
  }
  if (context.json) {
    print_json(nlohmann::json{{"health", "ok"}});
  } else {
    print("ok\n");
  }
  return kDone;
}

}  // namespace

void add_health(CLI::App& app, const Context& context, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("health", "Ask whether the daemon itself works, as a probe does");
  command->footer(
      "Exit code 0: its threads make progress. 1: one hangs, or traces could be delivered and "
      "none\n"
      "is. 3: it does not answer. A server that is away, a hold or a full queue is no fault of "
      "the\n"
      "daemon: `tracelink status --check` has those.\n"
      "\n"
      "Example, in a container's manifest:\n"
      "  livenessProbe:\n"
      "    exec: {command: [tracelink, health]}");
  command->callback([&context, &exit_code] { exit_code = health(context); });
}

}  // namespace tracelink::cli
