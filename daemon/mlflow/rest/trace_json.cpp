#include <array>
#include <chrono>
#include <cstdio>
#include <string_view>
#include <utility>

#include "daemon/mlflow/rest/rest_json.hpp"
#include "daemon/mlflow/rest/trace_info_json.hpp"
#include "daemon/mlflow/rest/trace_name.hpp"
#include "daemon/mlflow/trace/python_json.hpp"
#include "daemon/text/utc_time.hpp"
#include "daemon/text/utf8.hpp"

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

void append_text(std::string& out, std::string_view text) {
  if (is_valid_utf8(text)) {
    append_json_string(out, text, NonAscii::as_is);
  } else {
    out += to_text(Json(text));
  }
}

// A JSON object that is written as its members come: a tree of it would cost several times as much
// for each trace.
class ObjectText {
 public:
  void add(std::string_view key, std::string_view json) {
    begin(key);
    text_ += json;
  }
  void add_text(std::string_view key, std::string_view value) {
    begin(key);
    append_text(text_, value);
  }
  std::string take() && { return text_.empty() ? "{}" : std::move(text_) + '}'; }

 private:
  void begin(std::string_view key) {
    text_ += text_.empty() ? '{' : ',';
    append_text(text_, key);
    text_ += ':';
  }

  std::string text_;
};

std::string object_of(const std::map<std::string, std::string>& values) {
  ObjectText object;
  for (const auto& [key, value] : values) object.add_text(key, value);
  return std::move(object).take();
}

Json locations(std::string_view experiment_id) {
  return Json::array({Json::parse(experiment_location(experiment_id))});
}

}  // namespace

std::string experiment_location(std::string_view experiment_id) {
  ObjectText experiment, location;
  experiment.add_text("experiment_id", experiment_id);
  location.add_text("type", "MLFLOW_EXPERIMENT");
  location.add("mlflow_experiment", std::move(experiment).take());
  return std::move(location).take();
}

// The metadata, which holds the link, comes before everything that a server might stumble over.
std::string trace_info_json(const TraceInfo& info, const TraceInfoForm& form) {
  ObjectText trace;
  const auto add_preview = [&](const char* key, const std::optional<std::string>& preview) {
    if (preview) trace.add_text(key, cut_with_dots(*preview, form.preview_code_points));
  };
  trace.add_text("trace_id", form.trace_id);
  trace.add("trace_location", form.location);
  trace.add("trace_metadata", object_of(form.metadata));
  trace.add("tags", object_of(info.tags));
  trace.add_text("state", state_name(info.state));
  trace.add_text("request_time", utc_iso(WallTime(std::chrono::milliseconds(start_ms(info)))));
  trace.add_text("execution_duration", seconds_text(duration_ms(info)));
  add_preview("request_preview", info.request_preview);
  add_preview("response_preview", info.response_preview);
  if (info.client_request_id) trace.add_text("client_request_id", *info.client_request_id);
  if (!info.assessments.empty()) trace.add("assessments", to_text(Json::parse(info.assessments)));
  return std::move(trace).take();
}

std::string start_trace_body(const TraceInfo& info, const std::string& experiment_id,
                             const std::map<std::string, std::string>& metadata) {
  const TraceInfoForm form{.trace_id = trace_name(info.trace_id),
                           .location = experiment_location(experiment_id),
                           .metadata = metadata};
  return R"({"trace":{"trace_info":)" + trace_info_json(info, form) + "}}";
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
      {"locations", locations(experiment_id)},
      {"filter", linked_traces_filter(model_id)},
      {"max_results", 1},
  };
  return to_text(body);
}

std::string search_traces_body(const TraceQuery& query) {
  Json body = {{"locations", locations(query.experiment_id)},
               {"filter", query.filter},
               {"max_results", query.page_size},
               {"order_by", Json::array({"timestamp_ms DESC"})}};
  if (!query.page_token.empty()) body["page_token"] = query.page_token;
  return to_text(body);
}

}  // namespace tracelink
