#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "daemon/destination/databricks/span_forms.hpp"
#include "daemon/http/http_client.hpp"

namespace tracelink {

// As much of a Databricks workspace as deliveries see, for FakeHttpClient. It keeps what a table
// keeps: every span that came, however often.
class Workspace {
 public:
  using Json = nlohmann::json;

  const std::string model_id = "m-" + std::string(32, '1');
  std::string destination = "main.agents.app";  // of experiment 5; empty: beside the experiment
  std::string upload_type = "AWS_PRESIGNED_URL";
  std::vector<std::string> calls;                  // "experiment", "info 1", "spans", …
  std::map<std::string, std::vector<Json>> infos;  // by trace id, the newest last
  std::multiset<SpanId> table;
  std::vector<std::string> tables;  // the header of each request with spans
  std::map<std::string, std::string> files;
  std::string spans_location;     // the tag in the answer to StartTraceV3
  std::string artifact_location;  // the same
  std::vector<std::size_t> post_sizes;

  void refuse(const std::string& call, HttpResponse answer, int times = 1'000) {
    refusals_[call] = {std::move(answer), times};
  }
  void forgive() { refusals_.clear(); }
  static HttpResponse error(int status, const std::string& code,
                            const std::string& message = "no") {
    return {status, {}, Json{{"error_code", code}, {"message", message}}.dump()};
  }

  HttpResponse answer(const HttpRequest& request) {
    const std::string path = request.url.substr(request.url.find('/', 8));
    if (path.starts_with("/signed/")) return file(request, path.substr(0, path.find('?')), path);
    if (path.starts_with("/api/2.0/fs/files/")) {
      return file(request, path.substr(0, path.find('?')), path);
    }
    if (path.find("/logged-models/") != std::string::npos) return model();
    if (path.find("/experiments/get?") != std::string::npos) return experiment(path);
    if (path.find("/credentials-for-data-") != std::string::npos) return credentials();
    if (path == "/api/2.0/otel/v1/traces") return spans(request);
    if (path == "/api/3.0/mlflow/traces") return start(Json::parse(request.body));
    if (path.starts_with("/api/3.0/mlflow/traces/")) return known(path.substr(path.rfind('/') + 1));
    return info(path, Json::parse(request.body));
  }

 private:
  std::optional<HttpResponse> refusal(const std::string& call) {
    calls.push_back(call);
    const auto found = refusals_.find(call);
    if (found == refusals_.end() || found->second.second == 0) return std::nullopt;
    --found->second.second;
    return found->second.first;
  }
  static HttpResponse ok(const Json& body) { return {200, {}, body.dump()}; }

  HttpResponse model() {
    if (auto no = refusal("model")) return *std::move(no);
    return ok({{"model",
                {{"info",
                  {{"model_id", model_id},
                   {"name", "agent"},
                   {"experiment_id", "5"},
                   {"status", "LOGGED_MODEL_READY"},
                   {"tags", Json::array()}}}}}});
  }
  // The registrar asks too; its answer is the same.
  HttpResponse experiment(const std::string& path) {
    if (auto no = refusal("experiment")) return *std::move(no);
    Json tags = Json::array();
    if (!destination.empty()) {
      tags.push_back(
          {{"key", "mlflow.experiment.databricksTraceDestinationPath"}, {"value", destination}});
    }
    return ok({{"experiment",
                {{"experiment_id", path.substr(path.find('=') + 1)},
                 {"name", "/Shared/agent"},
                 {"lifecycle_stage", "active"},
                 {"tags", tags}}}});
  }
  HttpResponse info(const std::string& path, const Json& body) {
    if (auto no = refusal("info")) return *std::move(no);
    infos[body.at("trace_id")].push_back(body);
    paths_.insert(path);
    return ok(body);
  }
  HttpResponse spans(const HttpRequest& request) {
    if (auto no = refusal("spans")) return *std::move(no);
    for (const auto& [name, value] : request.headers) {
      if (name == "X-Databricks-UC-Table-Name") tables.push_back(value);
    }
    post_sizes.push_back(request.body.size());
    const auto ids = span_ids_of(request.body);
    table.insert(ids->begin(), ids->end());
    return {200, {}, ""};
  }
  HttpResponse start(const Json& body) {
    if (auto no = refusal("start")) return *std::move(no);
    Json told = body.at("trace").at("trace_info");
    auto& known = infos[told.at("trace_id")];
    if (!known.empty()) {
      return error(400, "INVALID_PARAMETER_VALUE", "A trace with this ID already exists");
    }
    known.push_back(told);
    return ok({{"trace", {{"trace_info", with_places(std::move(told))}}}});
  }
  HttpResponse known(const std::string& trace) {
    if (auto no = refusal("get")) return *std::move(no);
    if (infos[trace].empty()) return error(404, "RESOURCE_DOES_NOT_EXIST");
    return ok({{"trace", {{"trace_info", with_places(infos[trace].back())}}}});
  }
  Json with_places(Json info) const {
    if (!spans_location.empty()) info["tags"]["mlflow.trace.spansLocation"] = spans_location;
    if (!artifact_location.empty()) info["tags"]["mlflow.artifactLocation"] = artifact_location;
    return info;
  }
  HttpResponse credentials() {
    if (auto no = refusal("credentials")) return *std::move(no);
    return ok({{"credential_info",
                {{"signed_uri", "https://store/signed/file?sig=" + std::to_string(++urls_)},
                 {"type", upload_type},
                 {"headers", Json::array()}}}});
  }
  HttpResponse file(const HttpRequest& request, const std::string& name, const std::string& url) {
    const bool is_read = request.method == "GET";
    if (auto no = refusal(is_read ? "download" : "upload")) return *std::move(no);
    if (is_read) return files.contains(name) ? HttpResponse{200, {}, files[name]} : no_file(name);
    const bool is_part = url.find("comp=") != std::string::npos;
    files[name] = is_part ? files[name] + request.body : request.body;
    return {200, {}, ""};
  }

  // In the words of who keeps it.
  static HttpResponse no_file(const std::string& name) {
    if (name.starts_with("/api/")) return error(404, "NOT_FOUND");
    return {404, {}, "<Error><Code>NoSuchKey</Code></Error>"};
  }

  std::map<std::string, std::pair<HttpResponse, int>> refusals_;
  std::set<std::string> paths_;
  int urls_ = 0;
};

}  // namespace tracelink
