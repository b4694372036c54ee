#include "daemon/cli/top_screen.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include <spdlog/fmt/fmt.h>

#include "daemon/cli/health.hpp"
#include "daemon/cli/output.hpp"

namespace tracelink::cli {
namespace {

using nlohmann::json;
using Lines = std::vector<std::string>;

constexpr std::size_t kLongestRemedy = 6;  // lines
constexpr std::size_t kRuntimeModels = 3;  // lines of models set at runtime

bool begins_character(char byte) { return (static_cast<unsigned char>(byte) & 0xc0u) != 0x80u; }

std::size_t columns_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, begins_character));
}

std::string cut(const std::string& text, std::size_t columns) {
  if (columns_of(text) <= columns) return text;
  std::size_t at = 0;
  for (std::size_t shown = 0; at < text.size(); ++at) {
    if (begins_character(text[at]) && shown++ == columns) break;
  }
  return text.substr(0, at);
}

std::string padded(const std::string& text, std::size_t columns) {
  const std::string shown = cut(text, columns);
  return shown + std::string(columns - columns_of(shown), ' ');
}

// By words, after a label; words that are longer than a line are broken.
Lines wrapped(const std::string& label, std::string text, std::size_t columns) {
  const std::size_t width = std::max<std::size_t>(columns, label.size() + 8) - label.size();
  Lines lines;
  while (!text.empty()) {
    std::string line = cut(text, width);
    if (line.size() < text.size() && text[line.size()] != ' ') {
      const std::size_t space = line.rfind(' ');
      if (space != std::string::npos && space > 0) line.resize(space);
    }
    text.erase(0, line.size());
    text.erase(0, std::min(text.find_first_not_of(' '), text.size()));
    lines.push_back((lines.empty() ? label : std::string(label.size(), ' ')) + line);
  }
  return lines;
}

std::string text(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return "";
  return printable_text(found->get<std::string>());
}

std::optional<double> number(const json& status, const char* pointer) {
  const json::json_pointer at(pointer);
  if (!status.contains(at) || !status.at(at).is_number()) return std::nullopt;
  return status.at(at).get<double>();
}

std::string whole(std::optional<double> value) {
  return value ? fmt::format("{:.0f}", *value) : "unknown";
}

std::string bytes_text(std::optional<double> value) {
  if (!value) return "unknown bytes";
  const char* const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  for (; *value >= 1024 && unit + 1 < std::size(units); ++unit) *value /= 1024;
  return fmt::format("{:.{}f} {}", *value, unit == 0 ? 0 : 1, units[unit]);
}

std::string duration_text(std::optional<double> value) {
  if (!value) return "unknown";
  if (*value < 120) return fmt::format("{:.1f} s", *value);
  if (*value < 7200) return fmt::format("{:.0f} min", *value / 60);
  if (*value < 172800) return fmt::format("{:.0f} h", *value / 3600);
  return fmt::format("{:.0f} d", *value / 86400);
}

// What a counter grew by; nothing without an earlier look, or at a new life of the daemon.
std::optional<double> growth(const TopView& view, const char* pointer) {
  if (!view.before) return std::nullopt;
  const auto before = number(*view.before, pointer);
  const auto now = number(view.now, pointer);
  if (!before || !now || *now < *before) return std::nullopt;
  return *now - *before;
}

std::string rate_text(std::optional<double> grown, double seconds) {
  if (!grown || seconds <= 0) return "-";
  return fmt::format("{:.1f}", *grown / seconds);
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
  const std::string left =
      fmt::format("tracelink {}  up {}  {}", text(view.now, "version"),
                  duration_text(number(view.now, "/uptime_s")),
                  troubles == 0 ? "works" : fmt::format("NEEDS ATTENTION ({})", troubles));
  const std::string keys = "up/down: what is held  q: quit";
  if (left.size() + keys.size() + 2 > columns) return left;
  return padded(left, columns - keys.size()) + keys;
}

