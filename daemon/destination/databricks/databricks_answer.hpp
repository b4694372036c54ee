#pragma once

#include "daemon/destination/databricks/databricks_failure.hpp"
#include "daemon/mlflow/rest/answer.hpp"
#include "daemon/mlflow/rest/answer_text.hpp"
#include "daemon/mlflow/rest/rest_json.hpp"

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

}  // namespace tracelink
