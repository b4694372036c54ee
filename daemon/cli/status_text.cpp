#include "daemon/cli/status_text.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <spdlog/fmt/fmt.h>

#include "daemon/cli/section_text.hpp"
#include "daemon/text/utc_time.hpp"

namespace tracelink::cli {
namespace {

using nlohmann::json;

constexpr char kUnknown[] = "unknown until the held files can be read";

std::string text(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return "";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

// The member, or null.
json part(const json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? json() : *found;
}

std::string or_dash(const std::string& value) { return value.empty() ? "-" : value; }

std::string joined(const std::vector<std::string>& words, std::string_view between) {
  std::string line;
  for (const std::string& word : words) {
    if (word.empty()) continue;
    line += line.empty() ? "" : between;
    line += word;
  }
  return line;
}

Tone tone_of(const std::string& state) {
  if (state == "ready" || state == "up") return Tone::good;
  if (state == "failed" || state == "down" || state == "refusing") return Tone::bad;
  return state == "unresolved" ? Tone::doubtful : Tone::plain;
}

// "3 min ago, at 2026-…", or "in 10 min, at …" for a time to come.
std::string moment(const std::string& at, WallTime now) {
  const auto time = parse_utc_iso(at);
  if (!time) return at;
  const double age = std::chrono::duration<double>(now - *time).count();
  return (age < 0 ? "in " + age_text(-age) : age_text(age) + " ago") + ", at " + at;
}

std::string moment_or_never(const json& status, const char* key, WallTime now) {
  const std::string at = text(status, key);
  return at.empty() ? "none since the start" : moment(at, now);
}

// State, name and id.
std::string model_line(const json& model) {
  const char* shown_name = text(model, "name").empty() ? "requested_name" : "name";
  return joined({text(model, "state"), or_dash(text(model, shown_name)), text(model, "id")}, "  ");
}

void add_model(SectionText& out, const std::string& label, const json& model) {
  out.field(label, model_line(model), tone_of(text(model, "state")));
  out.below(text(model, model.contains("error") ? "error" : "remedy"));
  for (const json& warning : model.value("warnings", json::array())) {
    out.below(warning.get<std::string>());
  }
}

// Takes the entry of the same model out of those in use, and gives its traces.
json take_traces(json& in_use, const json& model) {
  const auto same = std::ranges::find_if(in_use, [&](const json& other) {
    return text(other, "id") == text(model, "id") &&
           text(other, "requested_name") == text(model, "requested_name");
  });
  if (same == in_use.end()) return {};
  json traces = part(*same, "traces");
  in_use.erase(same);
  return traces;
}

void add_traces(SectionText& out, const json& traces, WallTime now) {
  if (!traces.is_object() || traces.at("delivered") == 0) return;
  out.below(text(traces, "delivered") + " traces delivered since the start, the last " +
            moment(text(traces, "last_at"), now));
}

// What was set at runtime, instead of the configured model.
void add_overrides(SectionText& out, const json& active, json& in_use, WallTime now) {
  const auto add = [&](const std::string& scope, const json& model) {
    add_model(out, "set for " + scope, model);
    out.below("set " + moment(text(model, "set_at"), now));
    add_traces(out, take_traces(in_use, model), now);
  };
  if (const json all = part(active, "override"); all.is_object()) add("all", all);
  const json services = active.value("services", json::object());
  for (const auto& [service, model] : services.items()) add(service, model);
}

void add_models(SectionText& out, const json& status, WallTime now) {
  json in_use = status.value("models", json::array());
  out.section("Models");
  add_model(out, "configured", status.at("model"));
  add_traces(out, take_traces(in_use, status.at("model")), now);
  add_overrides(out, status.value("active", json::object()), in_use, now);
  for (const json& model : in_use) {
    add_model(out, text(model, "named_by") == "traces" ? "named by traces" : "in use", model);
    add_traces(out, part(model, "traces"), now);
  }
}

void add_delivery(SectionText& out, const json& status, WallTime now) {
  const json& server = status.at("server");
  const json& experiment = status.at("experiment");
  out.section("Delivery");
  out.field(
      "server",
      joined({text(server, "state"), or_dash(text(server, "uri")), text(server, "version")}, "  "),
      tone_of(text(server, "state")));
  out.field("experiment",
            joined({or_dash(text(experiment, "id")), text(experiment, "name")}, "  "));
  const json sdk = status.value("mlflow_sdk", json::object());
  if (!text(sdk, "address").empty()) {
    out.field("mlflow sdk", "http://" + text(sdk, "address") + "  " + text(sdk, "accepted_infos") +
                                " trace infos and " + or_dash(text(sdk, "accepted_changes")) +
                                " changes accepted, " + text(sdk, "relayed_requests") +
                                " requests passed on");
  }
  out.field("last request", moment_or_never(status, "last_request_at", now));
  out.field("last delivery", moment_or_never(status, "last_delivery_at", now));
}

std::string conservation_line(const json& spans) {
  if (spans.at("accepted").is_null()) return kUnknown;
  std::uint64_t dropped = 0;
  for (const auto& item : spans.at("dropped").items()) dropped += item.value().get<std::uint64_t>();
  return "accepted " + text(spans, "accepted") + " = delivered " + text(spans, "delivered") +
         " + queued " + text(spans, "queued") + " + dead-lettered " + text(spans, "dead_lettered") +
         " + duplicate " + text(spans, "duplicate") + " + dropped " + std::to_string(dropped) +
         " + damaged " + text(spans, "damaged");
}

std::string rejected_line(const json& reasons) {
  std::string line;
  for (const auto& [reason, spans] : reasons.items()) {
    line += (line.empty() ? "" : ", ") + spans.dump() + " (" + reason + ")";
  }
  return line;
}

// Traces wait for a root that may never come, so it is told how long.
void add_waiting(SectionText& out, const json& waiting, WallTime now) {
  if (waiting.value("traces", 0) == 0) return;
  out.field("without root", text(waiting, "traces") + " traces wait for their root");
  out.below("the first is sent without it " + moment(text(waiting, "first_at"), now));
  out.below("the last is sent without it " + moment(text(waiting, "last_at"), now));
}

void add_queue(SectionText& out, const json& status, WallTime now) {
  const json& queue = status.at("queue");
  out.section("Queue");
  out.field("queued", queue_line(queue));
  if (queue.value("full", false)) out.field("full", "new spans wait or are refused", Tone::bad);
  add_waiting(out, status.value("waiting_for_root", json::object()), now);
  out.field("spans", conservation_line(status.at("spans")));
  const std::string rejected = rejected_line(status.value("rejected_spans", json::object()));
  if (!rejected.empty()) out.field("rejected", rejected);
  const json quarantine = status.value("quarantine", json::object());
  if (quarantine.value("files", 0) > 0) {
    out.field("quarantine", text(quarantine, "files") + " files, " +
                                bytes_text(quarantine.value("bytes", std::uint64_t{0})));
  }
}

void add_held(SectionText& out, const json& status, WallTime now) {
  const json& held = status.at("held");
  out.section("Held");
  for (const json& entry : held) {
    const std::string traces = text(entry, "traces");
    out.field("held", joined({text(entry, "scope"), text(entry, "reason")}, ": "), Tone::plain);
    out.below(text(entry, "remedy"));
    out.below((traces.empty() ? "" : traces + " traces, ") + "since " +
              moment(text(entry, "since"), now));
  }
  const auto is_file = [](const json& entry) { return text(entry, "scope").starts_with("file"); };
  const auto shown = held.size() - static_cast<std::size_t>(std::ranges::count_if(held, is_file));
  const auto all = status.value("held_scopes", std::size_t{0});
  if (all > shown) out.field("and more", std::to_string(all - shown) + " scopes");
}

void add_relinks(SectionText& out, const json& status) {
  out.section("Relinked");
  for (const json& relink : status.value("relinks", json::array())) {
    const std::string from = text(relink, "from");
    out.field("relinked", (from.empty() ? "none" : from) + " -> " + text(relink, "to") +
                              ", accepted up to " + text(relink, "at"));
  }
}

void add_last_error(SectionText& out, const json& error, WallTime now) {
  if (!error.is_object()) return;
  const std::string over_at = text(error, "over_at");
  out.section("Last error");
  out.field(over_at.empty() ? "last error" : "over", text(error, "message"));
  if (over_at.empty()) out.below(text(error, "remedy"));
  out.below(moment(text(error, "at"), now));
  if (!over_at.empty()) out.below("works again since " + moment(over_at, now));
}

void add_places(SectionText& out, const json& status) {
  out.section("Places");
  if (const json sockets = part(status, "sockets"); sockets.is_object()) {
    const bool from_systemd = sockets.value("from_systemd", false);
    out.field("intake", text(sockets, "intake") + (from_systemd ? ", of systemd" : ""));
    for (const char* key : {"tcp", "control", "http"}) {
      if (!text(sockets, key).empty()) out.field(key, text(sockets, key));
    }
  }
  if (status.contains("state_dir")) out.field("state", text(status, "state_dir"));
  if (status.contains("config_file")) {
    const std::string file = text(status, "config_file");
    out.field("configuration", file.empty() ? "no file: variables and defaults" : file);
  }
}

void add_left_out(SectionText& out, const json& left_out) {
  if (!left_out.is_array()) return;
  out.section("Left out");
  out.field("left out", joined(left_out.get<std::vector<std::string>>(), ", "));
  out.below("only root and the daemon's user see these");
}

}  // namespace

std::string age_text(double seconds) {
  const auto whole = static_cast<std::uint64_t>(std::max(seconds, 0.0));
  const std::uint64_t minutes = whole / 60;
  const std::uint64_t hours = minutes / 60;
  if (whole < 60) return std::to_string(whole) + " s";
  if (hours == 0) return std::to_string(minutes) + " min";
  if (hours >= 48) return std::to_string(hours / 24) + " days";
  const std::string rest = minutes % 60 == 0 ? "" : " " + std::to_string(minutes % 60) + " min";
  return std::to_string(hours) + " h" + rest;
}

std::string bytes_text(std::uint64_t bytes) {
  constexpr std::array<const char*, 4> kUnits{"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return std::to_string(bytes) + " bytes";
  double amount = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; amount >= 1024 && unit + 1 < kUnits.size(); ++unit) amount /= 1024;
  return fmt::format("{:.1f} {}", amount, kUnits.at(unit));
}

std::string queue_line(const json& queue) {
  if (queue.at("spans").is_null()) return kUnknown;
  std::string line = text(queue, "spans") + " spans in " + text(queue, "traces") + " records, " +
                     bytes_text(queue.at("bytes").get<std::uint64_t>());
  if (queue.at("spans") == 0) return line;
  return line + ", the oldest " + age_text(queue.value("oldest_age_s", 0.0)) + " old";
}

std::string status_text(const json& status, const TextLayout& layout, WallTime now) {
  SectionText out(layout);
  const std::string pid = text(status, "pid");
  out.title(joined({"tracelinkd " + text(status, "version"), pid.empty() ? "" : "pid " + pid,
                    "up " + age_text(status.value("uptime_s", 0.0))},
                   ", "));
  out.section("Notices");
  for (const json& notice : status.value("notices", json::array())) {
    out.field("notice", notice.get<std::string>());
  }
  add_models(out, status, now);
  add_delivery(out, status, now);
  add_queue(out, status, now);
  add_held(out, status, now);
  add_relinks(out, status);
  add_last_error(out, part(status, "last_error"), now);
  add_places(out, status);
  add_left_out(out, part(status, "left_out"));
  return out.text();
}

}  // namespace tracelink::cli
