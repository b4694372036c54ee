#include <iostream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "daemon/cli/commands.hpp"

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

void print_override(const json& model, const std::string& scope) {
  const std::string name = text(model, "requested_name");
  std::cout << "active      " << text(model, "state") << "  " << (name.empty() ? "" : name + "  ")
            << text(model, "id") << "  " << scope << " since " << text(model, "set_at") << "\n";
  if (!text(model, "error").empty()) std::cout << "            " << text(model, "error") << "\n";
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
  std::cout << "waiting     for the root of " << text(waiting, "traces")
            << " traces; sent without it from " << text(waiting, "first_at") << " to "
            << text(waiting, "last_at") << "\n";
}

void print_human(const json& status) {
  const json& model = status.at("model");
  const json& experiment = status.at("experiment");
  const json& server = status.at("server");
  const json& queue = status.at("queue");
  std::cout << "tracelinkd " << text(status, "version") << ", pid " << text(status, "pid")
            << ", up " << text(status, "uptime_s") << " s\n"
            << "model       " << text(model, "state") << "  "
            << or_dash(text(model, text(model, "name").empty() ? "requested_name" : "name")) << "  "
            << text(model, "id") << "\n";
  if (!text(model, "error").empty()) std::cout << "            " << text(model, "error") << "\n";
  for (const json& warning : model.value("warnings", json::array())) {
    std::cout << "            " << warning.get<std::string>() << "\n";
  }
  print_active(status.value("active", json::object()));
  std::cout << "experiment  " << or_dash(text(experiment, "id")) << "  " << text(experiment, "name")
            << "\n"
            << "server      " << text(server, "state") << "  " << or_dash(text(server, "uri"))
            << "  " << text(server, "version") << "\n"
            << "queue       " << text(queue, "spans") << " spans in " << text(queue, "traces")
            << " records, " << text(queue, "bytes") << " bytes, oldest "
            << text(queue, "oldest_age_s") << " s\n"
            << "spans       " << conservation_line(status.at("spans")) << "\n";
  print_waiting_for_root(status.value("waiting_for_root", json::object()));
  for (const json& held : status.at("held")) {
    std::cout << "held        " << text(held, "scope") << ": " << text(held, "reason") << "\n";
    if (!text(held, "remedy").empty()) std::cout << "            " << text(held, "remedy") << "\n";
  }
  for (const json& relink : status.value("relinks", json::array())) {
    const std::string from = text(relink, "from");
    std::cout << "relinked    " << (from.empty() ? "none" : from) << " -> " << text(relink, "to")
              << "  " << text(relink, "at") << "\n";
  }
  for (const json& notice : status.value("notices", json::array())) {
    std::cout << "notice      " << notice.get<std::string>() << "\n";
  }
  if (!status.at("last_error").is_null()) {
    const json& error = status.at("last_error");
    std::cout << "last error  " << text(error, "at") << "  " << text(error, "message") << "\n";
    if (!text(error, "remedy").empty())
      std::cout << "            " << text(error, "remedy") << "\n";
  }
}

int show_status(const Context& context) {
  const auto body = ask_daemon(context, "GET", "/status");
  if (!body) return fail(body.error());
  const json status = json::parse(*body);
  if (context.json) {
    std::cout << status.dump(2) << "\n";
  } else {
    print_human(status);
  }
  return kDone;
}

}  // namespace

void add_status(CLI::App& app, const Context& context, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("status", "Model, server, queue, held scopes and the span balance");
  command->footer("Example:\n  tracelink status --json | jq .spans");
  command->callback([&context, &exit_code] { exit_code = show_status(context); });
}

}  // namespace tracelink::cli
