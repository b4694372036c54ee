#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/http/http_client.hpp"
#include "daemon/mlflow/rest/answer.hpp"
#include "daemon/mlflow/rest/capabilities.hpp"
#include "daemon/mlflow/rest/experiment.hpp"
#include "daemon/mlflow/rest/failure.hpp"
#include "daemon/mlflow/rest/logged_model.hpp"
#include "daemon/mlflow/rest/queries.hpp"
#include "daemon/mlflow/rest/stored_trace.hpp"
#include "daemon/mlflow/rest/trace_change.hpp"
#include "daemon/mlflow/trace/trace_info.hpp"

namespace tracelink {

struct Credentials {
  std::string username, password;  // basic; wins over the token when set
  std::string token;               // bearer
};
// Reads those for the server at `uri` again, from wherever they came; nothing while that is not
// possible, or if they are for another server by now.
using CredentialsReader = std::function<std::optional<Credentials>(const std::string& uri)>;

// Which experiments keep their traces in tables of Databricks' Unity Catalog, where the search for
// traces does not see them.
enum class TracesInTables { of_no_experiment, as_tags_say, of_all };

struct TrackingOptions {
  std::string uri;  // http(s)://host[:port][/static-prefix], no trailing slash
  std::chrono::milliseconds timeout{30'000};
  Credentials credentials;
  CredentialsReader read_credentials;  // asked before each request after a 401 or 403
  std::string workspace;               // X-MLFLOW-WORKSPACE
  std::string user_agent;              // tracelinkd/<version>
  // Where there is no GET /version: the one whose requests the server takes. It is not asked then.
  std::optional<ServerVersion> known_version = {};
  TracesInTables traces_in_tables = TracesInTables::of_no_experiment;
};

// What a server knows of a trace beside its spans.
struct KnownTrace {
  std::string experiment_id;  // where it lives
  bool has_spans = false;     // some are stored (3.6 says so always)
};

// MLflow keeps the metrics of a model with a run.
struct ModelMetrics {
  std::string run_id, model_id;
  std::map<std::string, double> values;
  std::int64_t timestamp_ms = 0;
};

// MLflow's REST API, typed: one method per call, no retries, no policy
// (docs/mlflow-servers.md#requests). Every value is sent as a JSON string where the server wants
// strings, and what a 200 echoes is compared with what was asked
// (docs/mlflow-servers.md#values-of-the-wrong-type); a difference is a Failure `unknown`. A success
// that is not MLflow's, or about something else than was asked, is a configuration failure of the
// server.
// Threads: the HttpClient's owner; handlers are called from its poll(). Lifetime: outlives every
// request it sent, i.e. is destroyed after HttpClient::cancel_all() or after the HttpClient.
class TrackingClient {
 public:
  TrackingClient(TrackingOptions options, HttpClient& http);

  // Later requests go to another address, with the credentials that belong to it. Precondition:
  // none is under way.
  void move_to(std::string uri, Credentials credentials);

  // What the server can do, once its version is known; nothing is assumed before.
  void set_capabilities(const Capabilities& capabilities);

  void get_version(AnswerHandler<ServerVersion> handler);

  void get_experiment(const std::string& id, AnswerHandler<Experiment> handler);
  void get_experiment_by_name(const std::string& name,
                              AnswerHandler<std::optional<Experiment>> handler);
  // Nothing in the answer: it exists already (a lost race); get it again.
  void create_experiment(const std::string& name,
                         AnswerHandler<std::optional<std::string>> handler);

