#pragma once

#include <string>
#include <string_view>

#include "daemon/http/http_client.hpp"

namespace tracelink {

// What an answer says, made safe: nothing of what MLflow writes behind "[SQL:", which is user data.
struct AnswerText {
  std::string error_code;  // MLflow's, or empty
  std::string message;     // one line, bounded; from `message`, `detail`, or the plain body
  bool html = false;       // a web page: not MLflow's REST API
};

AnswerText read_answer_text(const HttpResponse& response);

// At most max_bytes, cut on a character boundary.
std::string_view cut_text(std::string_view text, std::size_t max_bytes);

}  // namespace tracelink
