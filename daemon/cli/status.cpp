#include <chrono>
#include <cstdio>
#include <memory>
#include <sstream>
#include <thread>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "daemon/cli/commands.hpp"
#include "daemon/cli/health.hpp"
#include "daemon/cli/output.hpp"

namespace tracelink::cli {

namespace {

using nlohmann::json;

std::string text(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return "";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

std::string or_dash(const std::string& value) { return value.empty() ? "-" : value; }

std::string conservation_line(const json& spans) {
  if (spans.at("accepted").is_null()) return "unknown until the held files can be read";
  std::uint64_t dropped = 0;
  const json& reasons = spans.at("dropped");
  for (const auto& item : reasons.items()) {
    dropped += item.value().get<std::uint64_t>();
  }
  std::ostringstream line;
  line << "accepted " << text(spans, "accepted") << " = delivered " << text(spans, "delivered")
       << " + queued " << text(spans, "queued") << " + dead-lettered "
       << text(spans, "dead_lettered") << " + duplicate " << text(spans, "duplicate")
       << " + dropped " << dropped << " + damaged " << text(spans, "damaged");
  return line.str();
}

// A line under another one, if there is something to say.
void print_below(const std::string& text) {
  if (!text.empty()) print("            {}\n", text);
}

std::string queue_line(const json& queue) {
  if (queue.at("spans").is_null()) return "unknown until the held files can be read";
  return text(queue, "spans") + " spans in " + text(queue, "traces") + " records, " +
         text(queue, "bytes") + " bytes, oldest " + text(queue, "oldest_age_s") + " s";
}

void print_override(const json& model, const std::string& scope) {
  const std::string name = text(model, "requested_name");
  print("active      {}  {}{}  {} since {}\n", text(model, "state"),
        name.empty() ? "" : name + "  ", text(model, "id"), scope, text(model, "set_at"));
  print_below(text(model, "error"));
}

// What was set at runtime, instead of the configured model.
void print_active(const json& active) {
  if (const json all = active.value("override", json()); all.is_object()) {
    print_override(all, "set");
  }
  const json services = active.value("services", json::object());
  for (const auto& [service, model] : services.items()) {
    print_override(model, "set for " + service);
  }
}

// They wait for what may never come, so it is told how long.
void print_waiting_for_root(const json& waiting) {
  if (waiting.value("traces", 0) == 0) return;
  print("waiting     for the root of {} traces; sent without it from {} to {}\n",
        text(waiting, "traces"), text(waiting, "first_at"), text(waiting, "last_at"));
}

void print_model(const json& model) {
  const char* shown_name = text(model, "name").empty() ? "requested_name" : "name";
  print("model       {}  {}  {}\n", text(model, "state"), or_dash(text(model, shown_name)),
        text(model, "id"));
  print_below(text(model, "error"));
  for (const json& warning : model.value("warnings", json::array())) {
    print_below(warning.get<std::string>());
  }
}

void print_mlflow_sdk(const json& sdk) {
  if (text(sdk, "address").empty()) return;
  print("mlflow sdk  http://{}  {} trace infos accepted, {} requests passed on\n",
        text(sdk, "address"), text(sdk, "accepted_infos"), text(sdk, "relayed_requests"));
}

void print_held(const json& held) {
  print("held        {}: {}\n", text(held, "scope"), text(held, "reason"));
  print_below(text(held, "remedy"));
}

void print_relink(const json& relink) {
  const std::string from = text(relink, "from");
  print("relinked    {} -> {}  {}\n", from.empty() ? "none" : from, text(relink, "to"),
        text(relink, "at"));
}

void print_last_error(const json& error) {
  if (error.is_null()) return;
  print("last error  {}  {}\n", text(error, "at"), text(error, "message"));
  print_below(text(error, "remedy"));
}

void print_human(const json& status) {
  const json& experiment = status.at("experiment");
  const json& server = status.at("server");
  const json& queue = status.at("queue");
  print("tracelinkd {}, pid {}, up {} s\n", text(status, "version"), text(status, "pid"),
        text(status, "uptime_s"));
  print_model(status.at("model"));
  print_active(status.value("active", json::object()));
  print("experiment  {}  {}\n", or_dash(text(experiment, "id")), text(experiment, "name"));
  print("server      {}  {}  {}\n", text(server, "state"), or_dash(text(server, "uri")),
        text(server, "version"));
  print_mlflow_sdk(status.value("mlflow_sdk", json::object()));
  print("queue       {}\n", queue_line(queue));
  print("spans       {}\n", conservation_line(status.at("spans")));
  print_waiting_for_root(status.value("waiting_for_root", json::object()));
  for (const json& held : status.at("held")) print_held(held);
  for (const json& relink : status.value("relinks", json::array())) print_relink(relink);
  for (const json& notice : status.value("notices", json::array())) {
    print("notice      {}\n", notice.get<std::string>());
  }
  print_last_error(status.at("last_error"));
}

Result<json> ask_status(const Context& context) {
  auto body = ask_daemon(context, "GET", "/status");
  if (!body) return std::move(body).error();
  return json::parse(*body);
}

int show_status(const Context& context) {
  const auto status = ask_status(context);
  if (!status) return fail(status.error());
  if (context.json) {
    print_json(*status);
  } else {
    print_human(*status);
  }
  return kDone;
}

// One line, as check programs of monitoring systems have it, and its exit code.
int check_status(const Context& context) {
  const auto status = ask_status(context);
  if (!status) return fail(status.error());
  const auto troubles = troubles_of(*status);
  std::string line = troubles.empty() ? "ok: " + queue_line(status->at("queue")) : "attention: ";
  for (const std::string& trouble : troubles) {
    line += (&trouble == &troubles.front() ? "" : "; ") + trouble;
  }
  print("{}\n", line);
  return troubles.empty() ? kDone : kFailed;
}

// Until it is interrupted; a daemon that is away now may be back at the next look.
int watch_status(const Context& context) {
  constexpr std::chrono::seconds kPause{2};
  const bool on_terminal = ::isatty(STDOUT_FILENO) != 0;
  for (;;) {
    if (on_terminal) write_out("\x1b[H\x1b[J");
    (void)show_status(context);  // said on standard error
    if (!on_terminal && !context.json) print("\n");
    std::fflush(stdout);
    std::this_thread::sleep_for(kPause);
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
                 "or server that refuses, a server that is down")
      ->excludes(watching);
  command->callback([&context, &exit_code, watch, check] {
    exit_code = *watch   ? watch_status(context)
                : *check ? check_status(context)
                         : show_status(context);
  });
}

}  // namespace tracelink::cli
