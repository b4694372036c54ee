#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include <nlohmann/json.hpp>

#include "daemon/cli/commands.hpp"
#include "daemon/cli/output.hpp"

namespace tracelink::cli {

namespace {

using nlohmann::json;

constexpr std::chrono::seconds kPatience{30};
constexpr std::chrono::milliseconds kLook{100};

using Clock = std::chrono::steady_clock;

// Of the daemon that runs.
struct Running {
  std::string version;
  double uptime_s = 0;
};

Result<Running> running(const Context& context) {
  const auto body = ask_daemon(context, "GET", "/status");
  if (!body) return body.error();
  const json status = json::parse(*body);
  return Running{status.at("version"), status.at("uptime_s")};
}

// The successor has started since `asked`.
int wait_for_successor(const Context& context, const Running& before, Clock::time_point asked) {
  while (Clock::now() - asked < kPatience) {
    std::this_thread::sleep_for(kLook);
    const auto now = running(context);
    const std::chrono::duration<double> since_asked = Clock::now() - asked;
    if (!now || now->uptime_s >= since_asked.count()) continue;
    if (context.json) {
      print_json(json{{"before", before.version}, {"now", now->version}});
    } else {
      print("tracelinkd {} runs in the place of {}\n", now->version, before.version);
    }
    return kDone;
  }
  return fail(kFailed, "no other daemon answers after " + std::to_string(kPatience.count()) +
                           " s: its log tells why");
}

int upgrade(const Context& context) {
  const auto before = running(context);
  if (!before) return fail(before.error());
  const auto asked = Clock::now();
  const auto answer = ask_daemon(context, "POST", "/upgrade");
  // The daemon may be gone before its answer is: what runs then tells.
  const bool answer_lost = !answer && answer.error().code == ErrorCode::unavailable;
  if (!answer && !answer_lost) return fail(answer.error());
  return wait_for_successor(context, *before, asked);
}

}  // namespace

void add_upgrade(CLI::App& app, const Context& context, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "upgrade",
      "Put the installed tracelinkd in the place of the running one; no client is refused");
  command->footer(
      "The process and its listening sockets stay, so clients wait instead of failing, also "
      "without\n"
      "systemd. A configuration with errors, or a program that cannot be run, changes nothing.\n"
      "\n"
      "Example:\n  tracelink upgrade && tracelink status");
  command->callback([&context, &exit_code] { exit_code = upgrade(context); });
}

}  // namespace tracelink::cli
