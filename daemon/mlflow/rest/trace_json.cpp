#include <array>
#include <chrono>
#include <cstdio>

#include "daemon/mlflow/rest/rest_json.hpp"
#include "daemon/mlflow/rest/trace_info_json.hpp"
#include "daemon/text/utc_time.hpp"

namespace tracelink {
namespace {

constexpr std::uint64_t kNanosecondsPerMillisecond = 1'000'000;

std::uint64_t start_ms(const TraceInfo& info) { return info.start_ns / kNanosecondsPerMillisecond; }
std::uint64_t duration_ms(const TraceInfo& info) {
  return info.end_ns < info.start_ns ? 0
                                     : (info.end_ns - info.start_ns) / kNanosecondsPerMillisecond;
}

// "1.234s"
std::string seconds_text(std::uint64_t ms) {
  std::array<char, 8> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03us", static_cast<unsigned>(ms % 1000));
  return std::to_string(ms / 1000) + fraction.data();
}

const char* state_name(TraceState state) {
  switch (state) {
    case TraceState::ok:
      return "OK";
    case TraceState::error:
      return "ERROR";
    case TraceState::in_progress:
      return "IN_PROGRESS";
  }
  return "STATE_UNSPECIFIED";
}

}  // namespace

Json experiment_location(const std::string& experiment_id) {
  return {{"type", "MLFLOW_EXPERIMENT"}, {"mlflow_experiment", {{"experiment_id", experiment_id}}}};
}

std::string trace_name(TraceId trace_id) { return "tr-" + trace_id.hex(); }

// The metadata, which holds the link, comes before everything that a server might stumble over.
Json trace_info_json(const TraceInfo& info, const TraceInfoForm& form) {
  Json trace_info = {{"trace_id", form.trace_id},
                     {"trace_location", form.location},
                     {"trace_metadata", form.metadata},
                     {"tags", info.tags},
                     {"state", state_name(info.state)},
                     {"request_time", utc_iso(WallTime(std::chrono::milliseconds(start_ms(info))))},
                     {"execution_duration", seconds_text(duration_ms(info))}};
  const auto add_preview = [&](const char* key, const std::optional<std::string>& preview) {
    if (preview) trace_info[key] = cut_with_dots(*preview, form.preview_code_points);
  };
  add_preview("request_preview", info.request_preview);
  add_preview("response_preview", info.response_preview);
  if (info.client_request_id) trace_info["client_request_id"] = *info.client_request_id;
  if (!info.assessments.empty()) trace_info["assessments"] = Json::parse(info.assessments);
  return trace_info;
}

std::string start_trace_body(const TraceInfo& info, const std::string& experiment_id,
                             const std::map<std::string, std::string>& metadata) {
  Json body;
  body["trace"]["trace_info"] =
      trace_info_json(info, {.trace_id = trace_name(info.trace_id),
                             .location = experiment_location(experiment_id),
                             .metadata = metadata});
  return to_text(body);
}

// The server computes the duration from its start in whole milliseconds, so the end is counted from
// there.
std::string end_trace_body(const TraceInfo& info,
                           const std::map<std::string, std::string>& metadata) {
  const Json body = {{"request_id", trace_name(info.trace_id)},
                     {"timestamp_ms", start_ms(info) + duration_ms(info)},
                     {"status", state_name(info.state)},
                     {"request_metadata", key_values(metadata)},
                     {"tags", key_values(info.tags)}};
  return to_text(body);
}

std::string linked_traces_filter(const std::string& model_id) {
  return "request_metadata.`mlflow.modelId` = '" + model_id + "'";
}

std::string linked_traces_body(const std::string& experiment_id, const std::string& model_id) {
  const Json body = {
      {"locations", Json::array({experiment_location(experiment_id)})},
      {"filter", linked_traces_filter(model_id)},
      {"max_results", 1},
  };
  return to_text(body);
}

std::string search_traces_body(const TraceQuery& query) {
  Json body = {{"locations", Json::array({experiment_location(query.experiment_id)})},
               {"filter", query.filter},
               {"max_results", query.page_size},
               {"order_by", Json::array({"timestamp_ms DESC"})}};
  if (!query.page_token.empty()) body["page_token"] = query.page_token;
  return to_text(body);
}

}  // namespace tracelink
