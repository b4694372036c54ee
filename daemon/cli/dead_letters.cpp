#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "daemon/cli/commands.hpp"
#include "daemon/cli/output.hpp"

namespace tracelink::cli {

namespace {

int list(const Context& context) {
  const auto body = ask_daemon(context, "GET", "/dead-letters");
  if (!body) return fail(body.error());
  const auto letters = nlohmann::json::parse(*body);
  if (context.json) {
    print_json(letters);
    return kDone;
  }
  if (letters.empty()) print("no dead letters\n");
  for (const auto& letter : letters) {
    print("{}\n  trace   {}  ({} spans, service '{}')\n  reason  {}\n", letter.value("id", ""),
          letter.value("trace_id", ""), letter.value("spans", 0), letter.value("service", ""),
          letter.value("reason", ""));
  }
  return kDone;
}

int show(const Context& context, const std::string& id) {
  const auto body = ask_daemon(context, "GET", "/dead-letters/" + id);
  if (!body) return fail(body.error());
  print_json(nlohmann::json::parse(*body));
  return kDone;
}

// The ids of all letters. Error: of ask_daemon().
Result<std::vector<std::string>> all_ids(const Context& context) {
  const auto body = ask_daemon(context, "GET", "/dead-letters");
  if (!body) return body.error();
  std::vector<std::string> ids;
  for (const auto& letter : nlohmann::json::parse(*body)) ids.push_back(letter.value("id", ""));
  return ids;
}

struct Selection {
  std::vector<std::string> ids;
  bool all = false;
};

// What to do with letters: POST .../replay or DELETE.
struct Command {
  const char* method;
  const char* suffix;
  const char* done;
};
constexpr Command kReplay{"POST", "/replay", "replayed"};
constexpr Command kRemove{"DELETE", "", "removed"};

// One after the other; what fails does not stop the rest, unless the daemon is not there.
int for_letters(const Context& context, const Command& command, const Selection& selection) {
  std::vector<std::string> ids = selection.ids;
  if (selection.all) {
    auto all = all_ids(context);
    if (!all) return fail(all.error());
    ids = *std::move(all);
  }
  int exit_code = kDone;
  nlohmann::json done = nlohmann::json::array();
  for (const std::string& id : ids) {
    const std::string target = "/dead-letters/" + id + command.suffix;
    const auto answer = ask_daemon(context, command.method, target);
    if (answer) {
      done.push_back(id);
      if (!context.json) print("{} {}\n", command.done, id);
      continue;
    }
    exit_code = fail(answer.error());
    if (exit_code == kUnreachable) break;
  }
  if (context.json) print_json(nlohmann::json{{command.done, done}});
  if (!context.json && ids.empty()) print("no dead letters\n");
  return exit_code;
}

// Which letters a command is for; exactly one of the two.
std::shared_ptr<Selection> add_selection(CLI::App* command) {
  auto selection = std::make_shared<Selection>();
  command->add_option("ID", selection->ids, "The ids that `ls` prints");
  command->add_flag("--all", selection->all, "Every one that there is now");
  command->require_option(1);
  return selection;
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

  CLI::App* replay = command->add_subcommand("replay", "Queue traces again, linked as before");
  const auto replayed = add_selection(replay);
  replay->footer(
      "For when the cause is gone; what is refused again becomes a dead letter again.\n"
      "Examples:\n  tracelink dead-letters replay --all\n"
      "  tracelink dead-letters replay 20261123T115431-0af7…-3-64");
  replay->callback(
      [&context, &exit_code, replayed] { exit_code = for_letters(context, kReplay, *replayed); });

  CLI::App* rm = command->add_subcommand("rm", "Remove them for ever: counted as dropped");
  const auto removed = add_selection(rm);
  rm->footer(
      "Examples:\n  tracelink dead-letters rm 20261123T115431-0af7…-3-64\n"
      "  tracelink dead-letters rm --all");
  rm->callback(
      [&context, &exit_code, removed] { exit_code = for_letters(context, kRemove, *removed); });
}

}  // namespace tracelink::cli
