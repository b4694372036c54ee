#include "daemon/mlflow/trace/mlflow_attributes.hpp"

#include <algorithm>
#include <array>

#include <protozero/pbf_writer.hpp>

#include "daemon/mlflow/trace/json_to_any_value.hpp"
#include "daemon/mlflow/trace/python_json.hpp"
#include "daemon/mlflow/trace/text_limits.hpp"
#include "daemon/mlflow/trace/token_usage.hpp"
#include "daemon/mlflow/trace/wire.hpp"

namespace tracelink {
namespace {

constexpr std::string_view kRequestId = "mlflow.traceRequestId";

// Span attributes that servers copy into columns.
struct Column {
  std::string_view key;
  std::size_t code_points;
};
constexpr std::string_view kSpanType = "mlflow.spanType";
constexpr std::array<Column, 5> kColumns = {{{kSpanType, kMaxSpanType},
                                             {"session.id", kMaxSession},
                                             {"gen_ai.conversation.id", kMaxSession},
                                             {"user.id", kMaxUser},
                                             {"mlflow.traceTag.mlflow.traceName", kMaxTraceName}}};

// What the column would get, made to fit; nothing if it fits.
std::optional<std::string> fitting_text(std::string_view key, const AnyValue& value,
                                        Repairs& repairs) {
  const auto column =
      std::ranges::find_if(kColumns, [&](const Column& candidate) { return candidate.key == key; });
  if (column == kColumns.end() || value.kind == ValueKind::none) return std::nullopt;
  // A list as the type costs the whole request.
  if (value.kind != ValueKind::string && key != kSpanType) return std::nullopt;
  const bool tag = key.starts_with(kTraceTag);
  const std::string text = tag ? std::string(value.data) : plain_text(value);
  std::string fit(first_code_points(text, column->code_points));
  if (value.kind == ValueKind::string && fit == text) return std::nullopt;
  ++(fit == text ? repairs.form : repairs.length);
  return fit;
}

// Python reads no integer of more digits, and the server meets one in any attribute.
bool is_endless_integer(std::string_view text) {
  constexpr std::size_t kMostDigits = 4'300;
  if (text.size() <= kMostDigits) return false;
  const auto digits = text.substr(text.front() == '-' ? 1 : 0);
  return std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
}

// int64's largest has 19 digits.
bool has_long_number(std::string_view text) {
  constexpr std::size_t kDigits = 19;
  std::size_t run = 0;
  for (const char c : text) {
    run = c >= '0' && c <= '9' ? run + 1 : 0;
    if (run == kDigits) return true;
  }
  return false;
}

// Python looks these up in a table, and fails at a list or a map.
constexpr std::array<std::string_view, 7> kKindKeys = {
    "openinference.span.kind", "traceloop.span.kind",       "gen_ai.operation.name", "span.type",
    "ai.operationId",          "langfuse.observation.type", "lmnr.span.type"};
constexpr std::string_view kCost = "mlflow.llm.cost";

bool is_nested(const AnyValue& value) {
  return value.kind == ValueKind::array || value.kind == ValueKind::key_values;
}

// A string's JSON value, or the value itself. `json` holds what it points at.
AnyValue parsed(const AnyValue& value, std::optional<std::string>& json) {
  if (value.kind == ValueKind::string) json = json_to_any_value(value.data, BigInteger::as_text);
  return json ? read_any_value(*json) : value;
}

std::optional<std::string> text_of_kind(const AnyValue& value, Repairs& repairs) {
  std::optional<std::string> json;
  if (!is_nested(parsed(value, json))) return std::nullopt;
  ++repairs.form;
  return write_string_value(json_string(json_text(value), NonAscii::as_is));
}

// Servers take it for a map of costs, and fail at anything else.
std::optional<std::string> map_of_cost(const AnyValue& value, Repairs& repairs) {
  std::optional<std::string> json;
  const AnyValue cost = parsed(value, json);
  if (cost.kind == ValueKind::key_values) return std::nullopt;
  ++repairs.form;
  std::string number, pairs, map;
  if (cost.kind == ValueKind::real) protozero::pbf_writer(number).add_double(4, cost.real);
  if (cost.kind == ValueKind::integer) number = write_integer_value(cost.integer);
  if (!number.empty())
    protozero::pbf_writer(pairs).add_message(1, write_key_value("total_cost", number));
  protozero::pbf_writer(map).add_message(6, pairs);
  return map;
}

// MLflow unwraps JSON text of arrays and objects, and then cannot read the trace if it meets an
// integer beyond int64 or too deep a nesting: the value to send instead, or nothing.
std::optional<std::string> readable_value(std::string_view key, const AnyValue& value,
                                          Repairs& repairs) {
  if (key == kCost) return map_of_cost(value, repairs);
  if (std::ranges::find(kKindKeys, key) != kKindKeys.end()) {
    if (auto text = text_of_kind(value, repairs)) return text;
  }
  if (value.kind != ValueKind::string) return std::nullopt;
  if (is_endless_integer(value.data) && !is_token_key(key)) {
    ++repairs.form;
    return write_string_value(json_string(value.data, NonAscii::as_is));
  }
  const bool nested = value.data.find_first_of("{[") == value.data.find_first_not_of(" \t\r\n");
  const bool token = is_token_key(key);
  if (!nested && !token) return std::nullopt;
  if (nests_too_deeply(value.data)) {  // as a JSON string it stays text
    ++repairs.form;
    return write_string_value(json_string(value.data, NonAscii::as_is));
  }
  if (!has_long_number(value.data)) return std::nullopt;
  const auto text = json_to_any_value(value.data, BigInteger::as_text);
  const auto number = json_to_any_value(value.data, BigInteger::saturated);
  if (!text || text == number) return std::nullopt;
  ++repairs.range;
  return token ? number : text;
}

class SpanRewriter {
 public:
  SpanRewriter(const SpanView& span, Repairs& repairs)
      : span_(span), typed_(span.has_json_attributes()), repairs_(repairs) {}

