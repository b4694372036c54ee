#include "ipc/server/mlflow_request.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/status.hpp>

#include "daemon/mlflow/rest/client_trace_info.hpp"
#include "daemon/mlflow/rest/trace_change.hpp"
#include "daemon/mlflow/rest/trace_name.hpp"
#include "daemon/text/hex.hpp"
#include "daemon/text/json_text.hpp"
#include "daemon/text/percent.hpp"
#include "daemon/types/model_id.hpp"

namespace tracelink {
namespace {

constexpr std::string_view kExperimentById = "/api/2.0/mlflow/experiments/get";
constexpr std::string_view kTraces = "/api/3.0/mlflow/traces/";
constexpr std::string_view kModels = "/api/2.0/mlflow/logged-models/";
// What is found, and what is counted, among all traces.
constexpr std::array<std::string_view, 3> kSearches = {
    "/api/3.0/mlflow/traces/search", "/api/3.0/mlflow/traces/calculate-filter-correlation",
    "/api/3.0/mlflow/traces/metrics"};
constexpr std::string_view kAssessments = "/assessments/";
constexpr std::string_view kExperimentByName = "/api/2.0/mlflow/experiments/get-by-name";
// RFC 9110, section 7.6.1, and what libcurl writes itself.
constexpr std::array<std::string_view, 11> kOfOneConnection = {"connection",
                                                               "keep-alive",
                                                               "proxy-connection",
                                                               "proxy-authenticate",
                                                               "proxy-authorization",
                                                               "te",
                                                               "trailer",
                                                               "transfer-encoding",
                                                               "upgrade",
                                                               "host",
                                                               "expect"};

bool is_name(std::string_view a, std::string_view b) {
  return boost::beast::iequals({a.data(), a.size()}, {b.data(), b.size()});
}

// Whether the Connection header names it.
bool is_listed(const HttpHeaders& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (!is_name(key, "connection")) continue;
    for (std::string_view rest = value; !rest.empty();) {
      std::string_view token = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(token.size() + 1, rest.size()));
      token.remove_prefix(std::min(token.find_first_not_of(" \t"), token.size()));
      token = token.substr(0, token.find_first_of(" \t"));
      if (is_name(token, name)) return true;
    }
  }
  return false;
}

std::string_view query_of(std::string_view target) {
  return target.substr(std::min(path_of(target).size() + 1, target.size()));
}

// `name` may be there more than once; a trace is told once, however often it is named.
std::optional<std::vector<TraceId>> traces_in_query(std::string_view query, std::string_view name) {
  std::vector<TraceId> traces;
  while (!query.empty()) {
    const std::string_view field = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(field.size() + 1, query.size()));
    const auto value = query_parameter(field, name);
    if (!value) continue;
    const auto trace = trace_of_name(*value);
    if (!trace) return std::nullopt;
    if (std::ranges::find(traces, *trace) == traces.end()) traces.push_back(*trace);
    if (traces.size() > kMaxNamedTraces) return std::nullopt;
  }
  if (traces.empty()) return std::nullopt;
  return traces;
}

}  // namespace

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

MlflowCall mlflow_call(std::string_view method, std::string_view target) {
  const std::string_view path = path_of(target);
  if (method == "POST" && path == "/v1/traces") return MlflowCall::spans;
  if (method == "POST" && path == "/api/3.0/mlflow/traces") return MlflowCall::start_trace;
  if (method == "PUT" && artifact_trace(target)) return MlflowCall::artifact;
  if (method == "POST" && std::ranges::find(kSearches, path) != kSearches.end()) {
    return MlflowCall::search;
  }
  if (is_trace_change(method, path)) return MlflowCall::change;
  if (method == "POST" && path == "/api/2.0/mlflow/logged-models/search") {
    return MlflowCall::find_models;
  }
  if (method != "GET") return MlflowCall::other;
  const auto model = model_in_path(path);
  if (!model.empty() && path.ends_with(model)) return MlflowCall::model;
  if (trace_read(target)) return MlflowCall::read;
  if (path == "/version") return MlflowCall::version;
  const bool is_experiment = path == kExperimentById || path == kExperimentByName;
  return is_experiment && experiment_query(target) ? MlflowCall::experiment : MlflowCall::other;
}

std::optional<ExperimentQuery> experiment_query(std::string_view target) {
  const bool by_name = path_of(target) == kExperimentByName;
  auto value = query_parameter(query_of(target), by_name ? "experiment_name" : "experiment_id");
  if (!value || value->empty()) return std::nullopt;
  return ExperimentQuery{by_name, *std::move(value)};
}

std::string_view model_in_path(std::string_view target) {
  std::string_view path = path_of(target);
  if (!path.starts_with(kModels)) return {};
  path.remove_prefix(kModels.size());
  const std::string_view id = path.substr(0, path.find('/'));
  return is_model_id(id) ? id : std::string_view();
}

std::string with_real_ids(
    std::string_view text,
    const std::function<std::optional<std::string>(std::string_view id)>& real) {
  constexpr std::string_view kOfIds =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";
  std::string changed;
  while (!text.empty()) {
    const auto id = text.substr(0, text.find_first_not_of(kOfIds));
    changed += real(id).value_or(std::string(id));
    text.remove_prefix(id.size());
    const auto between = text.substr(0, text.find_first_of(kOfIds));
    changed += between;
    text.remove_prefix(between.size());
  }
  return changed;
}

