#include "daemon/cli/top_tables.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include <spdlog/fmt/fmt.h>

#include "daemon/cli/output.hpp"

namespace tracelink::cli {
namespace {

using nlohmann::json;

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
    names.emplace_back(name.empty() ? model.value("id", "") : name, text_of(model, "state"));
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

}  // namespace

Lines model_table(const TopView& view, std::size_t columns) {
  Lines table{table_line("MODELS", {"state", "traces/s", "failed/s", "traces"}, columns)};
  for (const ModelRow& row : model_rows(view)) {
    const Cells cells{row.state, rate_text(row.traces_grown, view.seconds),
                      rate_text(row.failures_grown, view.seconds), std::to_string(row.traces)};
    table.push_back(table_line(row.name, cells, columns));
  }
  return table;
}

Lines service_table(const TopView& view, std::size_t columns) {
  const auto rows = service_rows(view);
  if (rows.empty()) return {};
  Lines table{table_line("SERVICES", {"", "", "spans/s", "spans"}, columns)};
  for (const ServiceRow& row : rows) {
    const Cells cells{"", "", rate_text(row.grown, view.seconds), fmt::format("{:.0f}", row.spans)};
    table.push_back(table_line(row.name, cells, columns));
  }
  return table;
}

}  // namespace tracelink::cli
