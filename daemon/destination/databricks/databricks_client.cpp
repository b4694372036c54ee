#include "daemon/destination/databricks/databricks_client.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "daemon/destination/databricks/databricks_answer.hpp"
#include "daemon/destination/databricks/trace_bodies.hpp"
#include "daemon/mlflow/rest/answer_text.hpp"
#include "daemon/mlflow/rest/export_answer.hpp"
#include "daemon/mlflow/rest/rest_answers.hpp"
#include "daemon/text/percent.hpp"

namespace tracelink {
namespace {

// Nothing: none was rejected.
std::optional<std::string> rejection(const std::optional<PartialSuccess>& partial) {
  if (!partial || partial->rejected_spans == 0) return std::nullopt;
  return std::to_string(partial->rejected_spans) + " spans were rejected: " + partial->message;
}

// The same as JSON, where a 64-bit number is a text or a number. Nothing: none was rejected.
std::optional<std::string> rejection_in_json(const Json& answer) {
  const Json& partial = member(answer, "partialSuccess");
  std::string count = text_at(partial, "rejectedSpans");
  if (count.empty()) count = std::to_string(number_at(partial, "rejectedSpans"));
  if (count == "0") return std::nullopt;
  return count + " spans were rejected: " + text_at(partial, "errorMessage");
}

Failure rejected(const HttpResponse& response, std::string message) {
  Failure failure;
  failure.failure_class = FailureClass::poison;
  failure.http_status = response.status;
  failure.message = std::move(message);
  return failure;
}

// What refuses calls that a success; spans are not read back, so that they would be lost.
bool is_refusal(const Json& answer) {
  constexpr std::array<const char*, 4> kKeys = {"error_code", "error", "code", "message"};
  return std::ranges::any_of(kKeys, [&](const char* key) { return answer.contains(key); });
}

Answer<void> read_json_export(const HttpResponse& answer, const Json& json) {
  if (is_refusal(json)) {
    const std::string said = read_answer_text(answer).message;
    return not_databricks(answer, "the answer to spans is an error with the status of a success" +
                                      (said.empty() ? said : ": " + said));
  }
  if (auto message = rejection_in_json(json)) return rejected(answer, *std::move(message));
  return {};
}

// Databricks' success is an empty body, an ExportTraceServiceResponse, or a JSON object.
Answer<void> read_export(const TraceStorage& storage, const Result<HttpResponse>& answer) {
  if (!answer || answer->status != 200) {
    return classify_databricks({DatabricksCall::spans, storage}, answer);
  }
  const auto type = answer->header("content-type").value_or("");
  if (answer->body.empty() && !type.starts_with("text/html")) return {};
  if (const Json json = parse_answer(answer->body); json.is_object()) {
    return read_json_export(*answer, json);
  }
  if (!type.starts_with("application/x-protobuf")) {
    return not_databricks(*answer, "the answer to spans is neither OTLP's nor JSON");
  }
  const auto partial = read_partial_success(answer->body);
  if (!partial) {
    return not_databricks(*answer, "the answer to spans is no protobuf, whatever its type says");
  }
  if (auto message = rejection(*partial)) return rejected(*answer, *std::move(message));
  return {};
}

// A trace in Unity Catalog has its place in its name.
TracePage named_in(const TraceStorage& storage, TracePage page) {
  const std::string prefix = "trace:/" + storage.location() + "/";
  for (TraceSummary& trace : page.traces) {
    if (!trace.trace_id.starts_with("trace:/")) trace.trace_id.insert(0, prefix);
  }
  return page;
}

// An operation that has not ended, or its page; one that failed has an error in place of that.
Answer<TraceSearch> read_search(const TraceStorage& storage, const Result<HttpResponse>& answer) {
  auto json = read_object({DatabricksCall::query, storage}, answer);
  if (!json) return std::move(json.error());
  const Json& operation = *json;
  TraceSearch search{.operation = text_at(operation, "name"),
                     .is_done = member(operation, "done") == true,
                     .page = {}};
  if (const Json& error = member(operation, "error"); !error.is_null()) {
    const std::string said = error.is_object() ? text_at(error, "message") : to_text(error);
    Failure failure = rejected(*answer, "the search failed: " + said);
    failure.error_code = text_at(error, "error_code");
    return failure;
  }
  if (!search.is_done && search.operation.empty()) {
    return not_databricks(*answer, "the answer to a search names no operation");
  }
  if (!search.is_done) return search;
  const Json& found = member(operation, "response");
  Json page = {{"traces", member(found, "trace_infos")},
               {"next_page_token", text_at(found, "next_page_token")}};
  auto read = read_trace_page(page);
  if (!read) return not_databricks(*answer, "the answer to a search names no traces");
  search.page = named_in(storage, *std::move(read));
  return search;
}

}  // namespace

DatabricksClient::DatabricksClient(Options options, HttpClient& api, HttpClient& storage)
    : options_(std::move(options)), api_(api), storage_(storage) {}

HttpRequest DatabricksClient::request(std::string method, const std::string& path,
                                      std::string body) const {
  HttpRequest request;
  request.method = std::move(method);
  request.url = options_.host + path;
  if (!body.empty()) request.headers.emplace_back("Content-Type", "application/json");
  request.body = std::move(body);
  request.timeout = options_.timeout;
  return request;
}

void DatabricksClient::get_experiment_tags(const std::string& experiment_id,
                                           AnswerHandler<Tags> handler) {
  const std::string path =
      "/api/2.0/mlflow/experiments/get?experiment_id=" + percent_encode(experiment_id);
  api_.send(request("GET", path),
            [experiment_id, handler = std::move(handler)](const Result<HttpResponse>& answer) {
              auto json = read_object({DatabricksCall::experiment, {}}, answer);
              if (!json) return handler(std::move(json).error());
              const Json& experiment = member(*json, "experiment");
              if (text_at(experiment, "experiment_id") != experiment_id) {
                return handler(not_databricks(*answer, "the answer is not about the experiment"));
              }
              handler(read_key_values(member(experiment, "tags")));
            });
}

void DatabricksClient::put_info(const TraceStorage& storage, TraceId trace_id,
                                const std::string& model_id, std::string body,
                                AnswerHandler<void> handler) {
  const std::string path = "/api/4.0/mlflow/traces/" + percent_encode(storage.location()) + "/" +
                           trace_id.hex() + "/info";
  api_.send(request("POST", path, std::move(body)),
            [storage, name = trace_id.hex(), model_id,
             handler = std::move(handler)](const Result<HttpResponse>& answer) {
              auto json = read_object({DatabricksCall::trace_info, storage}, answer);
              if (!json) {
                if (says_info_exists(json.error())) return handler({});
                return handler(std::move(json).error());
              }
              if (auto failure = check_info(*answer, *json, name, model_id)) {
                return handler(*std::move(failure));
              }
              handler({});
            });
}

void DatabricksClient::post_spans(const TraceStorage& storage, std::string otlp,
                                  AnswerHandler<void> handler) {
  HttpRequest spans = request("POST", "/api/2.0/otel/v1/traces");
  spans.headers.emplace_back("Content-Type", "application/x-protobuf");
  spans.headers.emplace_back("X-Databricks-UC-Table-Name", storage.spans_table);
  spans.body = std::move(otlp);
  api_.send(std::move(spans),
            [storage, handler = std::move(handler)](const Result<HttpResponse>& answer) {
              handler(read_export(storage, answer));
            });
}

void DatabricksClient::search_traces(const TraceStorage& storage, const TraceQuery& query,
                                     const std::string& warehouse_id,
                                     AnswerHandler<TraceSearch> handler) {
  api_.send(request("POST", "/api/4.0/mlflow/traces/search-long-running",
                    trace_search_body(storage, query, warehouse_id)),
            [storage, handler = std::move(handler)](const Result<HttpResponse>& answer) {
              handler(read_search(storage, answer));
            });
}

void DatabricksClient::get_search(const TraceStorage& storage, const std::string& operation,
                                  AnswerHandler<TraceSearch> handler) {
  api_.send(request("GET", "/api/4.0/mlflow/traces/search/operations/" + percent_encode(operation)),
            [storage, handler = std::move(handler)](const Result<HttpResponse>& answer) {
              handler(read_search(storage, answer));
            });
}

void DatabricksClient::get_spans(const TraceStorage& storage, const std::string& trace_hex,
                                 const std::string& warehouse_id,
                                 AnswerHandler<std::string> handler) {
  const std::string path = "/api/4.0/mlflow/traces/" + percent_encode(storage.location()) +
                           "/batchGet?trace_ids=" + percent_encode(trace_hex) +
                           "&sql_warehouse_id=" + percent_encode(warehouse_id);
  api_.send(request("GET", path),
            [storage, handler = std::move(handler)](const Result<HttpResponse>& answer) {
              auto json = read_object({DatabricksCall::query, storage}, answer);
              if (!json) return handler(std::move(json).error());
              handler(answer->body);
            });
}

}  // namespace tracelink
