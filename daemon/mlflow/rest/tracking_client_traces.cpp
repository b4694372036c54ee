#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "daemon/codec/compression.hpp"
#include "daemon/mlflow/rest/error_message.hpp"
#include "daemon/mlflow/rest/export_answer.hpp"
#include "daemon/mlflow/rest/remedies.hpp"
#include "daemon/mlflow/rest/rest_answers.hpp"
#include "daemon/mlflow/rest/started_trace.hpp"
#include "daemon/mlflow/rest/trace_name.hpp"
#include "daemon/mlflow/rest/tracking_client.hpp"
#include "daemon/mlflow/rest/uri.hpp"
#include "daemon/mlflow/trace/text_limits.hpp"
#include "daemon/mlflow/trace/trace_metadata.hpp"
#include "daemon/text/percent.hpp"

// TrackingClient's calls about traces and spans.
namespace tracelink {
namespace {

constexpr char kSpansLocation[] = "mlflow.trace.spansLocation";  // a tag that comes with the spans
constexpr char kSpansPath[] = "/v1/traces";
constexpr std::chrono::milliseconds kUploadWithin{120'000};  // of an artifact
constexpr std::size_t kEchoCharacters = 250;                 // answers show no more of a value

using Metadata = std::map<std::string, std::string>;

// Something else that answers in MLflow's place does not know what MLflow says.
bool says_changed(TraceChange::Kind kind, const Json& json) {
  using Kind = TraceChange::Kind;
  switch (kind) {
    case Kind::create_assessment:
    case Kind::update_assessment:
      return member(json, "assessment").is_object();
    case Kind::delete_trace:
    case Kind::delete_until:
      return member(json, "traces_deleted").is_number_integer();
    default:
      return json.empty();
  }
}

Answer<void> read_change(TraceChange::Kind kind, const Result<HttpResponse>& answer) {
  const auto json = read_json(Operation::end_trace, answer);
  if (!json) return json.error();
  if (!says_changed(kind, *json)) {
    return not_mlflow(*answer, "the server's answer does not say that the trace was changed");
  }
  // As it answers where the trace is unknown, or in another experiment than the deletion names.
  if (kind == TraceChange::Kind::delete_trace && (*json)["traces_deleted"] == 0) {
    Failure failure = unexpected_answer(*answer, "the server deleted no trace");
    failure.remedy = remedy::kDeletedElsewhere;
    return failure;
  }
  return {};
}

// 3.17 answers an upload so.
bool says_nothing(const Result<HttpResponse>& answer) {
  return answer && answer->status == 200 && answer->body.empty();
}

std::optional<std::string> link_in(const Metadata& metadata) {
  const auto link = metadata.find(kModelIdKey);
  return link == metadata.end() ? std::nullopt : std::optional(link->second);
}

// A link counts only if the server repeats it: it answers 200 to bodies that it read in part
// (docs/mlflow-servers.md#values-of-the-wrong-type).
std::optional<Failure> check_link(const HttpResponse& response,
                                  const std::optional<std::string>& asked,
                                  const std::string& stored) {
  if (!asked ||
      first_code_points(*asked, kEchoCharacters) == first_code_points(stored, kEchoCharacters)) {
    return std::nullopt;
  }
  return unexpected_answer(response, "the server did not store the trace's model");
}

Failure about_another_trace(const HttpResponse& response) {
  return not_mlflow(response, "the server's answer is not about the trace that was asked for");
}

std::optional<KnownTrace> read_known_trace(const Json& json, TraceId trace_id) {
  const Json& info = member(member(json, "trace"), "trace_info");
  const Json& experiment = member(member(info, "trace_location"), "mlflow_experiment");
  KnownTrace trace{text_at(experiment, "experiment_id"),
                   !text_at(member(info, "tags"), kSpansLocation).empty()};
  if (trace.experiment_id.empty() || text_at(info, "trace_id") != trace_name(trace_id))
    return std::nullopt;
  return trace;
}

}  // namespace

void TrackingClient::start_trace(const TraceInfo& info, const std::string& experiment_id,
                                 std::string model_id, bool with_token_usage,
                                 const Metadata& extra_metadata, AnswerHandler<bool> handler) {
  if (experiment_id.empty()) std::abort();
  Metadata metadata = info.metadata;
  metadata.insert(extra_metadata.begin(), extra_metadata.end());
  if (!model_id.empty()) metadata[kModelIdKey] = std::move(model_id);
  if (with_token_usage && info.token_usage) metadata[kTokenUsageKey] = info.token_usage->to_json();
  std::string body = start_trace_body(info, experiment_id, metadata);
  send(request("POST", "/api/3.0/mlflow/traces", std::move(body)),
       [link = link_in(metadata), name = trace_name(info.trace_id), experiment_id,
        handler = std::move(handler)](const Result<HttpResponse>& answer) {
         if (!is_success(answer)) return handler(classify(Operation::start_trace, answer));
         const auto started = read_started_trace(answer->body);
         if (!started) return handler(not_json(*answer));
         if (started->name != name) return handler(about_another_trace(*answer));
         if (auto failure = check_link(*answer, link, started->model_id)) return handler(*failure);
         if (!started->experiment_id.empty() && started->experiment_id != experiment_id) {
           return handler(unexpected_answer(*answer, "the server stored the trace in experiment " +
                                                         started->experiment_id + " and not in " +
                                                         experiment_id));
         }
         handler(started->has_spans);
       });
}

void TrackingClient::end_trace(const TraceInfo& info, const Metadata& metadata,
                               AnswerHandler<void> handler) {
  std::string body = end_trace_body(info, metadata);
  send(request("PATCH", "/api/2.0/mlflow/traces/" + trace_name(info.trace_id), std::move(body)),
       [asked = link_in(metadata), name = trace_name(info.trace_id),
        handler = std::move(handler)](const Result<HttpResponse>& answer) {
         const auto json = read_json(Operation::end_trace, answer);
         if (!json) return handler(json.error());
         const Json& stored = member(*json, "trace_info");
         if (text_at(stored, "request_id") != name) return handler(about_another_trace(*answer));
         const std::string link = read_key_values(member(stored, "request_metadata"))[kModelIdKey];
         if (auto failure = check_link(*answer, asked, link)) return handler(*failure);
         handler({});
       });
}

void TrackingClient::get_trace(TraceId trace_id, AnswerHandler<std::optional<KnownTrace>> handler) {
  send(request("GET", "/api/3.0/mlflow/traces/" + trace_name(trace_id)),
       [trace_id, handler = std::move(handler)](const Result<HttpResponse>& answer) {
         if (is_unknown_resource(answer)) return handler(std::optional<KnownTrace>());
         const auto read = [trace_id](const Json& json) {
           return read_known_trace(json, trace_id);
         };
         handler(optional_of(read_answer<KnownTrace>(Operation::get_trace, answer, read)));
       });
}

void TrackingClient::read_trace(TraceId trace_id,
                                AnswerHandler<std::optional<StoredTrace>> handler) {
  send(request("GET", "/api/3.0/mlflow/traces/batchGet?trace_ids=" + trace_name(trace_id)),
       [trace_id, handler = std::move(handler)](const Result<HttpResponse>& answer) {
         if (!is_success(answer)) return handler(classify(Operation::get_trace, answer));
         auto trace = read_stored_trace(trace_id, answer->body);
         if (!trace && trace.error().code == ErrorCode::too_large) {
           return handler(classify(Operation::get_trace, trace.error()));
         }
         if (!trace) return handler(not_mlflow(*answer, trace.error().message));
         const bool is_about_it = !*trace || (*trace)->name == trace_name(trace_id);
         if (!is_about_it) return handler(about_another_trace(*answer));
         handler(*std::move(trace));
       });
}

void TrackingClient::read_trace_error(const std::string& trace,
                                      AnswerHandler<std::optional<std::string>> handler) {
  send(request("GET", "/api/3.0/mlflow/traces/batchGet?trace_ids=" + percent_encode(trace)),
       [handler = std::move(handler)](const Result<HttpResponse>& answer) {
         if (!is_success(answer)) return handler(classify(Operation::get_trace, answer));
         handler(read_error_message(answer->body));
       });
}

void TrackingClient::link_to_run(TraceId trace_id, const std::string& run_id,
                                 AnswerHandler<void> handler) {
  const Json body = {{"trace_ids", Json::array({trace_name(trace_id)})}, {"run_id", run_id}};
  send(request("POST", "/api/2.0/mlflow/traces/link-to-run", to_text(body)),
       [handler = std::move(handler)](const Result<HttpResponse>& answer) {
         handler(read_nothing(Operation::end_trace, answer));
       });
}

void TrackingClient::change_trace(const TraceChange& change, AnswerHandler<void> handler) {
  const bool is_deletion = change.kind == TraceChange::Kind::delete_tag;
  const bool is_upload = change.kind == TraceChange::Kind::put_artifact;
  ChangeRequest asked = request_of(change);
  HttpRequest sent = request(asked.method, asked.path);
  sent.headers.emplace_back("Content-Type", std::move(asked.content_type));
  sent.body = std::move(asked.body);
  if (is_upload) sent.timeout = std::max(sent.timeout, kUploadWithin);
  send(std::move(sent), [is_deletion, is_upload, kind = change.kind,
                         handler = std::move(handler)](const Result<HttpResponse>& answer) {
    if (is_deletion && is_unknown_resource(answer)) return handler({});
    if (is_upload && says_nothing(answer)) return handler({});
    handler(read_change(kind, answer));
  });
}

void TrackingClient::has_assessment(TraceId trace_id, const std::string& assessment_id,
                                    AnswerHandler<bool> handler) {
  const std::string path = "/api/3.0/mlflow/traces/" + trace_name(trace_id) + "/assessments/";
  send(request("GET", path + percent_encode(assessment_id)),
       [handler = std::move(handler)](const Result<HttpResponse>& answer) {
         if (is_unknown_resource(answer)) return handler(false);
         const auto json = read_json(Operation::get_trace, answer);
         if (!json) return handler(json.error());
         handler(member(*json, "assessment").is_object());
       });
}

void TrackingClient::post_spans(std::string experiment_id, std::string otlp,
                                AnswerHandler<void> handler) {
  if (experiment_id.empty()) std::abort();
  HttpRequest spans = request("POST", kSpansPath);
  spans.headers.emplace_back("Content-Type", "application/x-protobuf");
  spans.headers.emplace_back("x-mlflow-experiment-id", std::move(experiment_id));
  if (capabilities_.gzip) spans.headers.emplace_back("Content-Encoding", "gzip");
  spans.body = capabilities_.gzip ? compress_gzip(otlp) : std::move(otlp);
  send_spans(std::move(spans), [handler = std::move(handler)](const Result<HttpResponse>& answer) {
    handler(read_export_answer(answer));
  });
}

// Below a static prefix the route has lived in both places
// (docs/mlflow-servers.md#the-place-of-v1traces): the one that answered last is asked first, the
// other one if there is no such route.
void TrackingClient::send_spans(HttpRequest spans, Read read) {
  const std::string origin(origin_of(options_.uri));
  const bool at_root = spans_at_root_;
  spans.url = (at_root ? origin : options_.uri) + kSpansPath;
  if (origin == options_.uri) return send(std::move(spans), std::move(read));
  HttpRequest other = spans;
  other.url = (at_root ? options_.uri : origin) + kSpansPath;
  const auto read_other = [this, at_root, read](const Result<HttpResponse>& answer) {
    if (answer && !is_missing_route(*answer)) spans_at_root_ = !at_root;
    read(answer);
  };
  send(std::move(spans),
       [this, read, read_other, other = std::move(other)](const Result<HttpResponse>& answer) {
         if (!answer || !is_missing_route(*answer)) return read(answer);
         send(other, read_other);
       });
}

}  // namespace tracelink
