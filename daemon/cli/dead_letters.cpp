#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "daemon/cli/commands.hpp"
#include "daemon/cli/output.hpp"
#include "daemon/text/visible_text.hpp"

namespace tracelink::cli {

namespace {

using nlohmann::json;

// Calls visit(letter) for each, a page at a time, so that memory does not grow with their number.
// Error: of ask_daemon().
Result<void> for_each_letter(const Context& context,
                             const std::function<void(const json&)>& visit) {
  for (std::string after;;) {
    const std::string query = after.empty() ? "" : "?after=" + after;
    const auto body = ask_daemon(context, "GET", "/dead-letters" + query);
    if (!body) return body.error();
    const json page = json::parse(*body);
    for (const json& letter : page) visit(letter);
    const std::string last = page.empty() ? "" : page.back().value("id", "");
    if (last.empty() || last == after) return {};
    after = last;
  }
}

void print_letter(const json& letter) {
  print("{}\n  trace   {}  ({} spans, service '{}')\n  reason  {}\n", letter.value("id", ""),
        letter.value("trace_id", ""), letter.value("spans", 0), letter.value("service", ""),
        letter.value("reason", ""));
}

int list(const Context& context) {
  std::size_t count = 0;
  const auto listed = for_each_letter(context, [&](const json& letter) {
    if (context.json) print_json_element(letter, count == 0);
    if (!context.json) print_letter(letter);
    ++count;
  });
  if (context.json && (listed || count > 0)) write_out(count == 0 ? "[]\n" : "\n]\n");
  if (!listed) return fail(listed.error());
  if (!context.json && count == 0) print("no dead letters\n");
  return kDone;
}

int show(const Context& context, const std::string& id) {
  const auto body = ask_daemon(context, "GET", "/dead-letters/" + id);
  if (!body) return fail(body.error());
  const json letter = json::parse(*body, nullptr, false);
  if (letter.is_discarded()) {
    write_out(visible_lines(*body) + "\n");
  } else {
    print_json(letter);
  }
  return kDone;
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

// The letters that a command is for, and what became of them.
class Letters {
 public:
  Letters(const Context& context, const Command& command) : context_(context), command_(command) {}

  // After the daemon could not be reached nothing more is tried.
  void take(const std::string& id) {
    ++count_;
    if (exit_code_ == kUnreachable) return;
    const auto answer =
        ask_daemon(context_, command_.method, "/dead-letters/" + id + command_.suffix);
    if (!answer) {
      exit_code_ = fail(answer.error());
      return;
    }
    if (context_.json) done_.push_back(id);
    if (!context_.json) print("{} {}\n", command_.done, id);
  }
  int report() const {
    if (context_.json) print_json(json{{command_.done, done_}});
    if (!context_.json && count_ == 0) print("no dead letters\n");
    return exit_code_;
  }

 private:
  const Context& context_;
  const Command& command_;
  json done_ = json::array();
  std::size_t count_ = 0;
  int exit_code_ = kDone;
};

// One after the other; what fails does not stop the rest, unless the daemon is not there.
int for_letters(const Context& context, const Command& command, const Selection& selection) {
  Letters letters(context, command);
  for (const std::string& id : selection.ids) letters.take(id);
  if (selection.all) {
    const auto listed =
        for_each_letter(context, [&](const json& letter) { letters.take(letter.value("id", "")); });
    if (!listed) return fail(listed.error());
  }
  return letters.report();
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
  command->footer("Examples:\n  tracelink dead-letters ls\n  tracelink dead-letters replay --all");

  CLI::App* ls = command->add_subcommand("ls", "List them");
  ls->alias("list");
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
