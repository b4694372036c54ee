#include "daemon/mlflow/rest/answer_text.hpp"

#include <string_view>

#include "daemon/mlflow/rest/rest_json.hpp"
#include "daemon/text/control.hpp"
#include "daemon/text/utf8.hpp"

namespace tracelink {
namespace {

constexpr std::size_t kMaxMessageBytes = 2'000;

// MLflow's framework calls plain words text/html too, so that of refusals the body decides.
bool is_html(const HttpResponse& response) {
  const auto type = response.header("content-type").value_or("");
  if (response.status < 300 && type.starts_with("text/html")) return true;
  const auto first = response.body.find_first_not_of(" \t\r\n");
  return first != std::string::npos && response.body[first] == '<';
}

// FastAPI's validation errors: type, place and reason. Its `input` is user data.
std::string validation_text(const Json& details) {
  std::string text;
  for (const Json& detail : details) {
    if (!detail.is_object()) continue;
    text += (text.empty() ? "" : "; ") + text_at(detail, "msg") + ":";
    const auto place = detail.find("loc");
    if (place == detail.end() || !place->is_array()) continue;
    for (const Json& part : *place) {
      if (part.is_string()) text += " " + part.get<std::string>();
    }
  }
  return text;
}

std::string message_of(const Json& body) {
  const auto detail = body.find("detail");
  if (detail != body.end() && detail->is_array()) return validation_text(*detail);
  const std::string message = text_at(body, "message");
  return message.empty() ? text_at(body, "detail") : message;
}

std::string made_safe(std::string_view text) {
  for (const std::string_view mark : {"[SQL:", "[parameters:", "(Background on this error at:"}) {
    text = text.substr(0, text.find(mark));
  }
  std::string safe = one_line(cut_text(text, kMaxMessageBytes));
  while (!safe.empty() && safe.back() == ' ') safe.pop_back();
  return safe;
}

}  // namespace

AnswerText read_answer_text(const HttpResponse& response) {
  if (is_html(response)) return {"", "a web page instead of MLflow's REST API", true};
  const Json body = parse_answer(response.body);
  if (!body.is_object()) return {"", made_safe(response.body), false};
  return {text_at(body, "error_code"), made_safe(message_of(body)), false};
}

}  // namespace tracelink
