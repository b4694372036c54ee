#pragma once

#include <string>

#include "daemon/http/http_client.hpp"

namespace tracelink {

// What an answer says, made safe: nothing of what MLflow writes behind "[SQL:", which is user data.
struct AnswerText {
  std::string error_code;  // MLflow's, or empty
  std::string message;     // one line, bounded; from `message`, `detail`, or the plain body
  bool html = false;       // a web page: not MLflow's REST API
};

AnswerText read_answer_text(const HttpResponse& response);

}  // namespace tracelink
