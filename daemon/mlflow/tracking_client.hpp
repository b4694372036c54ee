#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/http/http_client.hpp"
#include "daemon/mlflow/failure.hpp"
#include "daemon/mlflow/trace_info.hpp"

namespace tracelink {

struct TrackingOptions {
  std::string uri;  // http(s)://host[:port][/static-prefix], no trailing slash
  std::chrono::milliseconds timeout{30'000};
  std::string username, password;  // basic wins over the token when set
  std::string token;               // bearer
  std::string workspace;           // X-MLFLOW-WORKSPACE
  std::string user_agent;          // tracelinkd/<version>
};

struct ServerVersion {
  int major = 0, minor = 0, patch = 0;
  std::string text;
  auto operator<=>(const ServerVersion& other) const;
};

// What differs between server versions: one readable table (MLFLOW section 0).
struct Capabilities {
  bool otlp = true;                        // >= 3.6
  bool gzip = true;                        // >= 3.7
  bool token_usage_in_start_trace = true;  // >= 3.12; below: by EndTrace after the spans
  bool start_trace_after_spans = true;     // >= 3.13; below: EndTrace
};
Capabilities capabilities_of(const ServerVersion& version);

// A LoggedModel with the property names of MLflow's documentation.
struct LoggedModel {
  std::string model_id, name, experiment_id;
  std::int64_t creation_timestamp = 0, last_updated_timestamp = 0;  // ms
  std::string model_type, source_run_id;
  std::string status;  // READY, PENDING, UPLOAD_FAILED, UNSPECIFIED
  std::map<std::string, std::string> tags, params;
  std::string model_uri() const { return "models:/" + model_id; }
};

struct Experiment {
  std::string id, name;
  bool deleted = false;
};

template <class T>
using Answer = std::variant<T, Failure>;
template <class T>
using AnswerHandler = std::function<void(Answer<T>)>;

struct CreateModel {
  std::string experiment_id, name, model_type, source_run_id;
  std::map<std::string, std::string> params, tags;
};

// MLflow's REST API, typed: one method per call, no retries, no policy (MLFLOW-REST section 2).
// Every value is sent as a JSON string where the server wants strings, and what a 200 echoes is
// compared with what was asked (MLFLOW section 3.5). Threads: the HttpClient's owner; handlers are
// called from its poll().
class TrackingClient {
 public:
  TrackingClient(TrackingOptions options, HttpClient& http);

  void get_version(AnswerHandler<ServerVersion> handler);

  void get_experiment(std::string id, AnswerHandler<Experiment> handler);
  void get_experiment_by_name(std::string name, AnswerHandler<std::optional<Experiment>> handler);
  // Nothing in the answer: it exists already (a lost race); get it again.
  void create_experiment(std::string name, AnswerHandler<std::optional<std::string>> handler);

  void create_model(CreateModel request, AnswerHandler<LoggedModel> handler);
  void get_model(std::string model_id,
                 AnswerHandler<std::optional<LoggedModel>> handler);  // nothing: unknown or deleted
  // By exact name (empty: all), creation time ascending, all pages.
  void search_models(std::string experiment_id, std::string name,
                     AnswerHandler<std::vector<LoggedModel>> handler);
  void finalize_model(std::string model_id, AnswerHandler<LoggedModel> handler);  // to READY
  void set_model_tags(std::string model_id, std::map<std::string, std::string> tags,
                      AnswerHandler<std::monostate> handler);
  void log_model_params(std::string model_id, std::map<std::string, std::string> params,
                        AnswerHandler<std::monostate> handler);
  void delete_model(std::string model_id, AnswerHandler<std::monostate> handler);

  // StartTraceV3. Success only if the answer echoes `model_id` (else Failure unknown); model_id
  // empty: no link.
  void start_trace(const TraceInfo& info, std::string experiment_id, std::string model_id,
                   bool with_token_usage, AnswerHandler<std::monostate> handler);
  // V2 EndTrace: additive and repeatable on every version (MLFLOW section 3.3).
  void end_trace(const TraceInfo& info, std::map<std::string, std::string> metadata,
                 AnswerHandler<std::monostate> handler);
  // The experiment a trace lives in; nothing: no such trace.
  void get_trace(TraceId trace_id, AnswerHandler<std::optional<std::string>> handler);
  // POST /v1/traces.
  void post_spans(std::string experiment_id, std::string otlp,
                  AnswerHandler<std::monostate> handler);

 private:
  TrackingOptions options_;
  HttpClient& http_;
};

}  // namespace tracelink