  void create_model(CreateModel request, AnswerHandler<LoggedModel> handler);
  void get_model(const std::string& model_id,
                 AnswerHandler<std::optional<LoggedModel>> handler);  // nothing: unknown or deleted
  // By exact name (empty: all), creation time ascending, all pages.
  void search_models(std::string experiment_id, std::string name,
                     AnswerHandler<std::vector<LoggedModel>> handler);
  void query_models(ModelQuery query, AnswerHandler<std::vector<LoggedModel>> handler);
  void finalize_model(const std::string& model_id, AnswerHandler<LoggedModel> handler);  // to READY
  void set_model_tags(const std::string& model_id, const std::map<std::string, std::string>& tags,
                      AnswerHandler<void> handler);
  void log_model_params(const std::string& model_id,
                        const std::map<std::string, std::string>& params,
                        AnswerHandler<void> handler);
  void delete_model_tag(const std::string& model_id, const std::string& key,
                        AnswerHandler<void> handler);
  void delete_model(const std::string& model_id, AnswerHandler<void> handler);
  void search_traces(const TraceQuery& query, AnswerHandler<TracePage> handler);
  // Why it failed, of a trace by its name ("tr-…"), from its spans; nothing: they do not say.
  void read_trace_error(const std::string& trace,
                        AnswerHandler<std::optional<std::string>> handler);
  // The newest run of the experiment with the tag; nothing: there is none.
  void find_run(const std::string& experiment_id, const std::string& tag, const std::string& value,
                AnswerHandler<std::optional<std::string>> handler);
  // A finished one.
  void create_run(const std::string& experiment_id, const std::string& name,
                  const std::map<std::string, std::string>& tags, std::int64_t now_ms,
                  AnswerHandler<std::string> handler);
  void log_metrics(const ModelMetrics& metrics, AnswerHandler<void> handler);
  // Whether any trace of the experiment is linked to the model; nothing: its traces are in tables.
  void has_traces(const std::string& experiment_id, const std::string& model_id,
                  AnswerHandler<std::optional<bool>> handler);

  // StartTraceV3. The answer: whether spans of the trace are stored already (3.6 cannot tell, and
  // says yes). Success only if the answer echoes `model_id` (else Failure unknown); model_id
  // empty: no link. `extra_metadata` (mlflow.source.* and the like) gives way to the trace's own.
  // Precondition: experiment_id is not empty (here and in post_spans: the server would choose one).
  void start_trace(const TraceInfo& info, const std::string& experiment_id, std::string model_id,
                   bool with_token_usage, const std::map<std::string, std::string>& extra_metadata,
                   AnswerHandler<bool> handler);
  // V2 EndTrace: additive and repeatable on every version (docs/mlflow-servers.md#endtrace). Sets
  // `metadata`, the tags, state, and the duration; not the metadata of `info`.
  void end_trace(const TraceInfo& info, const std::map<std::string, std::string>& metadata,
                 AnswerHandler<void> handler);
  // Nothing: no such trace.
  void get_trace(TraceId trace_id, AnswerHandler<std::optional<KnownTrace>> handler);
  // With its spans; nothing: no such trace, or not all of it is stored yet.
  void read_trace(TraceId trace_id, AnswerHandler<std::optional<StoredTrace>> handler);
  // As `x-mlflow-run-id` on /v1/traces does, and with an answer.
  void link_to_run(TraceId trace_id, const std::string& run_id, AnswerHandler<void> handler);
  // A tag that is to go and is not there is a success; a trace that is to go and did not is an
  // unknown failure. Failures of a trace that the server does not
  // know look as any other (docs/mlflow-servers.md#changes-of-a-trace).
  void change_trace(const TraceChange& change, AnswerHandler<void> handler);
  void has_assessment(TraceId trace_id, const std::string& assessment_id,
                      AnswerHandler<bool> handler);
  // POST /v1/traces: below the static prefix or, as older servers have it, at the root.
  void post_spans(std::string experiment_id, std::string otlp, AnswerHandler<void> handler);

  // How often a connection was made: behind each there may be another server.
  std::uint64_t connections() const { return connections_; }

 private:
  void search_linked_traces(const std::string& experiment_id, const std::string& model_id,
                            AnswerHandler<std::optional<bool>> handler);
  using Read = std::function<void(const Result<HttpResponse>&)>;
  struct ModelSearch;

  HttpRequest request(std::string method, const std::string& path, std::string body = {});
  std::vector<std::pair<std::string, std::string>> common_headers() const;
  void send(HttpRequest request, Read read);
  void hide_secrets(std::string& text) const;
  void read_credentials_again();
  void search_page(const std::shared_ptr<ModelSearch>& search);
  void send_spans(HttpRequest spans, Read read);
  void change_model(std::string method, const std::string& path, std::string body,
                    AnswerHandler<void> handler);

  TrackingOptions options_;
  HttpClient& http_;
  Capabilities capabilities_{};
  std::uint64_t connections_ = 0;
  bool refused_ = false;        // by a 401 or 403, and nothing has gone through since
  bool spans_at_root_ = false;  // /v1/traces was found outside the static prefix
};

}  // namespace tracelink
