#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/http/http_client.hpp"
#include "daemon/mlflow/rest/answer.hpp"
#include "daemon/mlflow/rest/rest_json.hpp"

// From answers to values or Failures.
namespace tracelink {

bool is_success(const Result<HttpResponse>& answer);
bool has_error_code(const Result<HttpResponse>& answer, std::string_view error_code);
// MLflow says that there is no such thing (not that there is no such route).
bool is_unknown_resource(const Result<HttpResponse>& answer);

// A success that is no JSON object.
Failure not_json(const HttpResponse& response);

// The JSON object of a success, else the Failure.
Answer<Json> read_json(Operation operation, const Result<HttpResponse>& answer);

// Success of a request whose answer holds nothing of interest.
Answer<void> read_nothing(Operation operation, const Result<HttpResponse>& answer);

// What `read` finds in the JSON of a success; if it finds nothing, it is not MLflow that answers.
template <class T>
Answer<T> read_answer(Operation operation, const Result<HttpResponse>& answer,
                      const std::function<std::optional<T>(const Json&)>& read) {
  const Answer<Json> json = read_json(operation, answer);
  if (!json) return json.error();
  if (std::optional<T> value = read(*json)) return *std::move(value);
  return not_mlflow(*answer, "the server's answer lacks what was asked for");
}

template <class T>
Answer<std::optional<T>> optional_of(Answer<T> answer) {
  if (!answer) return std::move(answer.error());
  return std::optional<T>(*std::move(answer));
}

}  // namespace tracelink
