#include "daemon/cli/top_screen.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <spdlog/fmt/fmt.h>

#include "daemon/cli/output.hpp"
#include "daemon/cli/status_text.hpp"
#include "daemon/cli/top_tables.hpp"
#include "daemon/cli/top_text.hpp"
#include "daemon/cli/troubles.hpp"

namespace tracelink::cli {
namespace {

using nlohmann::json;

constexpr std::size_t kLongestRemedy = 6;  // lines
constexpr std::size_t kRuntimeModels = 3;  // lines of models set at runtime

// What a counter grew by; nothing without an earlier look, or at a new life of the daemon.
std::optional<double> growth(const TopView& view, const char* pointer) {
  if (!view.before) return std::nullopt;
  const auto before = number(*view.before, pointer);
  const auto now = number(view.now, pointer);
  if (!before || !now || *now < *before) return std::nullopt;
  return *now - *before;
}

std::string rate(const TopView& view, const char* pointer) {
  return rate_text(growth(view, pointer), view.seconds) + "/s";
}

std::string lag(const TopView& view) {
  const auto sum = growth(view, "/delivery/lag_s/sum");
  const auto count = growth(view, "/delivery/lag_s/count");
  return sum && count && *count > 0 ? duration_text(*sum / *count) : "-";
}

std::string title(const TopView& view, std::size_t columns) {
  const std::size_t troubles = troubles_of(view.now).size();
  std::string left =
      fmt::format("tracelink {}  up {}  {}", text_of(view.now, "version"),
                  duration_text(number(view.now, "/uptime_s")),
                  troubles == 0 ? "works" : fmt::format("NEEDS ATTENTION ({})", troubles));
  const std::string keys = "up/down: what is held  q: quit";
  if (left.size() + keys.size() + 2 > columns) return left;
  return padded(left, columns - keys.size()) + keys;
}

std::string model_line(const json& model) {
  const std::string name =
      text_of(model, "name").empty() ? text_of(model, "requested_name") : text_of(model, "name");
  return fmt::format("model     {}  {}  {}", text_of(model, "state"), name, text_of(model, "id"));
}

std::string server_line(const TopView& view) {
  const json& server = view.now.at("server");
  const std::string version = text_of(server, "version");
  return fmt::format("server    {}  {} traces  {} failed  {}{}", text_of(server, "state"),
                     rate(view, "/delivery/traces"), rate(view, "/delivery/failures"),
                     text_of(server, "uri"), version.empty() ? "" : "  MLflow " + version);
}

std::string disk_text(const json& status) {
  const auto bytes = number(status, "/queue/disk_bytes");
  return bytes ? bytes_text(static_cast<std::uint64_t>(*bytes)) : "unknown bytes";
}

std::string queue_line(const json& status) {
  const bool full = status.at("queue").value("full", false);
  return fmt::format("queue     {} spans, {} on disk{}, oldest {}",
                     whole(number(status, "/queue/spans")), disk_text(status),
                     full ? " (FULL)" : "", duration_text(number(status, "/queue/oldest_age_s")));
}

std::string rate_line(const TopView& view) {
  return fmt::format("spans     accepted {}  delivered {}  lag {}", rate(view, "/spans/accepted"),
                     rate(view, "/spans/delivered"), lag(view));
}

std::string waiting_line(const TopView& view) {
  return fmt::format("waiting   {} traces for their root, {} held",
                     whole(number(view.now, "/waiting_for_root/traces")), held_count(view.now));
}

std::string runtime_line(const json& model, const std::string& scope) {
  return fmt::format("set       {}  {} for {}", text_of(model, "state"),
                     text_of(model, "requested_name").empty() ? text_of(model, "id")
                                                              : text_of(model, "requested_name"),
                     scope);
}

Lines runtime_lines(const json& status) {
  Lines lines;
  const json active = status.value("active", json::object());
  if (const json all = active.value("override", json()); all.is_object()) {
    lines.push_back(runtime_line(all, "all"));
  }
  const json services = active.value("services", json::object());
  for (const auto& [service, model] : services.items()) {
    if (lines.size() == kRuntimeModels) break;
    lines.push_back(runtime_line(model, "service " + printable_text(service)));
  }
  return lines;
}

Lines head_lines(const TopView& view, std::size_t columns) {
  Lines lines{title(view, columns), model_line(view.now.at("model")),
              server_line(view),    queue_line(view.now),
              rate_line(view),      waiting_line(view)};
  for (std::string& line : runtime_lines(view.now)) lines.push_back(std::move(line));
  lines.emplace_back();
  return lines;
}

std::string held_row(const json& held, bool is_selected) {
  const auto traces = number(held, "/traces");
  return fmt::format("{} {:>7}  {}", is_selected ? '>' : ' ', traces ? whole(traces) : "-",
                     text_of(held, "scope"));
}

Lines remedy_lines(const json& held, std::size_t columns) {
  Lines lines = wrapped("  why     ", text_of(held, "reason"), columns);
  const std::string remedy = text_of(held, "remedy");
  for (std::string& line :
       wrapped("  remedy  ", remedy.empty() ? "waiting is all there is to do" : remedy, columns)) {
    lines.push_back(std::move(line));
  }
  if (lines.size() > kLongestRemedy) {
    lines.resize(kLongestRemedy);
    lines.back() = "          ... tracelink status has all of it";
  }
  lines.push_back("  since   " + text_of(held, "since"));
  return lines;
}

// The selected scope stays in sight.
void add_held(TopScreen& screen, const TopView& view, ScreenSize size) {
  const json held = view.now.value("held", json::array());
  if (held.empty()) return;
  const std::size_t selected = std::min(view.selected, held.size() - 1);
  const std::size_t shown = std::clamp<std::size_t>(size.rows / 6, 1, held.size());
  const std::size_t first = std::min(selected - std::min(selected, shown / 2), held.size() - shown);
  screen.lines.push_back(
      fmt::format("HELD      traces  {} of {}", selected + 1, held_count(view.now)));
  for (std::size_t i = first; i < first + shown; ++i) {
    if (i == selected) screen.highlighted = screen.lines.size();
    screen.lines.push_back(held_row(held[i], i == selected));
  }
  for (std::string& line : remedy_lines(held[selected], size.columns)) {
    screen.lines.push_back(std::move(line));
  }
  screen.lines.emplace_back();
}

// As many rows as fit below the heading; the last line counts the others.
void add_table(TopScreen& screen, const Lines& table, std::size_t rows) {
  if (rows < 2) return;
  const std::size_t shown = table.size() <= rows ? table.size() : rows - 1;
  screen.lines.insert(screen.lines.end(), table.begin(),
                      table.begin() + static_cast<std::ptrdiff_t>(shown));
  if (shown < table.size()) {
    screen.lines.push_back(fmt::format("and {} more", table.size() - shown));
  }
}

// Versions come first; services have what they leave, or half of the room.
void add_tables(TopScreen& screen, const TopView& view, ScreenSize size) {
  constexpr std::size_t kLeast = 3;  // an empty line, the heading, one service
  const Lines models = model_table(view, size.columns);
  const Lines services = service_table(view, size.columns);
  const std::size_t room = size.rows - std::min(size.rows, screen.lines.size());
  const std::size_t wanted = services.empty() ? 0 : services.size() + 1;
  const std::size_t left = room - std::min(room, models.size());
  std::size_t for_services = std::min(wanted, std::max(left, room / 2));
  if (for_services < kLeast) for_services = 0;
  add_table(screen, models, room - for_services);
  if (for_services == 0) return;
  screen.lines.emplace_back();
  add_table(screen, services, for_services - 1);
}

}  // namespace

std::size_t held_count(const json& status) {
  return status.contains("held") ? status.at("held").size() : 0;
}

TopScreen top_screen(const TopView& view, ScreenSize size) {
  TopScreen screen{.lines = head_lines(view, size.columns), .highlighted = std::nullopt};
  add_held(screen, view, size);
  add_tables(screen, view, size);
  if (screen.lines.size() > size.rows) screen.lines.resize(size.rows);
  if (screen.highlighted && *screen.highlighted >= screen.lines.size()) screen.highlighted.reset();
  for (std::string& line : screen.lines) line = cut(line, size.columns);
  return screen;
}

}  // namespace tracelink::cli
