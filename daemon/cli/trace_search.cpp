#include "daemon/cli/trace_search.hpp"

#include <chrono>
#include <thread>
#include <utility>

#include "daemon/base/clock.hpp"
#include "daemon/cli/trace_pages.hpp"
#include "daemon/mlflow/rest/error_message.hpp"
#include "daemon/mlflow/rest/rest_json.hpp"
#include "daemon/text/hex.hpp"

namespace tracelink::cli {

namespace {

constexpr std::chrono::seconds kBetweenQuestions{1};  // as MLflow's client

Failure no_warehouse() {
  return configuration_failure(
      FailureScope::experiment,
      "the traces of this experiment are in Unity Catalog, and are read by a SQL warehouse",
      "set databricks.warehouse_id (MLFLOW_TRACING_SQL_WAREHOUSE_ID) to its id, which the "
      "workspace shows under SQL Warehouses");
}

// Nothing: the server's own search finds them.
Answer<std::optional<TraceStorage>> tables_of(TrackingSession& session,
                                              const std::string& experiment_id) {
  if (session.databricks() == nullptr) return std::optional<TraceStorage>();
  const auto storage = session.storage_of(experiment_id);
  if (!storage) return storage.error();
  if (!storage->in_unity_catalog()) return std::optional<TraceStorage>();
  if (session.warehouse_id().empty()) return no_warehouse();
  return std::optional(*storage);
}

Answer<TracePage> search_tables(TrackingSession& session, const TraceStorage& tables,
                                const TraceQuery& query) {
  DatabricksClient& client = *session.databricks();
  auto search = session.wait<TraceSearch>([&](auto done) {
    client.search_traces(tables, query, session.warehouse_id(), std::move(done));
  });
  const auto ask = [&](const std::string& operation) {
    return session.wait<TraceSearch>(
        [&](auto done) { client.get_search(tables, operation, std::move(done)); });
  };
  return wait_for_search(std::move(search), SystemClock(), ask,
                         [] { std::this_thread::sleep_for(kBetweenQuestions); });
}

Answer<std::string> spans_of(TrackingSession& session, const TraceStorage& tables,
                             const std::string& trace_hex) {
  return session.wait<std::string>([&](auto done) {
    session.databricks()->get_spans(tables, trace_hex, session.warehouse_id(), std::move(done));
  });
}

// The file with the spans of a trace beside its experiment; empty: there is none.
Answer<std::string> file_of(TrackingSession& session, TraceId trace_id) {
  DatabricksClient& client = *session.databricks();
  const auto info = session.wait<std::optional<StoredInfo>>(
      [&](auto done) { client.get_info(trace_id, std::move(done)); });
  if (!info) return info.error();
  if (!*info) return std::string();
  auto file = session.wait<DatabricksClient::File>(
      [&](auto done) { client.read_file(trace_id, (*info)->volume, std::move(done)); });
  if (!file) return std::move(file.error());
  return std::move(*file).value_or("");
}

}  // namespace

Answer<TracePage> search_traces(TrackingSession& session, const TraceQuery& query) {
  const auto tables = tables_of(session, query.experiment_id);
  if (!tables) return tables.error();
  if (const auto& found = *tables) return search_tables(session, *found, query);
  return session.wait<TracePage>(
      [&](auto done) { session.client().search_traces(query, std::move(done)); });
}

Answer<std::optional<std::string>> read_trace_error(TrackingSession& session,
                                                    const std::string& experiment_id,
                                                    const std::string& trace) {
  const auto tables = tables_of(session, experiment_id);
  if (!tables) return tables.error();
  if (const auto& found = *tables) {
    const auto spans = spans_of(session, *found, trace.substr(trace.rfind('/') + 1));
    if (!spans) return spans.error();
    return read_error_message(*spans);
  }
  const auto bytes = parse_hex(trace.substr(trace.find('-') + 1));
  const auto id = TraceId::from_bytes(bytes.value_or(""));
  if (id && session.databricks() != nullptr) {
    const auto file = file_of(session, *id);
    if (!file) return file.error();
    return read_error_message(R"({"traces":[)" + *file + "]}");
  }
  return session.wait<std::optional<std::string>>(
      [&](auto done) { session.client().read_trace_error(trace, std::move(done)); });
}

Answer<std::size_t> count_spans(TrackingSession& session, const TraceStorage& storage,
                                TraceId trace_id) {
  if (!storage.in_unity_catalog()) {
    const auto file = file_of(session, trace_id);
    if (!file) return file.error();
    return member(parse_answer(*file), "spans").size();
  }
  if (session.warehouse_id().empty()) return no_warehouse();
  const auto spans = spans_of(session, storage, trace_id.hex());
  if (!spans) return spans.error();
  const Json traces = member(parse_answer(*spans), "traces");
  if (!traces.is_array() || traces.empty()) return std::size_t{0};
  return member(traces.front(), "spans").size();
}

}  // namespace tracelink::cli
