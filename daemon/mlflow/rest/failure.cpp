#include "daemon/mlflow/rest/failure.hpp"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <optional>
#include <utility>

#include "daemon/http/proxy_error.hpp"
#include "daemon/mlflow/rest/answer_text.hpp"
#include "daemon/mlflow/rest/database_error.hpp"
#include "daemon/mlflow/rest/remedies.hpp"
#include "daemon/mlflow/rest/retry_after.hpp"
#include "daemon/mlflow/rest/tls_remedy.hpp"
#include "daemon/text/ascii_case.hpp"
#include "daemon/text/utf8.hpp"

namespace tracelink {
namespace {

constexpr std::size_t kMaxShownBytes = 500;
constexpr std::string_view kInvalidValue = "INVALID_PARAMETER_VALUE";
constexpr std::string_view kNoRoute = "ENDPOINT_NOT_FOUND";

constexpr Verdict kUnknown{FailureClass::unknown};
constexpr Verdict kTransient{FailureClass::transient};
constexpr Verdict kPoison{FailureClass::poison};

constexpr Verdict hold(FailureScope scope, std::string_view remedy) {
  return {FailureClass::configuration, scope, remedy};
}
constexpr Verdict hold_server(std::string_view remedy) {
  return hold(FailureScope::server, remedy);
}
constexpr Verdict hold_experiment(std::string_view remedy) {
  return hold(FailureScope::experiment, remedy);
}

struct MessageRule {
  std::string_view pattern;  // from the message's start; '*' is anything
  Verdict verdict;
};

// MLflow's own words, for 404 and every status without a case in judge(): the same status says
// different things in different versions.
constexpr MessageRule kMessages[] = {
    {"Workspace '*' not found", hold_server(remedy::kWorkspace)},
    {"Workspace APIs are not available", hold_server(remedy::kNoWorkspaces)},
    {"No Experiment with id", hold_experiment(remedy::kUnknownExperiment)},
    {"Could not find experiment with", hold_experiment(remedy::kUnknownExperiment)},
    {"Invalid experiment ID", hold_experiment(remedy::kUnknownExperiment)},
    {"*: header x-mlflow-experiment-id", hold_experiment(remedy::kUnknownExperiment)},
    {"The experiment * must be in the 'active' state", hold_experiment(remedy::kDeletedExperiment)},
    // To StartTraceV3 of a trace whose tags say that its spans are elsewhere.
    {"Trace with ID * no longer exists", kUnknown},
    {"Invalid model name", hold(FailureScope::link, remedy::kModelName)},
    {"Invalid Content-Type", hold_server(remedy::kContent)},
    {"Unsupported Content-Encoding", hold_server(remedy::kContent)},
    // 3.6 says so of malformed protobuf, and of a gzip body
    // (docs/mlflow-servers.md#answers-to-spans).
    {"Invalid OpenTelemetry protobuf", kUnknown},
    {"Invalid OpenTelemetry", kPoison},
    {"Cannot convert OpenTelemetry span", kPoison},
    {"*codec can't encode character*surrogates not allowed", kPoison},
    {"Cannot update traces that are no longer DB-backed", kPoison},
    // To an upload, from a server without a store of its own for artifacts.
    {"Endpoint: * disabled due to the mlflow server running", kPoison},
    {"Artifact serving is", kPoison},  // 3.17
};

std::optional<Verdict> judge_message(std::string_view message) {
  for (const MessageRule& rule : kMessages) {
    if (matches(message, rule.pattern)) return rule.verdict;
  }
  return std::nullopt;
}

bool says_busy_database(std::string_view message) {
  constexpr std::string_view kWords[] = {"lock", "locked",     "locks",      "deadlock",
                                         "pool", "connection", "connections"};
  const auto is_letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; };
  auto at = message.begin();
  while (at != message.end()) {
    const auto start = std::find_if(at, message.end(), is_letter);
    at = std::find_if_not(start, message.end(), is_letter);
    const std::string word = lower_case({start, at});
    if (std::ranges::find(kWords, word) != std::end(kWords)) return true;
  }
  return false;
}

Verdict judge_not_found(Operation operation, const AnswerText& text) {
  if (text.error_code.empty() || text.error_code == kNoRoute) return hold_server(remedy::kRoute);
  switch (operation) {
    case Operation::logged_model:
      return hold(FailureScope::link, remedy::kModelGone);
    case Operation::experiment:
    case Operation::start_trace:
    case Operation::otlp:
      return hold_experiment(remedy::kUnknownExperiment);
    case Operation::end_trace:
    case Operation::get_trace:
      return kUnknown;  // no such trace
  }
  return kUnknown;
}

Verdict judge_refused_value(Operation operation) {
  if (operation == Operation::logged_model) {
    return {FailureClass::poison, FailureScope::link, remedy::kRefusedValue};
  }
  if (operation == Operation::experiment) {
    return {FailureClass::poison, FailureScope::experiment, remedy::kExperimentName};
  }
  return kPoison;
}

// 400, 422, 500, 503 and every status without a case in judge(): the text decides. Texts of a
// refused value repeat the value, so the database's words are looked for elsewhere only.
Verdict judge_text(Operation operation, int status, const AnswerText& text) {
  if (const auto verdict = judge_message(text.message)) return *verdict;
  if (text.error_code == kInvalidValue) return judge_refused_value(operation);
  if (auto verdict = judge_database_error(text.message)) {
    const bool poison = verdict->failure_class == FailureClass::poison;
    return poison ? judge_refused_value(operation) : *verdict;
  }
  if (status == 503) return kTransient;
  if (status != 500 && says_busy_database(text.message)) return kTransient;
  return kUnknown;
}

Verdict judge(Operation operation, int status, const AnswerText& text) {
  switch (status) {
    case 401:
      return hold_server(remedy::kCredentials);
    case 403:
      return text.message.starts_with("Invalid Host header") ? hold_server(remedy::kAllowedHosts)
                                                             : hold_experiment(remedy::kPermission);
    case 404:
      if (const auto verdict = judge_message(text.message)) return *verdict;
      return judge_not_found(operation, text);
    case 405:
      return hold_server(remedy::kRoute);
    case 408:
    case 429:
      return kTransient;
    case 413:
      return kPoison;
    case 415:
      return hold_server(remedy::kContent);
    case 501:
      return hold_server(remedy::kSqlStore);
    default:
      break;
  }
  if (status < 300) return hold_server(remedy::kNotMlflow);  // MLflow's successes are 200
  if (status < 400) return hold_server(remedy::kRedirect);
  if (status > 503 || status == 502) return kTransient;
  return judge_text(operation, status, text);
}

Failure make_failure(const Verdict& verdict, int status, std::string error_code,
                     std::string_view message) {
  Failure failure;
  failure.failure_class = verdict.failure_class;
  failure.scope = verdict.scope;
  failure.http_status = status;
  failure.error_code = std::move(error_code);
  failure.message = cut_text(message, kMaxShownBytes);
  failure.remedy = verdict.remedy;
  return failure;
}

Failure no_answer(Operation operation, const Error& error) {
  if (error.code == ErrorCode::invalid) {
    // The one part of a request's head that comes from peers is the experiment id of spans.
    const auto scope =
        operation == Operation::otlp ? FailureScope::experiment : FailureScope::server;
    return make_failure(hold(scope, remedy::kUnsendable), 0, "", error.message);
  }
  Verdict verdict = error.code == ErrorCode::too_large ? kUnknown : kTransient;
  verdict.remedy = tls_remedy(error.message);
  if (error.message.starts_with(kOfProxy)) verdict.remedy = kProxyRemedy;
  return make_failure(verdict, 0, "", error.message);
}

}  // namespace

