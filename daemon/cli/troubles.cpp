#include "daemon/cli/troubles.hpp"

#include "daemon/cli/json_member.hpp"

namespace tracelink::cli {
namespace {

using nlohmann::json;

std::string with_remedy(const std::string& what, const json& held) {
  const std::string remedy = text(held, "remedy");
  return remedy.empty() ? what : what + " (" + remedy + ")";
}

// Spans of applications get lost meanwhile.
void add_troubles_of_queue(const json& status, std::vector<std::string>& troubles) {
  const json queue = status.value("queue", json::object());
  if (!queue.value("writable", true)) {
    troubles.emplace_back("queue: cannot be written (check the disk of state_dir)");
  }
  if (queue.value("full", false)) {
    troubles.emplace_back(
        "queue: full, new spans wait or are refused (see what is held and why, or raise "
        "queue.max_bytes)");
  }
}

}  // namespace

std::vector<std::string> troubles_of(const json& status) {
  std::vector<std::string> troubles;
  const json& model = status.at("model");
  const json& server = status.at("server");
  if (text(model, "state") == "failed") {
    troubles.push_back("model: " + text(model, model.contains("error") ? "error" : "remedy"));
  }
  if (text(server, "state") == "down")
    troubles.push_back("server: " + text(server, "uri") + " is down");
  if (text(server, "state") == "refusing") {
    troubles.push_back("server: " + text(server, "uri") + " refuses");
  }
  add_troubles_of_queue(status, troubles);
  for (const json& held : status.at("held")) {
    if (text(held, "remedy").empty()) continue;
    const std::string reason = text(held, "reason");
    troubles.push_back(
        with_remedy(text(held, "scope") + (reason.empty() ? " is held" : ": " + reason), held));
  }
  return troubles;
}

}  // namespace tracelink::cli
