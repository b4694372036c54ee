#include "daemon/cli/databricks_delivery.hpp"

#include <cstdlib>
#include <optional>
#include <utility>
#include <variant>

#include "daemon/base/clock.hpp"
#include "daemon/base/random_source.hpp"
#include "daemon/cli/trace_search.hpp"
#include "daemon/codec/otlp_json.hpp"
#include "daemon/destination/databricks/span_forms.hpp"
#include "daemon/destination/databricks/trace_bodies.hpp"
#include "daemon/text/hex.hpp"

namespace tracelink::cli {

namespace {

using State = Finding::State;
using Done = std::monostate;

constexpr char kName[] = "tracelink doctor";
constexpr std::size_t kMostBytes = 4'096;

Finding failed(const std::string& subject, const Failure& failure) {
  return {subject, State::failed, failure.message, failure.remedy};
}

Finding examine_models(TrackingSession& session, const std::string& experiment_id) {
  const CreateModel model{.experiment_id = experiment_id,
                          .name = "tracelink-doctor",
                          .model_type = {},
                          .source_run_id = {},
                          .params = {},
                          .tags = {}};
  const auto made = session.wait<LoggedModel>(
      [&](auto done) { session.client().create_model(model, std::move(done)); });
  if (const auto* failure = std::get_if<Failure>(&made)) return failed("model rights", *failure);
  const std::string& id = std::get<LoggedModel>(made).model_id;
  const auto deleted =
      session.wait<Done>([&](auto done) { session.client().delete_model(id, std::move(done)); });
  if (const auto* failure = std::get_if<Failure>(&deleted)) {
    return {"model rights", State::failed,
            id + " was made and cannot be deleted: " + failure->message,
            failure->remedy.empty() ? "delete it by hand" : failure->remedy};
  }
  return {"model rights", State::ok, "a model was made and deleted"};
}

TraceId random_trace_id() {
  SystemRandomSource random;
  std::string bytes;
  for (int half = 0; half < 2; ++half) {
    const std::uint64_t value = random.next();
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  return *TraceId::from_bytes(bytes);
}

// One span that began and ended now.
PreparedTrace small_trace() {
  const TraceId id = random_trace_id();
  const auto now =
      std::chrono::duration_cast<std::chrono::nanoseconds>(SystemClock().wall().time_since_epoch());
  const std::string time = "\"" + std::to_string(now.count()) + "\"";
  const auto otlp = otlp_json_to_protobuf(
      R"({"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":")" + id.hex() + R"(","spanId":")" +
          id.hex().substr(0, 16) + R"(","name":")" + kName + R"(","startTimeUnixNano":)" + time +
          R"(,"endTimeUnixNano":)" + time + "}]}]}]}",
      kMostBytes);
  if (!otlp) std::abort();  // it is written above
  auto trace = prepare_trace(id, {*otlp});
  if (!trace) std::abort();
  return *std::move(trace);
}

std::optional<Failure> put_into_tables(TrackingSession& session, const PreparedTrace& trace,
                                       const TraceStorage& storage) {
  DatabricksClient& client = *session.databricks();
  const auto info = session.wait<Done>([&](auto done) {
    client.put_info(storage, trace.info.trace_id, unity_catalog_info_body(trace.info, storage, {}),
                    std::move(done));
  });
  if (const auto* failure = std::get_if<Failure>(&info)) return *failure;
  auto otlp = unity_catalog_spans(trace, storage);
  if (!otlp) std::abort();  // small_trace() wrote these bytes
  const auto spans = session.wait<Done>(
      [&](auto done) { client.post_spans(storage, *std::move(otlp), std::move(done)); });
  if (const auto* failure = std::get_if<Failure>(&spans)) return *failure;
  return std::nullopt;
}

std::optional<Failure> put_beside_experiment(TrackingSession& session, const PreparedTrace& trace,
                                             const std::string& experiment_id) {
  DatabricksClient& client = *session.databricks();
  TraceContext context;
  context.experiment_id = experiment_id;
  const auto started = session.wait<StartedTrace>([&](auto done) {
    client.start_trace(trace.info.trace_id, experiment_info_body(trace.info, context),
                       std::move(done));
  });
  if (const auto* failure = std::get_if<Failure>(&started)) return *failure;
  const auto target = session.wait<UploadTarget>(
      [&](auto done) { client.get_upload_target(trace.info.trace_id, std::move(done)); });
  if (const auto* failure = std::get_if<Failure>(&target)) return *failure;
  auto file = traces_json(trace);
  if (!file) std::abort();  // small_trace() wrote these bytes
  const auto uploaded = session.wait<Done>([&](auto done) {
    client.upload(std::get<UploadTarget>(target), *std::move(file), std::move(done));
  });
  if (const auto* failure = std::get_if<Failure>(&uploaded)) return *failure;
  return std::nullopt;
}

Finding read_back(TrackingSession& session, const TraceStorage& storage, TraceId trace_id) {
  if (storage.in_unity_catalog() && session.warehouse_id().empty()) {
    return {
        "read back", State::skipped, "reading from Unity Catalog takes a SQL warehouse",
        "set databricks.warehouse_id (MLFLOW_TRACING_SQL_WAREHOUSE_ID) to see whether the trace "
        "arrived"};
  }
  const auto spans = count_spans(session, storage, trace_id);
  if (const auto* failure = std::get_if<Failure>(&spans)) return failed("read back", *failure);
  if (std::get<std::size_t>(spans) == 1) return {"read back", State::ok, "the trace is there"};
  return {"read back", State::failed,
          "the workspace accepted the trace, and has " +
              std::to_string(std::get<std::size_t>(spans)) + " spans of it instead of one",
          storage.in_unity_catalog()
              ? "rows may take a minute to appear: try again; if they never do, the workspace's "
                "ingestion may not write to the storage of the catalog"
              : "look at the trace on the experiment's page"};
}

Finding storage_finding(const TraceStorage& storage) {
  if (!storage.in_unity_catalog()) {
    return {"storage", State::ok, "traces are stored beside the experiment"};
  }
  return {"storage", State::ok,
          "traces are stored in Unity Catalog, spans in " + storage.spans_table};
}

}  // namespace

Findings examine_delivery(TrackingSession& session, const std::string& experiment_id) {
  const auto storage = session.storage_of(experiment_id);
  if (const auto* failure = std::get_if<Failure>(&storage)) return {failed("storage", *failure)};
  const auto& place = std::get<TraceStorage>(storage);
  Findings findings{storage_finding(place), examine_models(session, experiment_id)};
  const PreparedTrace trace = small_trace();
  const auto refused = place.in_unity_catalog()
                           ? put_into_tables(session, trace, place)
                           : put_beside_experiment(session, trace, experiment_id);
  if (refused) {
    findings.push_back(failed("trace", *refused));
    return findings;
  }
  findings.push_back({"trace", State::ok, "a trace named \"" + std::string(kName) + "\" was sent"});
  findings.push_back(read_back(session, place, trace.info.trace_id));
  return findings;
}

}  // namespace tracelink::cli
