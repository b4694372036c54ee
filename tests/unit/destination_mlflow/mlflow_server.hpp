#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>
#include <protozero/pbf_reader.hpp>

#include "daemon/codec/compression.hpp"
#include "daemon/http/http_client.hpp"
#include "daemon/mlflow/rest/rest_json.hpp"
#include "daemon/mlflow/rest/trace_name.hpp"
#include "daemon/mlflow/rest/tracking_client.hpp"
#include "daemon/mlflow/trace/traces_data.hpp"
#include "daemon/text/base64.hpp"

namespace tracelink {

inline TrackingOptions tracking_options() {
  TrackingOptions options;
  options.uri = "http://mlflow";
  return options;
}

// As much of an MLflow server as deliveries see, for FakeHttpClient. Remembers what it was asked in
// short: "start 1", "get 1", "read 1", "end 1", "post 1 2" (traces by number, in the order of the
// body).
class MlflowServer {
 public:
  using Json = nlohmann::json;
  struct Trace {
    std::string experiment;
    Json metadata = Json::object();
    std::string state;
    Json spans = Json::array();  // as a server shows them
    std::string request_time, execution_duration;
    std::set<std::string> posted;  // span ids in base64
  };

  std::string version = "3.18.0";
  const std::string model_id = "m-" + std::string(32, '1');
  std::map<std::string, Trace> traces;  // by number
  std::vector<std::string> calls;
  std::vector<Json> bodies;  // of the start and end calls
  std::vector<std::string> post_experiments;
  std::size_t model_requests = 0;
  Json model_tags = Json::array();
  std::string last_post;             // body of POST /v1/traces
  std::string refused_text;          // spans with it are refused as PostgreSQL refuses NUL
  bool hides_earlier_spans = false;  // from the answer to StartTraceV3
  bool spans_go_elsewhere = false;   // something answers POST /v1/traces as MLflow does

  // Answers that call otherwise than it would.
  void refuse(const std::string& call, HttpResponse answer) { refusals_[call] = std::move(answer); }
  void refuse_once(const std::string& call, HttpResponse answer) {
    refuse(call, std::move(answer));
    once_.insert(call);
  }
  void forgive() { refusals_.clear(); }
  static HttpResponse error(int status, const std::string& code, const std::string& message) {
    return {status, {}, Json{{"error_code", code}, {"message", message}}.dump()};
  }

  HttpResponse answer(const HttpRequest& request) {
    const std::string path = request.url.substr(request.url.find('/', 8));
    if (path == "/version") return special("version", {200, {}, version});
    if (path.starts_with("/api/2.0/mlflow/logged-models/")) return model(path);
    if (path.starts_with("/api/2.0/mlflow/experiments/get-by-name")) return experiment("6");
    if (path.starts_with("/api/2.0/mlflow/experiments/get")) return experiment("5");
    if (path == "/v1/traces") return post(request);
    if (path.find("/batchGet?") != std::string::npos)
      return read(number(path.substr(path.find("tr-"))));
    if (path.ends_with("/link-to-run")) return special("run", {200, {}, "{}"});
    if (request.method == "POST") return start(Json::parse(request.body));
    const std::string trace = number(path.substr(path.find("tr-")));
    return request.method == "GET" ? get(trace) : end(trace, Json::parse(request.body));
  }

  // "tr-" + hex, or the hex alone, as a number.
  static std::string number(const std::string& id) {
    const std::string hex = id.starts_with("tr-") ? id.substr(3) : id;
    return std::to_string(std::stoull(hex.substr(16), nullptr, 16));
  }

 private:
  static constexpr const char* kSpansLocation = "mlflow.trace.spansLocation";

  HttpResponse special(const std::string& call, HttpResponse usual) {
    calls.push_back(call);
    const auto refusal = refusals_.find(call);
    if (refusal == refusals_.end()) return usual;
    usual = refusal->second;
    if (once_.erase(call) > 0) refusals_.erase(refusal);
    return usual;
  }
  bool refused(const std::string& call) const { return refusals_.contains(call); }

