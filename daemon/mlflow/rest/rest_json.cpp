#include "daemon/mlflow/rest/rest_json.hpp"

#include <utility>

#include "daemon/text/ascii_case.hpp"
#include "daemon/text/json_text.hpp"

namespace tracelink {
namespace {

constexpr std::size_t kMaxAnswerValues = 2'000'000;
constexpr std::size_t kMaxAnswerDepth = 500;
constexpr std::size_t kMaxAnswerMembers = 10'000;
constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxClientDepth = 60;
constexpr std::size_t kMaxMembers = 1'000;
constexpr int kSearchPageSize = 50;  // the most that every version accepts

// "LOGGED_MODEL_READY" -> "READY", as MLflow's documentation writes it.
std::string short_status(const std::string& status) {
  constexpr std::string_view kPrefix = "LOGGED_MODEL_";
  const std::string word =
      status.starts_with(kPrefix) ? status.substr(kPrefix.size()) : std::string();
  return word.empty() || word == "STATUS_UNSPECIFIED" ? "UNSPECIFIED" : word;
}

// "name DESC" -> {"field_name": "name", "ascending": false}
Json order_of(const std::string& text) {
  if (text.empty()) return {{"field_name", "creation_timestamp"}, {"ascending", true}};
  const auto blank = text.find_last_of(' ');
  const std::string word = blank == std::string::npos ? "" : upper_case(text.substr(blank + 1));
  const bool has_direction = word == "ASC" || word == "DESC";
  return {{"field_name", has_direction ? text.substr(0, blank) : text},
          {"ascending", word != "DESC"}};
}

// MLflow keeps each value that a metric ever had.
std::map<std::string, double> newest_metrics(const Json& list) {
  std::map<std::string, double> values;
  std::map<std::string, std::int64_t> times;
  for (const Json& metric : list) {
    const Json& value = member(metric, "value");
    const std::string key = text_at(metric, "key");
    const std::int64_t time = number_at(metric, "timestamp");
    if (!value.is_number() || (times.contains(key) && times[key] > time)) continue;
    times[key] = time;
    values[key] = value.get<double>();
  }
  return values;
}

std::map<std::string, std::string> read_texts(const Json& object) {
  std::map<std::string, std::string> texts;
  for (const auto& [key, value] : object.items()) {
    if (value.is_string()) texts[key] = value.get<std::string>();
  }
  return texts;
}

}  // namespace

bool is_fit_answer(std::string_view text) {
  const JsonExtent extent = json_extent(text);
  return extent.values <= kMaxAnswerValues && extent.depth <= kMaxAnswerDepth &&
         extent.members <= kMaxAnswerMembers;
}

Json parse_answer(std::string_view text, const Json::parser_callback_t& keep) {
  Json discarded(Json::value_t::discarded);  // in braces it would be an element of an array
  if (!is_fit_answer(text)) return discarded;
  if (!keep) return Json::parse(text, nullptr, /*allow_exceptions=*/false);
  JsonFilter filter(keep);
  return Json::sax_parse(text, &filter) ? filter.take() : discarded;
}

std::string to_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json parse_shallow(std::string_view text) {
  const JsonExtent extent = json_extent(text);
  if (extent.depth > kMaxDepth || extent.members > kMaxMembers) return {};
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  return json.is_discarded() ? Json() : json;
}

Result<Json> parse_client_body(std::string_view body) {
  const JsonExtent extent = json_extent(body);
  if (extent.depth > kMaxClientDepth) {
    return Error{ErrorCode::invalid,
                 "the body nests more than " + std::to_string(kMaxClientDepth) + " deep"};
  }
  if (extent.members > kMaxMembers) {
    return Error{ErrorCode::invalid,
                 "an object of the body has more than " + std::to_string(kMaxMembers) + " members"};
  }
  Json json = parse_shallow(body);
  if (!json.is_object()) return Error{ErrorCode::invalid, "the body is no JSON object"};
  return json;
}

Json key_values(const std::map<std::string, std::string>& values) {
  Json list = Json::array();
  for (const auto& [key, value] : values) list.push_back({{"key", key}, {"value", value}});
  return list;
}

std::map<std::string, std::string> read_key_values(const Json& list) {
  std::map<std::string, std::string> values;
  for (const Json& item : list) values[text_at(item, "key")] = text_at(item, "value");
  return values;
}

const Json& member(const Json& object, const char* key) {
  static const Json nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}

std::string text_at(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::int64_t number_at(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_number_integer() ? value.get<std::int64_t>() : 0;
}

std::string create_model_body(const CreateModel& request) {
  Json body = {{"experiment_id", request.experiment_id}};
  if (!request.name.empty()) body["name"] = request.name;
  if (!request.model_type.empty()) body["model_type"] = request.model_type;
  if (!request.source_run_id.empty()) body["source_run_id"] = request.source_run_id;
  if (!request.params.empty()) body["params"] = key_values(request.params);
  if (!request.tags.empty()) body["tags"] = key_values(request.tags);
  return to_text(body);
}

// A filter cannot quote a quote; such names are found among all.
std::string name_filter(const std::string& name) {
  const bool is_quotable = !name.empty() && name.find('\'') == std::string::npos;
  return is_quotable ? "name='" + name + "'" : "";
}

std::string search_models_body(const ModelQuery& query, const std::string& page_token) {
  Json body = {{"experiment_ids", Json::array({query.experiment_id})}};
  if (!query.filter.empty()) body["filter"] = query.filter;
  body["max_results"] = kSearchPageSize;
  body["order_by"] = Json::array({order_of(query.order_by)});
  if (!page_token.empty()) body["page_token"] = page_token;
  return to_text(body);
}

std::optional<LoggedModel> read_model(const Json& model) {
  const Json& info = member(model, "info");
  LoggedModel result;
  result.model_id = text_at(info, "model_id");
  result.name = text_at(info, "name");
  result.experiment_id = text_at(info, "experiment_id");
  result.creation_timestamp = number_at(info, "creation_timestamp_ms");
  result.last_updated_timestamp = number_at(info, "last_updated_timestamp_ms");
  result.model_type = text_at(info, "model_type");
  result.source_run_id = text_at(info, "source_run_id");
  result.status = short_status(text_at(info, "status"));
  result.tags = read_key_values(member(info, "tags"));
  result.params = read_key_values(member(member(model, "data"), "params"));
  result.metrics = newest_metrics(member(member(model, "data"), "metrics"));
  if (result.model_id.empty() || result.name.empty() || result.experiment_id.empty()) {
    return std::nullopt;
  }
  return result;
}

std::optional<TracePage> read_trace_page(const Json& answer) {
  TracePage page;
  for (const Json& info : member(answer, "traces")) {
    page.traces.push_back({text_at(info, "trace_id"),
                           text_at(member(info, "tags"), "mlflow.traceName"),
                           text_at(info, "state"), text_at(info, "request_time"),
                           text_at(info, "execution_duration"), text_at(info, "request_preview"),
                           read_texts(member(info, "trace_metadata")), read_assessments(info)});
    if (page.traces.back().trace_id.empty()) return std::nullopt;
  }
  page.next_page_token = text_at(answer, "next_page_token");
  return page;
}

std::optional<Experiment> read_experiment(const Json& answer) {
  const Json& experiment = member(answer, "experiment");
  Experiment result{text_at(experiment, "experiment_id"), text_at(experiment, "name"),
                    text_at(experiment, "lifecycle_stage") == "deleted",
                    read_key_values(member(experiment, "tags")).contains(kTraceTablesTag)};
  if (result.id.empty()) return std::nullopt;
  return result;
}

}  // namespace tracelink
