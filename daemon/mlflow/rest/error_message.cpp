#include "daemon/mlflow/rest/error_message.hpp"

#include "daemon/mlflow/rest/rest_json.hpp"

namespace tracelink {
namespace {

constexpr int kSpanMembers = 5;  // {"traces": [{"spans": [{"attributes":

std::string status_message(const Json& span) {
  const Json& status = member(span, "status");
  return text_at(status, "code") == "STATUS_CODE_ERROR" ? text_at(status, "message") : "";
}

// Attributes are OTLP's list of pairs, or, in files of traces, an object.
std::string exception_message(const Json& span) {
  for (const Json& event : member(span, "events")) {
    const Json& attributes = member(event, "attributes");
    if (auto text = text_at(attributes, "exception.message"); !text.empty()) return text;
    for (const Json& attribute : attributes) {
      if (text_at(attribute, "key") != "exception.message") continue;
      return text_at(member(attribute, "value"), "string_value");
    }
  }
  return "";
}

bool is_root(const Json& span) { return text_at(span, "parent_span_id").empty(); }

std::optional<std::string> first_text(const Json& spans, std::string (*read)(const Json&)) {
  for (const bool root : {true, false}) {
    for (const Json& span : spans) {
      if (is_root(span) != root) continue;
      if (std::string text = read(span); !text.empty()) return text;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> read_error_message(std::string_view answer) {
  // A span's own attributes are its inputs and outputs: the most of it, and never kept.
  const auto keep = [](int depth, Json::parse_event_t event, const Json& key) {
    return event != Json::parse_event_t::key || depth != kSpanMembers || key != "attributes";
  };
  const Json json = parse_answer(answer, keep);
  const Json& traces = member(json, "traces");
  if (!traces.is_array() || traces.empty()) return std::nullopt;
  const Json& spans = member(traces.front(), "spans");
  if (auto message = first_text(spans, status_message)) return message;
  return first_text(spans, exception_message);
}

}  // namespace tracelink
