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

bool has_digits_in_a_row(std::string_view text, std::size_t digits) {
  std::size_t run = 0;
  for (const char c : text) {
    run = c >= '0' && c <= '9' ? run + 1 : 0;
    if (run == digits) return true;
  }
  return false;
}

// Python reads no integer of more than 4,300 digits, and fails at one in any text that begins as a
// JSON number, array or object, before it sees whether the rest is JSON.
bool holds_unreadable_integer(std::string_view text) {
  constexpr std::size_t kMostDigits = 4'300;
  const auto first = text.find_first_not_of(" \t\r\n");
  if (text.size() <= kMostDigits || first == std::string_view::npos) return false;
  if (std::string_view("-0123456789{[").find(text[first]) == std::string_view::npos) return false;
  return has_digits_in_a_row(text, kMostDigits + 1);
}

// int64's largest has 19 digits.
bool has_long_number(std::string_view text) { return has_digits_in_a_row(text, 19); }

// Python looks these up in a table, and fails at a list or a map.
constexpr std::array<std::string_view, 8> kKindKeys = {
    "openinference.span.kind", "traceloop.span.kind",       "gen_ai.operation.name", "span.type",
    "ai.operationId",          "langfuse.observation.type", "lmnr.span.type",        "entity.type"};
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

std::string write_real_value(double value) {
  std::string encoded;
  protozero::pbf_writer(encoded).add_double(4, value);
  return encoded;
}

// Servers add these up over the spans of a trace.
bool is_summed(std::string_view key) {
  return key.find("tokens") != std::string_view::npos || key.find("cost") != std::string_view::npos;
}

bool is_number(const AnyValue& value) {
  return value.kind == ValueKind::integer || value.kind == ValueKind::real ||
         value.kind == ValueKind::boolean;
}

// The number that a text holds; nothing for any other value.
std::optional<std::string> number_in(const AnyValue& value) {
  if (value.kind != ValueKind::string) return std::nullopt;
  auto json = json_to_any_value(value.data, BigInteger::saturated);
  return json && is_number(read_any_value(*json)) ? json : std::nullopt;
}

// A count that servers can add up over the spans of a trace, and whose sum they can then read; they
// fail at an infinite one. Nothing if it is that already.
std::optional<std::string> bounded_count(const AnyValue& count) {
  constexpr std::int64_t kMost = 1'000'000'000'000'000;
  constexpr auto kMostReal = static_cast<double>(kMost);
  const bool integer = count.kind == ValueKind::integer, real = count.kind == ValueKind::real;
  const bool above = integer ? count.integer > kMost : real && count.real > kMostReal;
  const bool below = integer ? count.integer < -kMost : real && count.real < -kMostReal;
  if (!above && !below) return std::nullopt;
  return write_integer_value(above ? kMost : 0);  // nothing is counted below zero
}

std::optional<std::string> bounded_count(const AnyValue& value, Repairs& repairs) {
  std::optional<std::string> json;
  if (value.kind == ValueKind::string) json = json_to_any_value(value.data, BigInteger::saturated);
  auto count = bounded_count(json ? read_any_value(*json) : value);
  if (count) ++repairs.range;
  return count;
}

// A map with sums: what is no number in it fails the whole request, so it becomes one or goes.
// Nothing if all are numbers.
std::optional<std::string> map_of_numbers(const AnyValue& map, Repairs& repairs) {
  std::string pairs;
  bool changed = false;
  for (const KeyValue& pair : read_key_values(map.data)) {
    const AnyValue value = read_any_value(pair.value);
    const bool odd = is_summed(pair.key) && !is_number(value);
    auto number = odd ? number_in(value) : std::nullopt;
    const bool counts = pair.key.find("tokens") != std::string_view::npos;
    auto bounded = counts ? bounded_count(value, repairs) : std::nullopt;
    if (odd && !bounded) ++repairs.form;
    changed |= odd || bounded;
    if (bounded) number = std::move(bounded);
    if (odd && !number) continue;
    const std::string_view kept = number ? std::string_view(*number) : pair.value;
    protozero::pbf_writer(pairs).add_message(1, write_key_value(pair.key, kept));
  }
  if (!changed) return std::nullopt;
  std::string encoded;
  protozero::pbf_writer(encoded).add_message(6, pairs);
  return encoded;
}

