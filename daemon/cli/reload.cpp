#include <nlohmann/json.hpp>

#include "daemon/cli/commands.hpp"
#include "daemon/cli/output.hpp"

namespace tracelink::cli {

namespace {

using nlohmann::json;

void print_keys(const char* what, const json& keys) {
  if (keys.empty()) return;
  print("{}\n", what);
  for (const json& key : keys) print("  {}\n", key.get<std::string>());
}

void print_report(const json& report) {
  const bool nothing = report.at("taken_up").empty() && report.at("restart").empty() &&
                       report.at("overridden").empty();
  if (nothing) print("nothing has changed\n");
  print_keys("taken up:", report.at("taken_up"));
  print_keys("changed, and taken up by a restart only:", report.at("restart"));
  print_keys("changed in the file without effect, since variables set them:",
             report.at("overridden"));
}

int reload(const Context& context) {
  const auto body = ask_daemon(context, "POST", "/reload");
  if (!body) return fail(body.error());
  const json report = json::parse(*body);
  const json& errors = report.at("errors");
  if (context.json) {
    print_json(report);
  } else if (errors.empty()) {
    print_report(report);
  }
  if (errors.empty()) return kDone;
  for (const json& error : errors) fail(kFailed, error.get<std::string>());
  return fail(kFailed, "nothing was changed");
}

}  // namespace

void add_reload(CLI::App& app, const Context& context, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("reload", "Have the daemon read its configuration again, as SIGHUP does");
  command->footer("Example:\n  tracelink reload && tracelink status");
  command->callback([&context, &exit_code] { exit_code = reload(context); });
}

}  // namespace tracelink::cli
