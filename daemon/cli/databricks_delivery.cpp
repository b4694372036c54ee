#include "daemon/cli/databricks_delivery.hpp"

#include <cstdlib>
#include <optional>
#include <utility>

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

constexpr char kName[] = "tracelink doctor";
constexpr std::size_t kMostBytes = 4'096;

Finding examine_models(TrackingSession& session, const std::string& experiment_id) {
  const CreateModel model{.experiment_id = experiment_id,
                          .name = "tracelink-doctor",
                          .model_type = {},
                          .source_run_id = {},
                          .params = {},
                          .tags = {}};
  const auto made = session.wait<LoggedModel>(
      [&](auto done) { session.client().create_model(model, std::move(done)); });
  if (!made) return of_failure("model rights", made.error());
  const std::string& id = made->model_id;
  const auto deleted =
      session.wait<void>([&](auto done) { session.client().delete_model(id, std::move(done)); });
  if (!deleted) {
    return {"model rights", State::failed,
            id + " was made and cannot be deleted: " + deleted.error().message,
            deleted.error().remedy.empty() ? "delete it by hand" : deleted.error().remedy};
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
  const auto info = session.wait<void>([&](auto done) {
    client.put_info(storage, trace.info.trace_id, "",
                    unity_catalog_info_body(trace.info, storage, {}), std::move(done));
  });
  if (!info) return info.error();
  auto otlp = unity_catalog_spans(trace, storage);
  if (!otlp) std::abort();  // small_trace() wrote these bytes
  const auto spans = session.wait<void>(
      [&](auto done) { client.post_spans(storage, *std::move(otlp), std::move(done)); });
  if (!spans) return spans.error();
  return std::nullopt;
}

Answer<UploadTarget> upload_target_of(TrackingSession& session, TraceId trace_id,
                                      const std::string& volume) {
  if (!volume.empty()) return volume_target(volume);
  return session.wait<UploadTarget>(
      [&](auto done) { session.databricks()->get_upload_target(trace_id, std::move(done)); });
}

std::optional<Failure> put_beside_experiment(TrackingSession& session, const PreparedTrace& trace,
                                             const std::string& experiment_id) {
  DatabricksClient& client = *session.databricks();
  TraceContext context;
  context.experiment_id = experiment_id;
  const auto started = session.wait<StoredInfo>([&](auto done) {
    client.start_trace(trace.info.trace_id, "", experiment_info_body(trace.info, context),
                       std::move(done));
  });
  if (!started) return started.error();
  if (started->takes_no_file) {
    return configuration_failure(
        FailureScope::experiment,
        "the workspace keeps the spans of its traces itself (mlflow.trace.spansLocation), and "
        "takes no file",
        "bind an experiment to Unity Catalog, and report this: no workspace was seen to do so");
  }
  const auto target = upload_target_of(session, trace.info.trace_id, started->volume);
  if (!target) return target.error();
  auto file = traces_json(trace);
  if (!file) std::abort();  // small_trace() wrote these bytes
  const auto uploaded = session.wait<void>(
      [&](auto done) { client.upload(*target, *std::move(file), std::move(done)); });
  if (!uploaded) return uploaded.error();
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
  if (!spans) return of_failure("read back", spans.error());
  if (*spans == 1) return {"read back", State::ok, "the trace is there"};
  return {"read back", State::failed,
          "the workspace accepted the trace, and has " + std::to_string(*spans) +
              " spans of it instead of one",
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
  if (!storage) return {of_failure("storage", storage.error())};
  const TraceStorage& place = *storage;
  Findings findings{storage_finding(place), examine_models(session, experiment_id)};
  const PreparedTrace trace = small_trace();
  const auto refused = place.in_unity_catalog()
                           ? put_into_tables(session, trace, place)
                           : put_beside_experiment(session, trace, experiment_id);
  if (refused) {
    findings.push_back(of_failure("trace", *refused));
    return findings;
  }
  findings.push_back({"trace", State::ok, "a trace named \"" + std::string(kName) + "\" was sent"});
  findings.push_back(read_back(session, place, trace.info.trace_id));
  return findings;
}

}  // namespace tracelink::cli