  HttpResponse model(const std::string& path) {
    ++model_requests;
    const Json info = {{"model_id", model_id},
                       {"name", "agent"},
                       {"experiment_id", "5"},
                       {"status", "LOGGED_MODEL_READY"},
                       {"tags", model_tags}};
    if (!path.ends_with(model_id))
      return special("other model", error(404, "RESOURCE_DOES_NOT_EXIST", "no such model"));
    return special("model", {200, {}, Json{{"model", {{"info", info}}}}.dump()});
  }
  HttpResponse experiment(const std::string& id) {
    const Json experiment = {{"experiment_id", id}, {"name", "e"}, {"lifecycle_stage", "active"}};
    return special("experiment", {200, {}, Json{{"experiment", experiment}}.dump()});
  }
  HttpResponse start(const Json& body) {
    const Json& info = body["trace"]["trace_info"];
    const std::string trace = number(info["trace_id"]);
    const std::string call = "start " + trace;
    bodies.push_back(info);
    Json echo = body;
    if (!hides_earlier_spans && traces.contains(trace) && !traces[trace].spans.empty()) {
      echo["trace"]["trace_info"]["tags"][kSpansLocation] = "TRACKING_STORE";
    }
    if (!refused(call)) {
      Trace& stored = traces[trace];
      stored.experiment = info["trace_location"]["mlflow_experiment"]["experiment_id"];
      stored.metadata.update(info["trace_metadata"]);
      stored.state = info["state"];
    }
    return special(call, {200, {}, echo.dump()});
  }
  HttpResponse end(const std::string& trace, const Json& body) {
    bodies.push_back(body);
    const auto found = traces.find(trace);
    if (found == traces.end()) return special("end " + trace, no_such_trace());
    for (const Json& pair : body["request_metadata"]) {
      found->second.metadata[pair["key"].get<std::string>()] = pair["value"];
    }
    found->second.state = body["status"];
    const Json echo = {
        {"trace_info",
         {{"request_id", body["request_id"]}, {"request_metadata", body["request_metadata"]}}}};
    return special("end " + trace, {200, {}, echo.dump()});
  }
  HttpResponse get(const std::string& trace) {
    const auto found = traces.find(trace);
    if (found == traces.end()) return special("get " + trace, no_such_trace());
    Json answer;
    Json& info = answer["trace"]["trace_info"];
    info["trace_id"] = name(trace);
    info["trace_location"]["mlflow_experiment"]["experiment_id"] = found->second.experiment;
    if (!found->second.posted.empty()) info["tags"][kSpansLocation] = "TRACKING_STORE";
    return special("get " + trace, {200, {}, answer.dump()});
  }
  HttpResponse read(const std::string& trace) {
    const auto found = traces.find(trace);
    if (found == traces.end()) return special("read " + trace, {200, {}, "{}"});
    const Json info = {{"trace_id", name(trace)},
                       {"state", found->second.state},
                       {"request_time", found->second.request_time},
                       {"execution_duration", found->second.execution_duration},
                       {"trace_metadata", found->second.metadata}};
    Json answer;
    Json spans = found->second.spans;
    for (const std::string& id : found->second.posted) spans.push_back({{"span_id", id}});
    answer["traces"] = {{{"trace_info", info}, {"spans", spans}}};
    return special("read " + trace, {200, {}, answer.dump()});
  }
  HttpResponse post(const HttpRequest& request) {
    std::string body = request.body;
    for (const auto& [name, value] : request.headers) {
      if (name == "x-mlflow-experiment-id") post_experiments.push_back(value);
      if (name != "Content-Encoding") continue;
      body = *decompress(ContentEncoding::gzip, request.body, 64u << 20);
    }
    SpanSet set;
    read_traces_data(body, set);
    last_post = body;
    const bool nul = !refused_text.empty() && body.find(refused_text) != std::string::npos;
    std::string call = "post";
    std::string last;
    for (const LocatedSpan& span : set.spans) {
      protozero::pbf_reader reader(span.encoded.data(), span.encoded.size());
      if (!reader.next(1)) continue;
      const std::string raw = reader.get_bytes();
      std::string hex;
      for (const char byte : raw) {
        constexpr char kDigits[] = "0123456789abcdef";
        hex += kDigits[static_cast<unsigned char>(byte) >> 4];
        hex += kDigits[byte & 15];
      }
      if (hex != last) call += " " + number(hex);
      last = hex;
      const std::string span_id = reader.next(2) ? reader.get_bytes() : std::string();
      if (!spans_go_elsewhere && !nul) traces[number(hex)].posted.insert(base64(span_id));
    }
    if (nul) {
      return special(call, error(500, "INTERNAL_ERROR",
                                 "A string literal cannot contain NUL (0x00) characters."));
    }
    return special(call, {200, {{"content-type", "application/x-protobuf"}}, ""});
  }
  static std::string name(const std::string& number) {
    TraceId id;
    const std::uint64_t value = std::stoull(number);
    for (std::size_t i = 0; i < 8; ++i) {
      id.bytes[15 - i] = static_cast<std::uint8_t>(value >> (8 * i));
    }
    return trace_name(id);
  }
  static HttpResponse no_such_trace() {
    return error(404, "RESOURCE_DOES_NOT_EXIST", "no such trace");
  }

  std::map<std::string, HttpResponse> refusals_;  // by call
  std::set<std::string> once_;
};

}  // namespace tracelink
