#include <iostream>
#include <memory>

#include <nlohmann/json.hpp>

#include "daemon/cli/commands.hpp"

namespace tracelink::cli {

namespace {

int list(const Context& context) {
  const auto body = ask_daemon(context, "GET", "/dead-letters");
  if (!body) return fail(body.error());
  const auto letters = nlohmann::json::parse(*body);
  if (context.json) {
    std::cout << letters.dump(2) << "\n";
    return kDone;
  }
  if (letters.empty()) std::cout << "no dead letters\n";
  for (const auto& letter : letters) {
    std::cout << letter.value("id", "") << "\n  trace   " << letter.value("trace_id", "") << "  ("
              << letter.value("spans", 0) << " spans, service '" << letter.value("service", "")
              << "')\n  reason  " << letter.value("reason", "") << "\n";
  }
  return kDone;
}

int show(const Context& context, const std::string& id) {
  const auto body = ask_daemon(context, "GET", "/dead-letters/" + id);
  if (!body) return fail(body.error());
  std::cout << nlohmann::json::parse(*body).dump(2) << "\n";
  return kDone;
}

}  // namespace

void add_dead_letters(CLI::App& app, const Context& context, int& exit_code) {
  CLI::App* command = app.add_subcommand("dead-letters", "Traces that the server refused for good");
  command->require_subcommand(1);

  CLI::App* ls = command->add_subcommand("ls", "List them");
  ls->footer("Example:\n  tracelink dead-letters ls --json");
  ls->callback([&context, &exit_code] { exit_code = list(context); });

  auto id = std::make_shared<std::string>();
  CLI::App* show_command =
      command->add_subcommand("show", "Print one with its spans and the server's answer, as JSON");
  show_command->add_option("ID", *id, "The id that `ls` prints")->required();
  show_command->footer(
      "Example:\n  tracelink dead-letters show $(tracelink dead-letters ls --json"
      " | jq -r '.[0].id')");
  show_command->callback([&context, &exit_code, id] { exit_code = show(context, *id); });
}

}  // namespace tracelink::cli
