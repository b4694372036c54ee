#include <algorithm>
#include <chrono>
#include <csignal>
#include <memory>
#include <utility>

#include <nlohmann/json.hpp>

#include "daemon/cli/commands.hpp"
#include "daemon/cli/terminal.hpp"
#include "daemon/cli/top_screen.hpp"

namespace tracelink::cli {

namespace {

using nlohmann::json;
using Time = std::chrono::steady_clock::time_point;

constexpr std::chrono::seconds kPause{2};

Result<json> look(const Context& context) {
  auto body = ask_daemon(context, "GET", "/status");
  if (!body) return std::move(body).error();
  return json::parse(*body);
}

std::chrono::milliseconds until(Time end) {
  const auto left = end - std::chrono::steady_clock::now();
  return std::max(std::chrono::milliseconds(0), std::chrono::ceil<std::chrono::milliseconds>(left));
}

void move_cursor(TopView& view, Terminal::Event event) {
  const std::size_t last = std::max<std::size_t>(held_count(view.now), 1) - 1;
  if (event == Terminal::Event::up && view.selected > 0) --view.selected;
  if (event == Terminal::Event::down && view.selected < last) ++view.selected;
}

// Until the next look is due. False: it is to end.
bool show(Terminal& terminal, TopView& view, Time end) {
  for (;;) {
    view.selected = std::min(view.selected, std::max<std::size_t>(held_count(view.now), 1) - 1);
    terminal.draw(top_screen(view, terminal.size()));
    Terminal::Event event = Terminal::Event::nothing;
    while (event == Terminal::Event::nothing && until(end).count() > 0) {
      event = terminal.wait(until(end));
    }
    if (event == Terminal::Event::quit) return false;
    if (event == Terminal::Event::nothing) return true;
    move_cursor(view, event);
  }
}

// What the terminal was told by a signal, or why there is nothing more to show.
Result<std::optional<int>> show_until_the_end(const Context& context, json first) {
  auto terminal = Terminal::open();
  if (!terminal) return std::move(terminal).error();
  TopView view{.now = std::move(first), .before = std::nullopt};
  Time looked = std::chrono::steady_clock::now();
  while (show(**terminal, view, looked + kPause)) {
    auto status = look(context);
    if (!status) return std::move(status).error();
    view.before = std::exchange(view.now, *std::move(status));
    const Time now = std::chrono::steady_clock::now();
    view.seconds = std::chrono::duration<double>(now - std::exchange(looked, now)).count();
  }
  return (*terminal)->ended_by();
}

int run_top(const Context& context) {
  if (!Terminal::is_there() || context.json) {
    return fail(kUsage,
                "top draws on a terminal, and this is none: 'tracelink status --json' has the same "
                "numbers, 'tracelink status --watch' repeats them");
  }
  auto first = look(context);
  if (!first) return fail(first.error());
  const auto ended = show_until_the_end(context, *std::move(first));
  if (!ended) return fail(ended.error());
  // Whoever started this process learns what ended it.
  if (*ended) std::raise(**ended);
  return kDone;
}

}  // namespace

void add_top(CLI::App& app, const Context& context, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "top", "Live view: rates, queue, lag, what is held and its remedy, versions, services");
  command->footer(
      "Keys: arrows (or k and j) choose among what is held, q quits.\n\n"
      "Examples:\n  tracelink top\n  ssh -t host tracelink top");
  command->callback([&context, &exit_code] { exit_code = run_top(context); });
}

}  // namespace tracelink::cli
