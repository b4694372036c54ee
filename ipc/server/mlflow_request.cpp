#include "ipc/server/mlflow_request.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/status.hpp>

#include "daemon/text/hex.hpp"
#include "daemon/text/json_text.hpp"
#include "daemon/text/percent.hpp"

namespace tracelink {
namespace {

constexpr std::string_view kExperimentById = "/api/2.0/mlflow/experiments/get";
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

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

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

}  // namespace

MlflowCall mlflow_call(std::string_view method, std::string_view target) {
  const std::string_view path = path_of(target);
  if (method == "POST" && path == "/v1/traces") return MlflowCall::spans;
  if (method == "POST" && path == "/api/3.0/mlflow/traces") return MlflowCall::start_trace;
  const bool is_artifact = path.starts_with("/api/2.0/mlflow-artifacts/artifacts/");
  if (method == "PUT" && is_artifact && path.ends_with("/artifacts/traces.json")) {
    return named_trace(path) ? MlflowCall::spans_file : MlflowCall::other;
  }
  if (method == "POST" && path == "/api/3.0/mlflow/traces/search") return MlflowCall::search;
  if (method != "GET") return MlflowCall::other;
  if (path == "/version") return MlflowCall::version;
  const bool is_experiment = path == kExperimentById || path == kExperimentByName;
  return is_experiment && experiment_query(target) ? MlflowCall::experiment : MlflowCall::other;
}

std::optional<ExperimentQuery> experiment_query(std::string_view target) {
  const std::string_view path = path_of(target);
  const std::string_view query = target.substr(std::min(path.size() + 1, target.size()));
  const bool by_name = path == kExperimentByName;
  auto value = query_parameter(query, by_name ? "experiment_name" : "experiment_id");
  if (!value || value->empty()) return std::nullopt;
  return ExperimentQuery{by_name, *std::move(value)};
}

std::optional<TraceId> named_trace(std::string_view text) {
  constexpr std::string_view kPrefix = "tr-";
  constexpr std::size_t kDigits = 32;
  for (auto at = text.find(kPrefix); at != std::string_view::npos;
       at = text.find(kPrefix, at + 1)) {
    const auto bytes = parse_hex(text.substr(at + kPrefix.size(), kDigits));
    if (const auto id = bytes ? TraceId::from_bytes(*bytes) : std::nullopt) return id;
  }
  return std::nullopt;
}

bool names_this_host(std::string_view host) {
  if (host.starts_with("[::1]")) return true;
  const std::string_view name = host.substr(0, host.find(':'));
  constexpr std::string_view kLocal = "localhost";
  if (is_name(name, kLocal)) return true;
  const bool is_number = name.find_first_not_of("0123456789.") == std::string_view::npos;
  return is_number && name.starts_with("127.");
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