// Servers take it for a map of costs, and fail at anything else.
std::optional<std::string> map_of_cost(const AnyValue& value, Repairs& repairs) {
  std::optional<std::string> json;
  const AnyValue cost = parsed(value, json);
  if (cost.kind == ValueKind::key_values) return map_of_numbers(cost, repairs);
  ++repairs.form;
  std::string number, pairs, map;
  if (cost.kind == ValueKind::real) number = write_real_value(cost.real);
  if (cost.kind == ValueKind::integer) number = write_integer_value(cost.integer);
  if (!number.empty())
    protozero::pbf_writer(pairs).add_message(1, write_key_value("total_cost", number));
  protozero::pbf_writer(map).add_message(6, pairs);
  return map;
}

std::optional<std::string> map_of_tokens(const AnyValue& value, Repairs& repairs) {
  std::optional<std::string> json;
  const AnyValue tokens = parsed(value, json);
  if (tokens.kind != ValueKind::key_values) return std::nullopt;
  return map_of_numbers(tokens, repairs);
}

// As a JSON string the text stays what it is.
std::string quoted_text(std::string_view text, Repairs& repairs) {
  ++repairs.form;
  return write_string_value(json_string(text, NonAscii::as_is));
}

// JSON text with integers that MLflow could not read again: the value to send instead.
std::optional<std::string> readable_json(std::string_view json, bool token, Repairs& repairs) {
  if (nests_too_deeply(json)) return quoted_text(json, repairs);
  if (!has_long_number(json)) return std::nullopt;
  auto text = json_to_any_value(json, BigInteger::as_text);
  auto number = json_to_any_value(json, BigInteger::saturated);
  if (!text && holds_unreadable_integer(json)) return quoted_text(json, repairs);
  if (!text || text == number) return std::nullopt;
  ++repairs.range;
  return token ? number : text;
}

// Of an event. Servers take the preview from some, and store it as it is.
std::optional<std::string> text_of_preview(std::string_view key, const AnyValue& value,
                                           Repairs& repairs) {
  if ((key != "gen_ai.prompt" && key != "gen_ai.completion") || !is_nested(value)) {
    return std::nullopt;
  }
  ++repairs.form;
  return write_string_value(json_text(value));
}

// MLflow unwraps JSON text of arrays and objects, and then cannot read the trace if it meets an
// integer beyond int64 or too deep a nesting: the value to send instead, or nothing.
std::optional<std::string> readable_value(std::string_view key, const AnyValue& value,
                                          Repairs& repairs) {
  if (key == kCost) return map_of_cost(value, repairs);
  if (key == kMlflowTokenUsage) {
    if (auto map = map_of_tokens(value, repairs)) return map;
  }
  const bool token = is_token_key(key);
  if (token && key != kMlflowTokenUsage) {
    if (auto count = bounded_count(value, repairs)) return count;
  }
  if (std::ranges::find(kKindKeys, key) != kKindKeys.end()) {
    if (auto text = text_of_kind(value, repairs)) return text;
  }
  if (value.kind != ValueKind::string) return std::nullopt;
  const bool nested = value.data.find_first_of("{[") == value.data.find_first_not_of(" \t\r\n");
  if (nested || token) return readable_json(value.data, token, repairs);
  if (!holds_unreadable_integer(value.data)) return std::nullopt;
  return quoted_text(value.data, repairs);
}

std::optional<std::string> readable_event_value(const KeyValue& pair, Repairs& repairs) {
  const AnyValue value = read_any_value(pair.value);
  auto text = text_of_preview(pair.key, value, repairs);
  return text ? text : readable_value(pair.key, value, repairs);
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
      const auto value = attribute ? readable_event_value(pair, repairs_) : std::nullopt;
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
