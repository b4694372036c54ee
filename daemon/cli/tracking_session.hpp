#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "config/config.hpp"
#include "daemon/app/tracking_http.hpp"
#include "daemon/base/clock.hpp"
#include "daemon/base/posix_file_system.hpp"
#include "daemon/base/random_source.hpp"
#include "daemon/cli/common.hpp"
#include "daemon/destination/databricks/databricks_client.hpp"
#include "daemon/destination/databricks/remedies.hpp"
#include "daemon/destination/databricks/trace_storage.hpp"
#include "daemon/http/http_client.hpp"
#include "daemon/mlflow/rest/tracking_client.hpp"

namespace tracelink::cli {

// A tracking client that waits for each answer: for commands, which do one thing at a time.
class TrackingSession {
 public:
  static Result<std::unique_ptr<TrackingSession>> open(const Config& config);

  TrackingClient& client() { return *client_; }
  HttpClient& http() { return http_->api(); }
  TokenSource* tokens() { return http_->tokens(); }  // nullptr: the server is not Databricks

  // The traces of a workspace; nullptr: the server is not Databricks.
  DatabricksClient* databricks() { return databricks_.get(); }
  // Where it keeps those of an experiment, asked once. Precondition: databricks().
  Answer<TraceStorage> storage_of(const std::string& experiment_id);
  // By which it reads from Unity Catalog; empty: none is configured.
  const std::string& warehouse_id() const { return warehouse_id_; }

  // Starts a call and runs it to its end: session.wait<LoggedModel>([&](auto done) {
  // client.get_model(id, done); }).
  template <class T>
  Answer<T> wait(const std::function<void(AnswerHandler<T>)>& start) {
    std::optional<Answer<T>> answer;
    start([&answer](Answer<T> value) { answer = std::move(value); });
    while (!answer) http().poll(std::chrono::milliseconds{1000});
    if (!*answer && databricks_) {
      Failure& failure = answer->error();
      failure.remedy = remedy::in_databricks_words(failure.remedy);
    }
    return std::move(*answer);
  }

 private:
  TrackingSession() = default;

  PosixFileSystem fs_;
  SystemClock clock_;
  SystemRandomSource random_;
  std::unique_ptr<TrackingHttp> http_;
  std::unique_ptr<TrackingClient> client_;
  std::unique_ptr<DatabricksClient> databricks_;
  std::string warehouse_id_;
  std::optional<TraceStorage> configured_storage_;
  std::map<std::string, TraceStorage> storages_;  // by experiment
};

// Says what went wrong with its remedy: kUnreachable when no answer came, else kFailed.
int fail(const Failure& failure);

}  // namespace tracelink::cli
