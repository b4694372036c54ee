#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "daemon/base/result.hpp"
#include "daemon/mlflow/rest/experiment.hpp"
#include "daemon/mlflow/rest/logged_model.hpp"
#include "daemon/mlflow/rest/queries.hpp"
#include "daemon/mlflow/trace/json_filter.hpp"
#include "daemon/mlflow/trace/trace_info.hpp"

// The JSON of MLflow's REST API (docs/mlflow-servers.md#requests): pure functions between values
// and text.
namespace tracelink {

// It would not take far more memory, or time, than its bytes: it has at most 2 million values, 500
// levels, and 10,000 members of an object.
bool is_fit_answer(std::string_view text);

// An answer of the server as JSON; discarded if it is none, or not fit. `keep` as of
// nlohmann::json::parse, asked at each key and at the end of each object.
Json parse_answer(std::string_view text, const Json::parser_callback_t& keep = nullptr);

// Invalid UTF-8 becomes U+FFFD.
std::string to_text(const Json& json);

// Null if `text` is no JSON; or nested more than 64 deep, since what is written again is written by
// recursion; or if an object has more than kMaxMembers, since each is looked for among all others.
Json parse_shallow(std::string_view text);

// What a client sends, as an object. It nests less deep, for what is stored wraps it. Error:
// `invalid`, with the reason.
Result<Json> parse_client_body(std::string_view body);

// [{"key": …, "value": …}, …]
Json key_values(const std::map<std::string, std::string>& values);
std::map<std::string, std::string> read_key_values(const Json& list);

// The member, or a null / empty value if it is absent or of another type.
const Json& member(const Json& object, const char* key);
std::string text_at(const Json& object, const char* key);
std::int64_t number_at(const Json& object, const char* key);

std::string create_model_body(const CreateModel& request);
// Finds the models of the name, and perhaps others.
std::string name_filter(const std::string& name);
std::string search_models_body(const ModelQuery& query, const std::string& page_token);
// Nothing without id and name.
std::optional<LoggedModel> read_model(const Json& model);
std::optional<Experiment> read_experiment(const Json& answer);
// Nothing if a trace has no id.
std::optional<TracePage> read_trace_page(const Json& answer);

std::string start_trace_body(const TraceInfo& info, const std::string& experiment_id,
                             const std::map<std::string, std::string>& metadata);
std::string end_trace_body(const TraceInfo& info,
                           const std::map<std::string, std::string>& metadata);
// MLflow's filter for the traces of a model.
std::string linked_traces_filter(const std::string& model_id);
std::string linked_traces_body(const std::string& experiment_id, const std::string& model_id);
std::string search_traces_body(const TraceQuery& query);

}  // namespace tracelink