  std::optional<std::string> run() {
    protozero::pbf_reader reader = reader_of(span_.encoded);
    for (const char* begin = span_.encoded.data(); reader.next(); begin = reader.data().data()) {
      if (rewrite_field(reader)) {
        changed_ = true;
      } else {
        reader.skip();
        out_.append(begin, reader.data().data());
      }
    }
    if (!changed_) return std::nullopt;
    return std::move(out_);
  }

 private:
  // True if it has read the field and written what takes its place.
  bool rewrite_field(protozero::pbf_reader& reader) {
    switch (reader.tag_and_type()) {
      case fixed64_field(7):
      case fixed64_field(8):
        return rewrite_time(reader);
      case bytes_field(9):
        return rewrite_attribute(reader);
      case bytes_field(11):
        return rewrite_event(reader);
      default:
        return false;
    }
  }

  bool rewrite_time(protozero::pbf_reader& reader) {
    protozero::pbf_reader look_ahead = reader;
    if (look_ahead.get_fixed64() <= kMaxTimeNs) return false;
    protozero::pbf_writer(out_).add_fixed64(reader.tag(), kMaxTimeNs);
    reader.skip();
    ++repairs_.range;
    return true;
  }

  bool rewrite_attribute(protozero::pbf_reader& reader) {
    protozero::pbf_reader look_ahead = reader;
    const KeyValue pair = read_key_value(take_bytes(look_ahead));
    const bool tag_of_trace = typed_ && !span_.parent && pair.key.starts_with(kTraceTag);
    if (pair.key == kRequestId || tag_of_trace) {
      reader.skip();
      return true;
    }
    const auto value = rewrite_value(pair);
    if (!value) return false;
    protozero::pbf_writer(out_).add_message(9, write_key_value(pair.key, *value));
    reader.skip();
    return true;
  }

  // Event: attributes = 3. Servers take inputs and outputs from some.
  bool rewrite_event(protozero::pbf_reader& reader) {
    protozero::pbf_reader look_ahead = reader;
    const std::string_view event = take_bytes(look_ahead);
    std::string out;
    bool changed = false;
    protozero::pbf_reader fields = reader_of(event);
    for (const char* begin = event.data(); fields.next(); begin = fields.data().data()) {
      const bool attribute = fields.tag_and_type() == bytes_field(3);
      const KeyValue pair = attribute ? read_key_value(take_bytes(fields)) : KeyValue{};
      if (!attribute) fields.skip();
      const auto value =
          attribute ? readable_value(pair.key, read_any_value(pair.value), repairs_) : std::nullopt;
      changed |= value.has_value();
      if (value) {
        protozero::pbf_writer(out).add_message(3, write_key_value(pair.key, *value));
      } else {
        out.append(begin, fields.data().data());
      }
    }
    if (!changed) return false;
    protozero::pbf_writer(out_).add_message(11, out);
    reader.skip();
    return true;
  }

  std::optional<std::string> rewrite_value(const KeyValue& pair) {
    const AnyValue value = read_any_value(pair.value);
    std::optional<std::string> rewritten = readable_value(pair.key, value, repairs_);
    if (!rewritten && typed_ && value.kind == ValueKind::string &&
        !pair.key.starts_with(kTraceTag)) {
      rewritten = json_to_any_value(value.data, BigInteger::as_text);
    }
    const AnyValue now = rewritten ? read_any_value(*rewritten) : value;
    if (const auto text = fitting_text(pair.key, now, repairs_)) {
      rewritten = write_string_value(*text);
    }
    return rewritten;
  }

  const SpanView& span_;
  const bool typed_;
  Repairs& repairs_;
  bool changed_ = false;
  std::string out_;
};

}  // namespace

std::string plain_text(const AnyValue& value) {
  if (value.kind == ValueKind::string)
    return json_to_string(value.data).value_or(std::string(value.data));
  std::string text;
  append_json_value(text, value, NonAscii::as_is);
  return text;
}

std::string json_text(const AnyValue& value) {
  if (value.kind == ValueKind::string && is_any_value(value.data)) return std::string(value.data);
  std::string text;
  append_json_value(text, value, NonAscii::as_is);
  return text;
}

std::optional<std::string> rewrite_span(const SpanView& span, Repairs& repairs) {
  return SpanRewriter(span, repairs).run();
}

}  // namespace tracelink