std::string model_line(const json& model) {
  const std::string name =
      text(model, "name").empty() ? text(model, "requested_name") : text(model, "name");
  return fmt::format("model     {}  {}  {}", text(model, "state"), name, text(model, "id"));
}

std::string server_line(const TopView& view) {
  const json& server = view.now.at("server");
  const std::string version = text(server, "version");
  return fmt::format("server    {}  {} traces  {} failed  {}{}", text(server, "state"),
                     rate(view, "/delivery/traces"), rate(view, "/delivery/failures"),
                     text(server, "uri"), version.empty() ? "" : "  MLflow " + version);
}

std::string queue_line(const json& status) {
  const bool full = status.at("queue").value("full", false);
  return fmt::format("queue     {} spans, {} on disk{}, oldest {}",
                     whole(number(status, "/queue/spans")),
                     bytes_text(number(status, "/queue/disk_bytes")), full ? " (FULL)" : "",
                     duration_text(number(status, "/queue/oldest_age_s")));
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
  return fmt::format(
      "set       {}  {} for {}", text(model, "state"),
      text(model, "requested_name").empty() ? text(model, "id") : text(model, "requested_name"),
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
                     text(held, "scope"));
}

Lines remedy_lines(const json& held, std::size_t columns) {
  Lines lines = wrapped("  why     ", text(held, "reason"), columns);
  const std::string remedy = text(held, "remedy");
  for (std::string& line :
       wrapped("  remedy  ", remedy.empty() ? "waiting is all there is to do" : remedy, columns)) {
    lines.push_back(std::move(line));
  }
  if (lines.size() > kLongestRemedy) {
    lines.resize(kLongestRemedy);
    lines.back() = "          ... tracelink status has all of it";
  }
  lines.push_back("  since   " + text(held, "since"));
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

struct ModelRow {
  std::string name, state;
  std::uint64_t traces = 0;
  std::optional<double> traces_grown, failures_grown;
};

const json* count_of(const json& status, const std::string& model) {
  const json::json_pointer at("/delivery/models");
  if (!status.contains(at)) return nullptr;
  for (const json& count : status.at(at)) {
    if (count.value("model", "") == model) return &count;
  }
  return nullptr;
}

void fill_counts(ModelRow& row, const TopView& view, const std::string& model) {
  const json* now = count_of(view.now, model);
  if (now == nullptr) return;
  row.traces = now->value("traces", std::uint64_t{0});
  if (!view.before) return;
  const json* before = count_of(*view.before, model);
  const auto grown = [&](const char* key) {
    const double earlier = before == nullptr ? 0 : before->value(key, 0.0);
    return std::max(0.0, now->value(key, 0.0) - earlier);
  };
  row.traces_grown = grown("traces");
  row.failures_grown = grown("failures");
}

std::vector<ModelRow> model_rows(const TopView& view) {
  std::vector<std::pair<std::string, std::string>> names;  // with their states
  for (const json& model : view.now.value("models", json::array())) {
    const std::string name = model.value("requested_name", "");
    names.emplace_back(name.empty() ? model.value("id", "") : name, text(model, "state"));
  }
  const json::json_pointer counted("/delivery/models");
  for (const json& count : view.now.contains(counted) ? view.now.at(counted) : json::array()) {
    const std::string name = count.value("model", "");
    if (std::ranges::find(names, name, &decltype(names)::value_type::first) == names.end()) {
      names.emplace_back(name, "-");
    }
  }
  std::vector<ModelRow> rows;
  for (const auto& [name, state] : names) {
    ModelRow& row = rows.emplace_back();
    row.name = printable_text(name);
    row.state = state;
    fill_counts(row, view, name);
  }
  std::ranges::stable_sort(rows, std::greater(), [](const ModelRow& row) {
    return std::pair(row.traces_grown.value_or(0) + row.failures_grown.value_or(0), row.traces);
  });
  return rows;
}

// What stands right of the name, in a table of versions or services.
struct Cells {
  std::string state, traces, failures_or_spans, all;
};

std::string table_line(const std::string& name, const Cells& cells, std::size_t columns) {
  constexpr std::size_t kColumnsBesideName = 46;
  const std::size_t width = std::max(columns, kColumnsBesideName + 10) - kColumnsBesideName;
  return padded(name, width) + fmt::format("  {:<10} {:>9} {:>9} {:>12}", cells.state, cells.traces,
                                           cells.failures_or_spans, cells.all);
}

// Below a heading, as many as fit into `rows`; the last line counts the others.
void add_table(TopScreen& screen, const std::string& heading, const Lines& table,
               std::size_t rows) {
  if (rows < 2) return;
  screen.lines.push_back(heading);
  const std::size_t room = rows - 1;
  const std::size_t shown = table.size() <= room ? table.size() : room - 1;
  screen.lines.insert(screen.lines.end(), table.begin(),
                      table.begin() + static_cast<std::ptrdiff_t>(shown));
  if (shown < table.size()) {
    screen.lines.push_back(fmt::format("and {} more", table.size() - shown));
  }
}

// The busiest first.
void add_models(TopScreen& screen, const TopView& view, std::size_t columns, std::size_t rows) {
  const Cells titles{"state", "traces/s", "failed/s", "traces"};
  Lines table;
  for (const ModelRow& row : model_rows(view)) {
    const Cells cells{row.state, rate_text(row.traces_grown, view.seconds),
                      rate_text(row.failures_grown, view.seconds), std::to_string(row.traces)};
    table.push_back(table_line(row.name, cells, columns));
  }
  add_table(screen, table_line("MODELS", titles, columns), table, rows);
}

struct ServiceRow {
  std::string name;
  double spans = 0;
  std::optional<double> grown;
};

std::map<std::string, double> spans_by_service(const json& status) {
  std::map<std::string, double> spans;
  for (const json& count : status.value("services", json::array())) {
    spans[count.value("service", "")] = count.value("spans", 0.0);
  }
  return spans;
}

// The busiest first.
std::vector<ServiceRow> service_rows(const TopView& view) {
  auto before = spans_by_service(view.before.value_or(json::object()));
  std::vector<ServiceRow> rows;
  for (const auto& [name, spans] : spans_by_service(view.now)) {
    ServiceRow& row = rows.emplace_back();
    row.name = printable_text(name);
    row.spans = spans;
    if (view.before) row.grown = std::max(0.0, spans - before[name]);
  }
  std::ranges::stable_sort(rows, std::greater(), [](const ServiceRow& row) {
    return std::pair(row.grown.value_or(0), row.spans);
  });
  return rows;
}

void add_services(TopScreen& screen, const TopView& view, std::size_t columns, std::size_t rows) {
  Lines table;
  for (const ServiceRow& row : service_rows(view)) {
    const Cells cells{"", "", rate_text(row.grown, view.seconds), fmt::format("{:.0f}", row.spans)};
    table.push_back(table_line(row.name, cells, columns));
  }
  screen.lines.emplace_back();
  add_table(screen, table_line("SERVICES", {"", "", "spans/s", "spans"}, columns), table, rows - 1);
}

// Versions come first; services have what they leave, or half of the room.
void add_tables(TopScreen& screen, const TopView& view, ScreenSize size) {
  constexpr std::size_t kLeast = 3;  // an empty line, the heading, one service
  const std::size_t room = size.rows - std::min(size.rows, screen.lines.size());
  const std::size_t services = view.now.value("services", json::array()).size();
  const std::size_t wanted = services == 0 ? 0 : services + 2;
  const std::size_t left = room - std::min(room, model_rows(view).size() + 1);
  std::size_t for_services = std::min(wanted, std::max(left, room / 2));
  if (for_services < kLeast) for_services = 0;
  add_models(screen, view, size.columns, room - for_services);
  if (for_services > 0) add_services(screen, view, size.columns, for_services);
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
