#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "daemon/destination/databricks/databricks_failure.hpp"
#include "daemon/destination/databricks/upload_target.hpp"
#include "daemon/http/http_client.hpp"
#include "daemon/mlflow/rest/answer.hpp"
#include "daemon/mlflow/rest/queries.hpp"
#include "daemon/types/ids.hpp"

namespace tracelink {

// What the workspace says of the info of a trace beside an experiment.
struct StoredInfo {
  bool existed = false;  // StartTraceV3: an earlier request had stored it. Nothing else is known
  bool takes_no_file = false;  // the server holds the spans of this trace itself
  std::string volume = {};     // the folder of its file, in a volume; empty: behind signed URLs
  // The model that it is linked to; empty: none. Nothing: the answer does not show its metadata.
  std::optional<std::string> model_id = {};
};

// A search that runs in a SQL warehouse.
struct TraceSearch {
  std::string operation;  // by which its end is asked for
  bool is_done = false;
  TracePage page;  // once it is
};

// Databricks' API for traces, typed: one method per call, no retries, no policy
// (docs/databricks.md#requests).
//
// Threads: the HttpClient's owner; handlers are called from its poll(). Lifetime: outlives every
// request that it sent.
class DatabricksClient {
 public:
  struct Options {
    std::string host;  // https://workspace, no trailing slash
    std::chrono::milliseconds timeout{30'000};
  };
  // `api` adds the credentials of the workspace; `storage` adds none: signed URLs carry their own.
  DatabricksClient(Options options, HttpClient& api, HttpClient& storage);

  using Tags = std::map<std::string, std::string>;
  void get_experiment_tags(const std::string& experiment_id, AnswerHandler<Tags> handler);

  // Unity Catalog. The info repeated replaces the one before; spans repeated are stored twice.
  // `model_id`: the link that `body` has, compared with what is answered.
  void put_info(const TraceStorage& storage, TraceId trace_id, const std::string& model_id,
                std::string body, AnswerHandler<void> handler);
  void post_spans(const TraceStorage& storage, std::string otlp, AnswerHandler<void> handler);

  // Experiment storage. A file is written whole, in the place of one that is there.
  // `model_id` as above.
  void start_trace(TraceId trace_id, const std::string& model_id, std::string body,
                   AnswerHandler<StoredInfo> handler);
  void get_info(TraceId trace_id, AnswerHandler<std::optional<StoredInfo>> handler);
  // Without a volume.
  void get_upload_target(TraceId trace_id, AnswerHandler<UploadTarget> handler);
  void upload(const UploadTarget& target, std::string body, AnswerHandler<void> handler);
  // Nothing: who keeps the file says that there is none. Any other 404 is a Failure.
  using File = std::optional<std::string>;
  void read_file(TraceId trace_id, const std::string& volume, AnswerHandler<File> handler);

  // Reading from Unity Catalog takes a SQL warehouse, and seconds.
  void search_traces(const TraceStorage& storage, const TraceQuery& query,
                     const std::string& warehouse_id, AnswerHandler<TraceSearch> handler);
  void get_search(const TraceStorage& storage, const std::string& operation,
                  AnswerHandler<TraceSearch> handler);
  // The answer's text, as TrackingClient::read_trace_error() reads it.
  void get_spans(const TraceStorage& storage, const std::string& trace_hex,
                 const std::string& warehouse_id, AnswerHandler<std::string> handler);

 private:
  struct Upload;
  HttpRequest request(std::string method, const std::string& path, std::string body = {}) const;
  void download(const UploadTarget& target, AnswerHandler<File> handler);
  // What asks for the file: with our credentials only where the workspace serves it.
  HttpClient& client_of(const UploadTarget& target);
  void send_next(const std::shared_ptr<Upload>& upload);

  const Options options_;
  HttpClient& api_;
  HttpClient& storage_;
};

}  // namespace tracelink
