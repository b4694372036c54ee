#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/result.hpp"
#include "daemon/http/http_client.hpp"

namespace tracelink {

// The classes of answers: docs/design.md#classes-of-answers.
enum class FailureClass { transient, configuration, poison, unknown };
inline constexpr std::array kFailureClasses{FailureClass::transient, FailureClass::configuration,
                                            FailureClass::poison, FailureClass::unknown};
constexpr const char* to_string(FailureClass failure_class) {
  switch (failure_class) {
    case FailureClass::transient:
      return "transient";
    case FailureClass::configuration:
      return "configuration";
    case FailureClass::poison:
      return "poison";
    case FailureClass::unknown:
      return "unknown";
  }
  return "unknown";
}

// What a configuration failure holds.
enum class FailureScope { server, experiment, link };

struct Failure {
  FailureClass failure_class = FailureClass::transient;
  FailureScope scope = FailureScope::server;
  int http_status = 0;     // 0: no answer came
  std::string error_code;  // MLflow's, or empty
  std::string message;     // for people; never what stood behind "[SQL:"
  std::string remedy;      // for people; empty when waiting is all there is to do
  std::optional<std::chrono::milliseconds> retry_after;

  // Repeating it unchanged does not help.
  bool is_permanent() const {
    return failure_class == FailureClass::configuration || failure_class == FailureClass::poison;
  }
};

// What the configuration makes impossible, without an answer that says so.
Failure configuration_failure(FailureScope scope, std::string message, std::string_view remedy);

enum class Operation { logged_model, experiment, start_trace, end_trace, get_trace, otlp };

// Classifies an answer that is not a success. Pure. A configuration failure always has a remedy.
Failure classify(Operation operation, const Result<HttpResponse>& answer);

// MLflow's own success that says something else than was asked
// (docs/mlflow-servers.md#values-of-the-wrong-type): unknown.
Failure unexpected_answer(const HttpResponse& response, std::string_view message);
// A success that MLflow would not say: something else answers in its place, which is a
// configuration failure of the server.
Failure not_mlflow(const HttpResponse& response, std::string_view message,
                   std::string_view remedy = {});

// The server refuses the *name* of a model (docs/design.md#the-portable-name).
bool refuses_model_name(const Failure& failure);
// StartTraceV3 or the spans were refused because the trace is there already, in a state or place
// that they do not go with (docs/mlflow-servers.md#order-of-info-and-spans): EndTrace, and spans
// where it lives, are accepted.
bool says_trace_exists(const Failure& failure);
// The server's database stores no text with a NUL in it (docs/mlflow-servers.md#nul).
bool refuses_nul(const Failure& failure);
// A text is too long for its column (docs/mlflow-servers.md#column-limits).
bool refuses_length(const Failure& failure);
// No route of MLflow answers under this address.
bool is_missing_route(const HttpResponse& response);

}  // namespace tracelink
