#include "daemon/destination/databricks/trace_storage.hpp"

#include <algorithm>
#include <vector>

#include "daemon/mlflow/rest/experiment.hpp"
#include "daemon/text/control.hpp"

namespace tracelink {
namespace {

constexpr char kSpansTableTag[] = "mlflow.experiment.databricksTraceSpanStorageTable";

std::vector<std::string> parts_of(std::string_view text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == '.') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

}  // namespace

std::string TraceStorage::location() const {
  std::string path = catalog + "." + schema;
  if (kind == Kind::table_prefix) path += "." + prefix;
  return path;
}

std::optional<TraceStorage> parse_trace_location(std::string_view text) {
  const auto parts = parts_of(text);
  if (parts.size() < 2 || parts.size() > 3) return std::nullopt;
  if (std::ranges::any_of(parts, &std::string::empty) || has_control(text)) return std::nullopt;
  TraceStorage storage{
      .kind = TraceStorage::Kind::schema,
      .catalog = parts[0],
      .schema = parts[1],
      .prefix = {},
      .spans_table = parts[0] + "." + parts[1] + ".mlflow_experiment_trace_otel_spans"};
  if (parts.size() == 2) return storage;
  storage.kind = TraceStorage::Kind::table_prefix;
  storage.prefix = parts[2];
  storage.spans_table = storage.location() + "_otel_spans";
  return storage;
}

TraceStorage storage_of(const std::map<std::string, std::string>& experiment_tags,
                        const std::optional<TraceStorage>& configured) {
  const auto path = experiment_tags.find(kTraceTablesTag);
  auto storage = path == experiment_tags.end() ? std::nullopt : parse_trace_location(path->second);
  if (!storage) return configured.value_or(TraceStorage{});
  const auto table = experiment_tags.find(kSpansTableTag);
  if (table == experiment_tags.end() || table->second.empty() || has_control(table->second)) {
    return *std::move(storage);
  }
  storage->spans_table = table->second;
  return *std::move(storage);
}

}  // namespace tracelink
