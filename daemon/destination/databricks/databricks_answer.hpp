#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "daemon/destination/databricks/databricks_failure.hpp"
#include "daemon/mlflow/rest/answer.hpp"
#include "daemon/mlflow/rest/answer_text.hpp"
#include "daemon/mlflow/rest/rest_json.hpp"
#include "daemon/mlflow/trace/trace_metadata.hpp"

namespace tracelink {

// The JSON object of a success, else the Failure. An empty body is an empty object.
inline Answer<Json> read_object(const DatabricksRequest& request,
                                const Result<HttpResponse>& answer) {
  if (!answer || answer->status != 200) return classify_databricks(request, answer);
  if (answer->body.empty()) return Json(Json::object());
  Json json = parse_answer(answer->body);
  if (json.is_object()) return json;
  return not_databricks(*answer, "the answer is " + read_answer_text(*answer).message);
}

// What is wrong with the TraceInfo of an answer: it is of another trace, or has another link than
// `model_id` (empty: whatever it has). One without a link is believed: no workspace was seen to
// repeat it.
inline std::optional<Failure> check_info(const HttpResponse& answer, const Json& info,
                                         std::string_view name, const std::string& model_id) {
  if (text_at(info, "trace_id") != name) {
    return not_databricks(answer, "the answer is not about the trace");
  }
  const std::string link = text_at(member(info, "trace_metadata"), kModelIdKey);
  if (link.empty() || model_id.empty() || link == model_id) return std::nullopt;
  return not_databricks(answer, "the answer has another model than the trace");
}

}  // namespace tracelink