std::optional<TraceRead> trace_read(std::string_view target) {
  std::string_view path = path_of(target);
  if (!path.starts_with(kTraces)) return std::nullopt;
  path.remove_prefix(kTraces.size());
  TraceRead read;
  std::optional<std::vector<TraceId>> traces;
  if (path == "get") {
    read.what = TraceRead::What::trace;
    traces = traces_in_query(query_of(target), "trace_id");
  } else if (path == "batchGet") {
    read.what = TraceRead::What::traces;
    traces = traces_in_query(query_of(target), "trace_ids");
  } else if (const auto trace = trace_of_name(path.substr(0, path.find('/')))) {
    traces = {*trace};
    path.remove_prefix(kTraceNamePrefix.size() + kTraceNameDigits);
    if (!path.empty() && !path.starts_with(kAssessments)) return std::nullopt;
    read.assessment_id = path.substr(std::min(kAssessments.size(), path.size()));
    if (!path.empty()) read.what = TraceRead::What::assessment;
  }
  if (!traces) return std::nullopt;
  read.traces = *std::move(traces);
  return read;
}

std::vector<TraceId> named_traces(std::string_view text) {
  std::vector<TraceId> traces;
  for (auto at = text.find(kTraceNamePrefix);
       at != std::string_view::npos && traces.size() < kMaxNamedTraces;
       at = text.find(kTraceNamePrefix, at + 1)) {
    const auto bytes = parse_hex(text.substr(at + kTraceNamePrefix.size(), kTraceNameDigits));
    const auto id = bytes ? TraceId::from_bytes(*bytes) : std::nullopt;
    if (id && std::ranges::find(traces, *id) == traces.end()) traces.push_back(*id);
  }
  return traces;
}

std::optional<TraceId> named_trace(std::string_view text) {
  const auto traces = named_traces(text);
  if (traces.empty()) return std::nullopt;
  return traces.front();
}

bool names_this_host(std::string_view host) {
  if (host.starts_with("[::1]")) return true;
  const std::string_view name = host.substr(0, host.find(':'));
  constexpr std::string_view kLocal = "localhost";
  if (is_name(name, kLocal)) return true;
  const bool is_number = name.find_first_not_of("0123456789.") == std::string_view::npos;
  return is_number && name.starts_with("127.");
}

bool is_of_another_host(std::string_view origin) {
  constexpr std::string_view kBeforeHost = "://";
  const auto at = origin.find(kBeforeHost);
  if (at == std::string_view::npos) return !origin.empty();
  return !names_this_host(origin.substr(at + kBeforeHost.size()));
}

HttpHeaders end_to_end_headers(const HttpHeaders& headers) {
  HttpHeaders kept;
  for (const auto& header : headers) {
    const bool is_own = std::ranges::any_of(
        kOfOneConnection, [&](std::string_view name) { return is_name(name, header.first); });
    if (is_own || is_name("content-length", header.first)) continue;
    if (!is_listed(headers, header.first)) kept.push_back(header);
  }
  return kept;
}

HttpReply mlflow_error(int status, std::string_view error_code, std::string_view message) {
  HttpReply reply;
  reply.status = status;
  reply.body = "{\"error_code\":";
  append_json_string(reply.body, error_code);
  reply.body += ",\"message\":";
  append_json_string(reply.body, message);
  reply.body += "}";
  return reply;
}

HttpReply answer_to(const TraceRead& read, const std::string& found) {
  const bool is_part = read.what == TraceRead::What::assessment;
  HttpReply reply;
  if (read.what == TraceRead::What::traces) {
    reply.body = "{\"traces\":[" + found + "]}";
  } else if (!found.empty()) {
    reply.body = (is_part ? "{\"assessment\":" : "{\"trace\":") + found + "}";
  } else {
    const std::string what = is_part ? "Assessment with ID '" + read.assessment_id
                                     : "Trace with ID 'tr-" + read.traces.front().hex();
    reply = mlflow_error(404, "RESOURCE_DOES_NOT_EXIST", what + "' not found.");
  }
  return reply;
}

std::string format_relayed_head(const RelayAnswer& answer, bool chunked, bool keep_alive) {
  const auto phrase = boost::beast::http::obsolete_reason(
      boost::beast::http::int_to_status(static_cast<unsigned>(answer.status)));
  std::string text = "HTTP/1.1 " + std::to_string(answer.status) + " ";
  text.append(phrase.data(), phrase.size());
  text += "\r\n";
  for (const auto& [name, value] : answer.headers) text += name + ": " + value + "\r\n";
  if (chunked) text += "Transfer-Encoding: chunked\r\n";
  if (!keep_alive) text += "Connection: close\r\n";
  return text + "\r\n";
}

std::string format_chunk(std::string_view bytes) {
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), bytes.size(), 16);
  std::string chunk(digits.data(), end.ptr);
  chunk += "\r\n";
  chunk += bytes;
  chunk += "\r\n";
  return chunk;
}

}  // namespace tracelink
