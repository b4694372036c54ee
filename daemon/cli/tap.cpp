#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include <nlohmann/json.hpp>

#include "daemon/cli/commands.hpp"
#include "daemon/cli/output.hpp"
#include "daemon/cli/tap_text.hpp"
#include "daemon/cli/text_layout.hpp"

namespace tracelink::cli {

namespace {

using nlohmann::json;

constexpr std::chrono::milliseconds kPause{250};

Result<json> ask(const Context& context, const std::string& target) {
  auto body = ask_daemon(context, "GET", target);
  if (!body) return std::move(body).error();
  return json::parse(*body);
}

// False: its output is gone.
bool show(const json& seen, const TapFilter& filter, bool as_json, bool colour) {
  const auto lost = seen.at("lost").get<std::uint64_t>();
  if (lost == 1) print_error("1 trace came too fast to be shown");
  if (lost > 1) print_error(std::to_string(lost) + " traces came too fast to be shown");
  for (const json& entry : seen.at("entries")) {
    if (!is_shown(entry, filter)) continue;
    write_out(as_json ? json_line(entry) : tap_text(entry, colour));
  }
  return flush_out();
}

// Until it is interrupted, or the daemon or its output is gone.
int tap(const Context& context, const std::string& target, const TapFilter& filter) {
  const bool colour = layout_of_output().colour;
  auto seen = ask(context, target);
  while (seen) {
    if (!show(*seen, filter, context.json, colour)) return kFailed;  // which main() tells
    const bool is_more = !seen->at("entries").empty();
    if (!is_more) std::this_thread::sleep_for(kPause);
    seen = ask(context, target + "?after=" + seen->at("next").dump());
  }
  return fail(seen.error());
}

}  // namespace

void add_tap(CLI::App& app, const Context& context, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("tap", "Show traces as they are accepted or delivered, until interrupted");
  command->footer(
      "Shows what comes from now on: a line for each part of a trace, and its spans as a tree; "
      "with\n"
      "--json one object a line. Slows nothing: what comes too fast is left out and counted.\n"
      "With --delivered it shows what the server has stored, with the model that it is linked to.\n"
      "Examples:\n  sudo tracelink tap --errors\n  sudo tracelink tap --service checkout --json\n"
      "  sudo tracelink tap --delivered --version my-agent-v2");
  const auto filter = std::make_shared<TapFilter>();
  const auto target = std::make_shared<std::string>("/tap");
  command->add_flag_callback(
      "--delivered", [target] { *target = "/tap/delivered"; },
      "Traces when they are delivered, not when they are accepted");
  command->add_option("--service", filter->service, "Only of this service.name");
  command->add_option("--version", filter->version,
                      "Only with this model version, its name or id, as their link");
  command->add_flag("--errors", filter->errors, "Only with a span whose status is an error");
  command->callback(
      [&context, &exit_code, target, filter] { exit_code = tap(context, *target, *filter); });
}

}  // namespace tracelink::cli
