#include "daemon/mlflow/rest/rest_answers.hpp"

#include "daemon/mlflow/rest/answer_text.hpp"

namespace tracelink {

bool is_success(const Result<HttpResponse>& answer) { return answer && answer->status == 200; }

bool has_error_code(const Result<HttpResponse>& answer, std::string_view error_code) {
  return answer && !is_success(answer) && read_answer_text(*answer).error_code == error_code;
}

bool is_unknown_resource(const Result<HttpResponse>& answer) {
  return answer && answer->status == 404 && has_error_code(answer, "RESOURCE_DOES_NOT_EXIST");
}

Failure not_json(const HttpResponse& response) {
  return not_mlflow(response, "the server's answer is not JSON");
}

Answer<Json> read_json(Operation operation, const Result<HttpResponse>& answer) {
  if (!is_success(answer)) return classify(operation, answer);
  Json json = parse_answer(answer->body);
  if (!json.is_object()) return not_json(*answer);
  return json;
}

Answer<void> read_nothing(Operation operation, const Result<HttpResponse>& answer) {
  const auto json = read_json(operation, answer);
  if (!json) return json.error();
  return {};
}

}  // namespace tracelink
