#include "daemon/destination/databricks/databricks_failure.hpp"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <string_view>
#include <utility>

#include "daemon/destination/databricks/remedies.hpp"
#include "daemon/destination/databricks/rpc_status.hpp"
#include "daemon/mlflow/rest/answer_text.hpp"
#include "daemon/mlflow/rest/database_error.hpp"
#include "daemon/mlflow/rest/rest_json.hpp"
#include "daemon/mlflow/rest/retry_after.hpp"
#include "daemon/text/utf8.hpp"

namespace tracelink {
namespace {

using Call = DatabricksCall;

constexpr std::chrono::milliseconds kUnnamedPause{1'000};
constexpr std::size_t kMaxShownBytes = 500;

struct Judgement {
  FailureClass failure_class = FailureClass::unknown;
  FailureScope scope = FailureScope::server;
  std::string remedy{};
};

Judgement transient() { return {.failure_class = FailureClass::transient}; }
Judgement poison() { return {.failure_class = FailureClass::poison}; }
Judgement unknown() { return {}; }
Judgement hold(FailureScope scope, std::string remedy) {
  return {FailureClass::configuration, scope, std::move(remedy)};
}

template <std::size_t N>
bool is_one_of(std::string_view code, const std::string_view (&codes)[N]) {
  return std::ranges::find(codes, code) != std::end(codes);
}

constexpr std::string_view kThrottled[] = {"REQUEST_LIMIT_EXCEEDED",
                                           "RESOURCE_EXHAUSTED",
                                           "TEMPORARILY_UNAVAILABLE",
                                           "DEADLINE_EXCEEDED",
                                           "ABORTED",
                                           "RESOURCE_CONFLICT"};
constexpr std::string_view kExists[] = {"ALREADY_EXISTS", "RESOURCE_ALREADY_EXISTS"};
constexpr std::string_view kMissing[] = {"RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"};
// Beside them: NoSuchBucket, ContainerNotFound, FilesystemNotFound are about another place.
constexpr std::string_view kNoObject[] = {"NoSuchKey", "BlobNotFound", "PathNotFound"};
constexpr std::string_view kUnclear[] = {"INVALID_STATE", "DATA_LOSS"};

// As Databricks says it, and as OTLP's google.rpc.Status does.
constexpr std::string_view kInternal[] = {"INTERNAL_ERROR", "INTERNAL"};

bool is_of_unity_catalog(Call call) {
  return call == Call::trace_info || call == Call::spans || call == Call::query;
}

// The experiment holds as many traces as it may.
bool says_full(const AnswerText& text) {
  return matches(text.message, "*traces*limit") || matches(text.message, "*limit*traces") ||
         matches(text.message, "*maximum number of traces");
}

Judgement judge_missing(const DatabricksRequest& request, const AnswerText& text) {
  const bool is_api = text.error_code != "ENDPOINT_NOT_FOUND" && !text.error_code.empty();
  if (is_api || request.call == Call::volume) {
    return hold(FailureScope::experiment, remedy::missing(request));
  }
  if (is_of_unity_catalog(request.call)) {
    return hold(FailureScope::experiment, std::string(remedy::kUnityCatalogSwitch));
  }
  return hold(FailureScope::server, std::string(remedy::kNotDatabricks));
}

Judgement judge_refused(const DatabricksRequest& request, const AnswerText& text) {
  if (request.call == Call::start_trace && says_full(text)) {
    return hold(FailureScope::experiment, std::string(remedy::kExperimentFull));
  }
  if (request.call == Call::experiment) {
    return hold(FailureScope::link, remedy::missing(request));
  }
  return poison();
}

Judgement judge_server_error(const AnswerText& text) {
  if (is_one_of(text.error_code, kUnclear)) return unknown();
  return is_one_of(text.error_code, kInternal) ? transient() : unknown();
}

// The upload speaks for object storage, whose texts are not Databricks'.
Judgement judge_upload(int status) {
  if (status == 401 || status == 403 || status == 404) {
    return hold(FailureScope::experiment, remedy::upload_refused());
  }
  if (status == 408 || status == 429 || status >= 500) {
    return {.failure_class = FailureClass::transient, .scope = FailureScope::experiment};
  }
  if (status == 413) return poison();
  if (status < 400) return hold(FailureScope::experiment, remedy::upload_refused());
  return unknown();
}

// Object storage is each experiment's own: that of another one may be well.
Failure no_answer(const DatabricksRequest& request, const Result<HttpResponse>& answer) {
  Failure failure = classify(Operation::start_trace, answer);
  failure.remedy = remedy::in_databricks_words(failure.remedy);
  if (request.call != Call::upload) return failure;
  failure.scope = FailureScope::experiment;
  if (failure.remedy.empty()) failure.remedy = remedy::upload_refused();
  return failure;
}

Judgement judge(const DatabricksRequest& request, int status, const AnswerText& text) {
  if (request.call == Call::upload) return judge_upload(status);
  if (status >= 300 && status < 400)
    return hold(FailureScope::server, std::string(remedy::kWorkspaceRedirect));
  if (is_one_of(text.error_code, kThrottled)) return transient();
  if (text.html && (status == 403 || status == 404)) {
    return hold(FailureScope::server, std::string(remedy::kWebPage));
  }
  switch (status) {
    case 401:
      return hold(FailureScope::server, std::string(remedy::kDatabricksCredentials));
    case 403:
      return hold(FailureScope::experiment, remedy::permission(request));
    case 404:
      return judge_missing(request, text);
    case 405:
      return hold(FailureScope::server, std::string(remedy::kNotDatabricks));
    case 409:
      return is_one_of(text.error_code, kExists) ? transient() : unknown();
    case 413:
      return poison();
    case 408:
    case 429:
    case 502:
    case 503:
    case 504:
      return transient();
    case 415:
      return hold(FailureScope::server, std::string(remedy::kNotDatabricks));
    default:
      break;
  }
  if (status < 300) return hold(FailureScope::server, std::string(remedy::kNotDatabricks));
  return status < 500 ? judge_refused(request, text) : judge_server_error(text);
}

// "RESOURCE_EXHAUSTED: slow down" carries its code in the text.
void take_code_from_text(AnswerText& text) {
  const auto colon = text.message.find(": ");
  if (!text.error_code.empty() || colon == std::string::npos || colon == 0) return;
  const std::string_view code = std::string_view(text.message).substr(0, colon);
  const bool is_code = std::ranges::all_of(
      code, [](char c) { return c == '_' || std::isupper(static_cast<unsigned char>(c)) != 0; });
  if (!is_code) return;
  text.error_code = code;
  text.message.erase(0, colon + 2);
}

// Of a refusal: Azure's header, else the XML of S3, Google and Blob Storage, or the JSON of ADLS.
std::string object_storage_code(const HttpResponse& answer) {
  constexpr std::string_view kOpen = "<Code>";
  if (const auto code = answer.header("x-ms-error-code")) return std::string(*code);
  const auto open = answer.body.find(kOpen);
  if (open == std::string::npos) {
    return text_at(member(parse_answer(answer.body), "error"), "code");
  }
  const auto begin = open + kOpen.size();
  const auto end = answer.body.find("</Code>", begin);
  return end == std::string::npos ? std::string() : answer.body.substr(begin, end - begin);
}

AnswerText text_of(const HttpResponse& response) {
  if (auto status = read_rpc_status(response)) {
    return {.error_code = std::move(status->code), .message = std::move(status->message)};
  }
  AnswerText text = read_answer_text(response);
  take_code_from_text(text);
  return text;
}

}  // namespace

Failure classify_databricks(const DatabricksRequest& request, const Result<HttpResponse>& answer) {
  if (!answer) return no_answer(request, answer);
  const AnswerText text = text_of(*answer);
  const Judgement judgement = judge(request, answer->status, text);
  Failure failure;
  failure.failure_class = judgement.failure_class;
  failure.scope = judgement.scope;
  failure.http_status = answer->status;
  failure.error_code = text.error_code;
  failure.message = text.message.empty()
                        ? "answered with " + std::to_string(answer->status) + " and no text"
                        : std::string(cut_text(text.message, kMaxShownBytes));
  failure.remedy = answer->remedy.empty() ? judgement.remedy : answer->remedy;
  failure.retry_after = retry_after(*answer);
  const bool throttled = answer->status == 429 || text.error_code == kThrottled[0];
  if (throttled && !failure.retry_after) failure.retry_after = kUnnamedPause;
  return failure;
}

Failure not_of_storage(std::string message) {
  return configuration_failure(FailureScope::experiment, std::move(message),
                               remedy::upload_refused());
}

Failure not_databricks(const HttpResponse& response, std::string message) {
  Failure failure =
      configuration_failure(FailureScope::server, std::move(message), remedy::kNotDatabricks);
  failure.http_status = response.status;
  return failure;
}

bool says_info_exists(const Failure& failure) {
  if (is_one_of(failure.error_code, kExists)) return true;
  return failure.http_status == 400 && matches(failure.message, "*already exists");
}

bool says_missing(const Failure& failure) {
  return failure.http_status == 404 && is_one_of(failure.error_code, kMissing);
}

bool says_no_object(const HttpResponse& answer) {
  return answer.status == 404 && is_one_of(object_storage_code(answer), kNoObject);
}

bool refuses_signature(const Failure& failure) {
  return failure.http_status == 401 || failure.http_status == 403;
}

bool may_be_stored(const Failure& failure) {
  const int status = failure.http_status;
  if (failure.failure_class == FailureClass::configuration) return false;
  if (status == 0 || (status >= 200 && status < 300)) return true;
  return status == 500 || status == 502 || status == 504;
}

}  // namespace tracelink
