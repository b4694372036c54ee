#include "daemon/mlflow/rest/rest_answers.hpp"
#include "daemon/mlflow/rest/tracking_client.hpp"

// TrackingClient's calls about runs, and about the metrics that they keep for LoggedModels.
namespace tracelink {
namespace {

constexpr char kRuns[] = "/api/2.0/mlflow/runs/";

std::string run_id_in(const Json& run) { return text_at(member(run, "info"), "run_id"); }

std::optional<std::optional<std::string>> read_first_run(const Json& json) {
  const Json& runs = member(json, "runs");
  if (runs.empty()) return std::optional<std::string>();
  std::string id = run_id_in(runs.front());
  if (id.empty()) return std::nullopt;
  return std::optional<std::string>(std::move(id));
}

std::optional<std::string> read_created_run(const Json& json) {
  std::string id = run_id_in(member(json, "run"));
  return id.empty() ? std::nullopt : std::optional<std::string>(std::move(id));
}

}  // namespace

void TrackingClient::find_run(const std::string& experiment_id, const std::string& tag,
                              const std::string& value,
                              AnswerHandler<std::optional<std::string>> handler) {
  const Json body = {{"experiment_ids", Json::array({experiment_id})},
                     {"filter", "tags.`" + tag + "` = '" + value + "'"},
                     {"max_results", 1}};
  send(request("POST", std::string(kRuns) + "search", to_text(body)),
       [handler = std::move(handler)](const Result<HttpResponse>& answer) {
         handler(read_answer<std::optional<std::string>>(Operation::logged_model, answer,
                                                         read_first_run));
       });
}

void TrackingClient::create_run(const std::string& experiment_id, const std::string& name,
                                const std::map<std::string, std::string>& tags, std::int64_t now_ms,
                                AnswerHandler<std::string> handler) {
  const Json body = {{"experiment_id", experiment_id},
                     {"run_name", name},
                     {"start_time", now_ms},
                     {"tags", key_values(tags)}};
  send(request("POST", std::string(kRuns) + "create", to_text(body)),
       [this, now_ms, handler = std::move(handler)](const Result<HttpResponse>& answer) {
         auto created = read_answer<std::string>(Operation::logged_model, answer, read_created_run);
         if (!created) return handler(created.error());
         const std::string& id = *created;
         const Json end = {{"run_id", id}, {"status", "FINISHED"}, {"end_time", now_ms}};
         change_model("POST", std::string(kRuns) + "update", to_text(end),
                      [id, handler](const Answer<void>& ended) {
                        if (!ended) {
                          return handler(ended.error());
                        }
                        handler(id);
                      });
       });
}

void TrackingClient::log_metrics(const ModelMetrics& metrics, AnswerHandler<void> handler) {
  Json list = Json::array();
  for (const auto& [key, value] : metrics.values) {
    list.push_back({{"key", key},
                    {"value", value},
                    {"timestamp", metrics.timestamp_ms},
                    {"step", 0},
                    {"model_id", metrics.model_id}});
  }
  const Json body = {{"run_id", metrics.run_id}, {"metrics", std::move(list)}};
  change_model("POST", std::string(kRuns) + "log-batch", to_text(body), std::move(handler));
}

}  // namespace tracelink