Failure configuration_failure(FailureScope scope, std::string message, std::string_view remedy) {
  Failure failure;
  failure.failure_class = FailureClass::configuration;
  failure.scope = scope;
  failure.message = std::move(message);
  failure.remedy = remedy;
  return failure;
}

Failure classify(Operation operation, const Result<HttpResponse>& answer) {
  if (!answer) return no_answer(operation, answer.error());
  const AnswerText text = read_answer_text(*answer);
  const Verdict verdict =
      answer->remedy.empty() ? judge(operation, answer->status, text) : hold_server(answer->remedy);
  const std::string message =
      text.message.empty() ? "answered with " + std::to_string(answer->status) + " and no text"
                           : text.message;
  Failure failure = make_failure(verdict, answer->status, text.error_code, message);
  failure.retry_after = retry_after(*answer);
  return failure;
}

Failure unexpected_answer(const HttpResponse& response, std::string_view message) {
  return make_failure(kUnknown, response.status, read_answer_text(response).error_code, message);
}

Failure not_mlflow(const HttpResponse& response, std::string_view message,
                   std::string_view remedy) {
  const AnswerText text = read_answer_text(response);
  if (text.html)
    return make_failure(hold_server(remedy::kRoute), response.status, "", text.message);
  return make_failure(hold_server(remedy.empty() ? remedy::kNotMlflow : remedy), response.status,
                      "", message);
}

bool refuses_model_name(const Failure& failure) {
  return failure.http_status == 400 && failure.error_code == kInvalidValue &&
         failure.message.starts_with("Invalid model name");
}

bool says_trace_exists(const Failure& failure) {
  return matches(failure.message, "Dependency rule on column *trace_info.request_id*") ||
         matches(failure.message, "*already exists in another experiment");
}

bool refuses_nul(const Failure& failure) {
  return matches(failure.message, "*cannot contain NUL (0x00)");
}

bool refuses_length(const Failure& failure) {
  return matches(failure.message, "*value too long for type character varying");
}

bool is_missing_route(const HttpResponse& response) {
  if (response.status == 405) return true;
  if (response.status != 404) return false;
  const AnswerText text = read_answer_text(response);
  return text.error_code.empty() || text.error_code == kNoRoute;
}

}  // namespace tracelink
