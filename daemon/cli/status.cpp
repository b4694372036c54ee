#include <chrono>
#include <memory>
#include <thread>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "daemon/base/clock.hpp"
#include "daemon/cli/commands.hpp"
#include "daemon/cli/output.hpp"
#include "daemon/cli/status_text.hpp"
#include "daemon/cli/text_layout.hpp"
#include "daemon/cli/troubles.hpp"

namespace tracelink::cli {

namespace {

using nlohmann::json;

// From the control socket, else what the intake socket tells to whoever may send.
Result<json> ask_status(const Context& context) {
  auto body = ask_daemon(context, "GET", "/status");
  // --control may mean another daemon than the configured intake socket does.
  const bool may_ask_intake = context.control_socket.empty();
  if (!body && body.error().code == ErrorCode::rejected && may_ask_intake) {
    body = ask_intake(context, "/status");
  }
  if (!body) return std::move(body).error();
  return json::parse(*body);
}

int show_status(const Context& context) {
  const auto status = ask_status(context);
  if (!status) return fail(status.error());
  if (context.json) {
    print_json(*status);
  } else {
    write_out(status_text(*status, layout_of_output(), SystemClock().wall()));
  }
  return kDone;
}

// One line, as check programs of monitoring systems have it, and its exit code.
int check_status(const Context& context) {
  const auto status = ask_status(context);
  if (!status) return fail(status.error());
  const auto troubles = troubles_of(*status);
  const int exit_code = troubles.empty() ? kDone : kFailed;
  if (context.json) {
    print_json(json{{"ok", troubles.empty()}, {"troubles", troubles}});
    return exit_code;
  }
  std::string line = troubles.empty() ? "ok: " + queue_line(status->at("queue")) : "attention: ";
  for (const std::string& trouble : troubles) {
    line += (&trouble == &troubles.front() ? "" : "; ") + trouble;
  }
  print("{}\n", line);
  return exit_code;
}

// Until it is interrupted, or its output is gone, which main() tells; a daemon that is away now may
// be back at the next look.
int watch_status(const Context& context) {
  constexpr std::chrono::seconds kPause{2};
  const bool on_terminal = ::isatty(STDOUT_FILENO) != 0;
  for (;; std::this_thread::sleep_for(kPause)) {
    if (on_terminal) write_out("\x1b[H\x1b[J");
    (void)show_status(context);  // said on standard error
    if (!on_terminal && !context.json) print("\n");
    if (!flush_out()) return kFailed;
  }
}

}  // namespace

void add_status(CLI::App& app, const Context& context, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("status", "Model, server, queue, held scopes and the span balance");
  command->footer(
      "Examples:\n  tracelink status --json | jq .spans\n"
      "  tracelink status --check || page-the-operator");
  const auto watch = std::make_shared<bool>(false);
  const auto check = std::make_shared<bool>(false);
  CLI::Option* watching =
      command->add_flag("--watch", *watch, "Again every two seconds, until it is interrupted");
  command
      ->add_flag("--check", *check,
                 "One line, and exit code 1 if an operator is needed: a held scope, a model "
                 "or server that refuses, a server that is down, a queue that is full or cannot be "
                 "written")
      ->excludes(watching);
  command->callback([&context, &exit_code, watch, check] {
    exit_code = *watch   ? watch_status(context)
                : *check ? check_status(context)
                         : show_status(context);
  });
}

}  // namespace tracelink::cli
