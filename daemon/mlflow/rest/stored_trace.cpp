#include "daemon/mlflow/rest/stored_trace.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <ctime>
#include <list>
#include <utility>

#include "daemon/mlflow/rest/rest_json.hpp"
#include "daemon/mlflow/trace/json_to_any_value.hpp"
#include "daemon/text/base64.hpp"
#include "daemon/text/json_text.hpp"

namespace tracelink {
namespace {

constexpr std::uint64_t kNanosecondsPerMillisecond = 1'000'000;
constexpr int kSpanDepth = 4;  // {"traces": [{"spans": [{…
// A count of tokens has six; each is looked for among all others.
constexpr std::size_t kMostPairs = 64;

// A KeyValue of OTLP's JSON that the token sum does not need.
bool is_beside_the_point(const Json& object) {
  const Json& key = member(object, "key");
  return key.is_string() && object.contains("value") &&
         key.get_ref<const std::string&>().find("oken") == std::string::npos;
}

// OTLP's AnyValue in JSON as the plain JSON that it stands for; null for what holds no tokens.
Json plain_json(const Json& any_value) {
  if (const Json& text = member(any_value, "string_value"); text.is_string()) return text;
  if (const Json& real = member(any_value, "double_value"); real.is_number()) return real;
  if (const Json& integer = member(any_value, "int_value"); !integer.is_null()) {
    if (!integer.is_string()) return integer.is_number() ? integer : Json();
    const auto value = parse_int64(integer.get_ref<const std::string&>());
    return value ? Json(*value) : Json();
  }
  const Json& pairs = member(member(any_value, "kvlist_value"), "values");
  if (!pairs.is_array()) return {};
  Json object = Json::object();
  for (const Json& pair : pairs) {
    if (object.size() == kMostPairs) break;
    const Json& value = member(pair, "value");
    if (!value.contains("kvlist_value")) object[text_at(pair, "key")] = plain_json(value);
  }
  return object;
}

std::optional<SpanId> read_id(const Json& span, const char* key) {
  const auto bytes = parse_base64(text_at(span, key));
  return bytes ? SpanId::from_bytes(*bytes) : std::nullopt;
}

std::optional<UsageNode> read_node(const Json& span) {
  const auto id = read_id(span, "span_id");
  if (!id) return std::nullopt;
  SpanView view;
  std::list<std::string> texts;  // what the view's attributes point at
  for (const Json& attribute : member(span, "attributes")) {
    const std::string& key = texts.emplace_back(text_at(attribute, "key"));
    const std::string json = to_text(plain_json(member(attribute, "value")));
    const auto encoded = json_to_any_value(json, BigInteger::saturated);
    if (encoded) view.attributes.push_back({key, texts.emplace_back(*encoded)});
  }
  return UsageNode{*id, read_id(span, "parent_span_id"), usage_of(view)};
}

}  // namespace

TraceState read_state(const std::string& name) {
  if (name == "OK") return TraceState::ok;
  return name == "ERROR" ? TraceState::error : TraceState::in_progress;
}

std::uint64_t read_time_ms(const std::string& text) {
  std::tm parts{};
  const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return 0;
  const auto fraction =
      *rest == '.' ? parse_double("0" + std::string(rest, std::strspn(rest, ".0123456789"))) : 0.0;
  constexpr std::time_t kLatest = 9'223'372'036;  // what 63 bits of nanoseconds hold
  const auto seconds =
      static_cast<std::uint64_t>(std::clamp<std::time_t>(::timegm(&parts), 0, kLatest));
  return seconds * 1000 + static_cast<std::uint64_t>(std::llround(fraction.value_or(0) * 1000));
}

std::uint64_t read_duration_ms(std::string text) {
  if (!text.ends_with('s')) return 0;
  text.pop_back();
  constexpr double kLongest = 1e9;  // 30 years; more would not fit in nanoseconds
  const auto seconds = parse_double(text);
  if (!seconds || !(*seconds > 0)) return 0;
  return static_cast<std::uint64_t>(std::llround(std::min(*seconds, kLongest) * 1000));
}

TraceInfo StoredTrace::unchanged_info() const {
  TraceInfo info;
  info.trace_id = trace_id;
  info.state = state;
  info.start_ns = start_ms * kNanosecondsPerMillisecond;
  info.end_ns = (start_ms + duration_ms) * kNanosecondsPerMillisecond;
  return info;
}

Result<std::optional<StoredTrace>> read_stored_trace(TraceId trace_id, std::string_view answer) {
  std::vector<UsageNode> spans;
  const auto keep = [&spans](int depth, Json::parse_event_t event, const Json& value) {
    if (event != Json::parse_event_t::object_end) return true;
    if (depth > kSpanDepth) return !is_beside_the_point(value);
    if (depth != kSpanDepth || !value.contains("span_id")) return true;
    if (auto node = read_node(value)) spans.push_back(*std::move(node));
    return false;
  };
  const Json json = parse_answer(answer, keep);
  if (json.is_discarded() && !is_fit_answer(answer)) {
    return Error{ErrorCode::too_large, "the server's answer is too large"};
  }
  const Json& traces = member(json, "traces");
  const bool has_none = json.is_object() && (json.empty() || traces.is_array());
  if (has_none && traces.empty()) return std::optional<StoredTrace>();
  if (!has_none) return Error{ErrorCode::corrupt, "the server's answer has no traces"};
  const Json& info = member(traces.front(), "trace_info");
  StoredTrace trace{.trace_id = trace_id,
                    .name = text_at(info, "trace_id"),
                    .state = read_state(text_at(info, "state")),
                    .start_ms = read_time_ms(text_at(info, "request_time")),
                    .duration_ms = read_duration_ms(text_at(info, "execution_duration")),
                    .metadata = {},
                    .spans = std::move(spans)};
  for (const auto& [key, value] : member(info, "trace_metadata").items()) {
    if (value.is_string()) trace.metadata[key] = value.get<std::string>();
  }
  return std::optional(std::move(trace));
}

}  // namespace tracelink
