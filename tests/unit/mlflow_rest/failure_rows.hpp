#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "daemon/mlflow/rest/failure.hpp"

namespace tracelink {

inline HttpResponse text_answer(int status, std::string body) {
  return {status, {{"content-type", "text/plain"}}, std::move(body)};
}
inline HttpResponse json_answer(int status, const nlohmann::json& body) {
  return {status, {{"content-type", "application/json"}}, body.dump()};
}
// As MLflow's own routes answer.
inline HttpResponse mlflow_error(int status, std::string_view error_code,
                                 std::string_view message) {
  return json_answer(status, {{"error_code", error_code}, {"message", message}});
}
// As /v1/traces answers.
inline HttpResponse otlp_error(int status, std::string_view detail) {
  return json_answer(status, {{"detail", detail}});
}

struct FailureRow {
  Operation operation;
  HttpResponse answer;
};
using FailureRows = std::initializer_list<FailureRow>;

inline void expect_class(FailureClass expected, FailureRows rows) {
  for (const auto& [operation, answer] : rows) {
    SCOPED_TRACE(std::to_string(answer.status) + " " + answer.body);
    EXPECT_EQ(classify(operation, answer).failure_class, expected);
  }
}

inline void expect_held(FailureScope scope, std::string_view remedy, FailureRows rows) {
  expect_class(FailureClass::configuration, rows);
  for (const auto& [operation, answer] : rows) {
    SCOPED_TRACE(std::to_string(answer.status) + " " + answer.body);
    const Failure failure = classify(operation, answer);
    EXPECT_EQ(failure.scope, scope);
    EXPECT_EQ(failure.remedy, remedy);
  }
}

}  // namespace tracelink
