#include "daemon/cli/model_metrics.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "daemon/mlflow/registration/model_choice.hpp"

namespace tracelink::cli {

namespace {

// The run that holds a model's metrics carries its id in this tag.
constexpr const char* kRunTag = "tracelink.model_id";
constexpr std::size_t kMostInRequest = 1000;  // MLflow's limit of log-batch

// The server takes one value of a metric for each instant.
std::int64_t milliseconds_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

// The same one for each model, however often it is asked for.
Answer<std::string> metrics_run(TrackingSession& session, const LoggedModel& model,
                                std::int64_t now_ms) {
  const auto found = session.wait<std::optional<std::string>>([&](auto answered) {
    session.client().find_run(model.experiment_id, kRunTag, model.model_id, std::move(answered));
  });
  if (!found) return found.error();
  if (const auto& run = *found) return *run;
  return session.wait<std::string>([&](auto answered) {
    session.client().create_run(model.experiment_id, "metrics of " + asked_name(model),
                                {{kRunTag, model.model_id}}, now_ms, std::move(answered));
  });
}

}  // namespace

Answer<void> log_model_metrics(TrackingSession& session, const LoggedModel& model,
                               const std::map<std::string, double>& values) {
  const std::int64_t now_ms = milliseconds_now();
  const auto run = metrics_run(session, model, now_ms);
  if (!run) return run.error();
  ModelMetrics metrics{*run, model.model_id, {}, now_ms};
  for (auto next = values.begin(); next != values.end();) {
    metrics.values.clear();
    while (next != values.end() && metrics.values.size() < kMostInRequest) {
      metrics.values.insert(*next++);
    }
    const auto logged = session.wait<void>(
        [&](auto answered) { session.client().log_metrics(metrics, std::move(answered)); });
    if (!logged) return logged.error();
  }
  return {};
}

}  // namespace tracelink::cli
