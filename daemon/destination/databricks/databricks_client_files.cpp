#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "daemon/destination/databricks/databricks_answer.hpp"
#include "daemon/destination/databricks/databricks_client.hpp"
#include "daemon/mlflow/rest/trace_name.hpp"
#include "daemon/mlflow/trace/trace_metadata.hpp"

// Traces beside an experiment: their infos, and the files with their spans.
namespace tracelink {
namespace {

// What stores a file does so in less; one that is out of reach keeps one of few slots so long.
constexpr std::chrono::seconds kStoredWithin{10};
constexpr std::size_t kBytesASecond = 512u << 10;

constexpr char kUnknownWay[] = "the workspace offers a way to its files that is not known here";
constexpr char kPlain[] = "the workspace offers an address without TLS for its files";
constexpr char kEmpty[] = "nothing instead of the file of a trace";
constexpr char kPage[] = "a web page instead of the answer of object storage";

std::optional<std::string> linked_model(const Json& info) {
  const Json& metadata = member(info, "trace_metadata");
  if (!metadata.is_object() || metadata.empty()) return std::nullopt;
  return text_at(metadata, kModelIdKey);
}

StoredInfo stored_info(const Json& info) {
  const Json& tags = member(info, "tags");
  return {.existed = false,
          .takes_no_file = text_at(tags, "mlflow.trace.spansLocation") == "TRACKING_STORE",
          .volume = volume_of(text_at(tags, "mlflow.artifactLocation")),
          .model_id = linked_model(info)};
}

std::string credentials_path(TraceId trace_id, const char* way) {
  return "/api/2.0/mlflow/traces/" + trace_name(trace_id) + "/credentials-for-data-" + way;
}

DatabricksRequest about(const UploadTarget& target) {
  if (target.kind != UploadTarget::Kind::volume) return {DatabricksCall::upload, {}};
  return {DatabricksCall::volume, {}, target.url};
}

// Spans go without TLS only where the workspace itself has none.
Answer<UploadTarget> read_target(const std::string& host, const Result<HttpResponse>& answer) {
  auto json = read_object({DatabricksCall::credentials, {}}, answer);
  if (!json) return std::move(json).error();
  auto target = read_upload_target(*json);
  if (!target) return not_of_storage(kUnknownWay);
  if (host.starts_with("https:") && !target->url.starts_with("https:")) {
    return not_of_storage(kPlain);
  }
  return *std::move(target);
}

// No file is empty, but one in ADLS whose upload ended after it was created.
Answer<DatabricksClient::File> read_content(const UploadTarget& target,
                                            const HttpResponse& answer) {
  if (answer.body.empty() && target.kind != UploadTarget::Kind::azure_file) {
    return not_of_storage(kEmpty);
  }
  return DatabricksClient::File(answer.body);
}

std::chrono::milliseconds time_for(std::size_t bytes) {
  return kStoredWithin + std::chrono::seconds(bytes / kBytesASecond);
}

// Proxies answer with one, and have stored nothing.
bool is_web_page(const HttpResponse& answer) { return read_answer_text(answer).html; }

}  // namespace

void DatabricksClient::start_trace(TraceId trace_id, const std::string& model_id, std::string body,
                                   AnswerHandler<StoredInfo> handler) {
  api_.send(request("POST", "/api/3.0/mlflow/traces", std::move(body)),
            [name = trace_name(trace_id), model_id,
             handler = std::move(handler)](const Result<HttpResponse>& answer) {
              auto json = read_object({DatabricksCall::start_trace, {}}, answer);
              if (!json) {
                if (says_info_exists(json.error())) return handler(StoredInfo{.existed = true});
                return handler(std::move(json).error());
              }
              const Json& stored = member(member(*json, "trace"), "trace_info");
              if (auto failure = check_info(*answer, stored, name, model_id)) {
                return handler(*std::move(failure));
              }
              handler(stored_info(stored));
            });
}

void DatabricksClient::get_info(TraceId trace_id,
                                AnswerHandler<std::optional<StoredInfo>> handler) {
  const std::string name = trace_name(trace_id);
  api_.send(request("GET", "/api/3.0/mlflow/traces/" + name),
            [name, handler = std::move(handler)](const Result<HttpResponse>& answer) {
              auto json = read_object({DatabricksCall::start_trace, {}}, answer);
              if (!json) {
                if (says_missing(json.error())) return handler(std::optional<StoredInfo>());
                return handler(std::move(json).error());
              }
              const Json& stored = member(member(*json, "trace"), "trace_info");
              if (text_at(stored, "trace_id") != name) {
                return handler(not_databricks(*answer, "the answer is not about the trace"));
              }
              handler(std::optional(stored_info(stored)));
            });
}

void DatabricksClient::get_upload_target(TraceId trace_id, AnswerHandler<UploadTarget> handler) {
  api_.send(request("GET", credentials_path(trace_id, "upload")),
            [this, handler = std::move(handler)](const Result<HttpResponse>& answer) {
              handler(read_target(options_.host, answer));
            });
}

void DatabricksClient::read_file(TraceId trace_id, const std::string& volume,
                                 AnswerHandler<File> handler) {
  if (!volume.empty()) return download(volume_target(volume), std::move(handler));
  api_.send(request("GET", credentials_path(trace_id, "download")),
            [this, handler = std::move(handler)](const Result<HttpResponse>& answer) {
              const auto target = read_target(options_.host, answer);
              if (target) return download(*target, handler);
              handler(target.error());
            });
}

HttpClient& DatabricksClient::client_of(const UploadTarget& target) {
  return target.kind == UploadTarget::Kind::volume ? api_ : storage_;
}

void DatabricksClient::download(const UploadTarget& target, AnswerHandler<File> handler) {
  const bool in_volume = target.kind == UploadTarget::Kind::volume;
  HttpRequest get = request("GET", files_api_path(target.url));
  if (!in_volume) get.url = target.url;
  get.headers = target.headers;
  client_of(target).send(
      std::move(get), [target, handler = std::move(handler)](const Result<HttpResponse>& answer) {
        if (answer && answer->status == 200) return handler(read_content(target, *answer));
        Failure failure = classify_databricks(about(target), answer);
        const bool by_workspace = target.kind == UploadTarget::Kind::volume;
        const bool is_none =
            by_workspace ? says_missing(failure) : answer && says_no_object(*answer);
        if (is_none) return handler(File());
        handler(std::move(failure));
      });
}

struct DatabricksClient::Upload {
  UploadTarget target;
  std::deque<HttpRequest> requests;
  AnswerHandler<void> handler;
};

void DatabricksClient::upload(const UploadTarget& target, std::string body,
                              AnswerHandler<void> handler) {
  auto upload = std::make_shared<Upload>();
  upload->target = target;
  for (HttpRequest& part : upload_requests(target, std::move(body))) {
    part.timeout = std::min(options_.timeout, time_for(part.body.size()));
    if (target.kind == UploadTarget::Kind::volume) {
      part.timeout = options_.timeout;
      part.url.insert(0, options_.host);
    }
    upload->requests.push_back(std::move(part));
  }
  upload->handler = std::move(handler);
  send_next(upload);
}

void DatabricksClient::send_next(const std::shared_ptr<Upload>& upload) {
  HttpRequest next = std::move(upload->requests.front());
  upload->requests.pop_front();
  client_of(upload->target)
      .send(std::move(next), [this, upload](const Result<HttpResponse>& answer) {
        const bool stored = answer && answer->status >= 200 && answer->status < 300;
        if (!stored) return upload->handler(classify_databricks(about(upload->target), answer));
        if (is_web_page(*answer)) return upload->handler(not_of_storage(kPage));
        if (!upload->requests.empty()) return send_next(upload);
        upload->handler({});
      });
}

}  // namespace tracelink
