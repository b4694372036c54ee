#include "daemon/mlflow/mlflow_attributes.hpp"

#include <algorithm>
#include <array>

#include <protozero/pbf_writer.hpp>

#include "daemon/mlflow/json_to_any_value.hpp"
#include "daemon/mlflow/python_json.hpp"
#include "daemon/mlflow/text_limits.hpp"
#include "daemon/mlflow/token_usage.hpp"
#include "daemon/mlflow/wire.hpp"

namespace tracelink {
namespace {

constexpr std::string_view kRequestId = "mlflow.traceRequestId";

// Span attributes that servers copy into columns.
struct Column {
  std::string_view key;
  std::size_t code_points;
};
constexpr std::array<Column, 5> kColumns = {{{"mlflow.spanType", kMaxSpanType},
                                             {"session.id", kMaxSession},
                                             {"gen_ai.conversation.id", kMaxSession},
                                             {"user.id", kMaxUser},
                                             {"mlflow.traceTag.mlflow.traceName", kMaxTraceName}}};

bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

// What the column would get, made to fit; nothing if it fits.
std::optional<std::string> fitting_text(std::string_view key, const AnyValue& value) {
  if (value.kind != ValueKind::string) return std::nullopt;
  const bool tag = key.starts_with(kTraceTag);  // servers cut the values of others themselves
  const auto column =
      std::ranges::find_if(kColumns, [&](const Column& candidate) { return candidate.key == key; });
  if (column == kColumns.end() && !tag) return std::nullopt;
  const std::string text = tag ? std::string(value.data) : plain_text(value);
  std::string fit = fit_column(text, column == kColumns.end() ? text.size() : column->code_points);
  if (fit == text) return std::nullopt;
  return fit;
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

// MLflow unwraps JSON text of arrays and objects, and then cannot read the trace if it meets an
// integer beyond int64 or too deep a nesting: the value to send instead, or nothing.
std::optional<std::string> readable_value(std::string_view key, const AnyValue& value) {
  if (value.kind != ValueKind::string) return std::nullopt;
  const bool nested = value.data.find_first_of("{[") == value.data.find_first_not_of(" \t\r\n");
  const bool token = is_token_key(key);
  if (!nested && !token) return std::nullopt;
  if (nests_too_deeply(value.data))  // as a JSON string it stays text
    return write_string_value(json_string(value.data, NonAscii::as_is));
  if (!has_long_number(value.data)) return std::nullopt;
  const auto text = json_to_any_value(value.data, BigInteger::as_text);
  const auto number = json_to_any_value(value.data, BigInteger::saturated);
  if (!text || text == number) return std::nullopt;
  return token ? number : text;
}

class SpanRewriter {
 public:
  SpanRewriter(const SpanView& span, std::uint32_t& repaired)
      : span_(span), typed_(span.has_json_attributes()), repaired_(repaired) {}

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
      case bytes_field(5):
        return rewrite_name(reader);
      case fixed64_field(7):
      case fixed64_field(8):
        return rewrite_time(reader);
      case bytes_field(9):
        return rewrite_attribute(reader);
      default:
        return false;
    }
  }

  bool rewrite_name(protozero::pbf_reader& reader) {
    if (!has_nul(span_.name)) return false;
    reader.skip();
    protozero::pbf_writer(out_).add_string(5, without_nul(span_.name));
    ++repaired_;
    return true;
  }

  bool rewrite_time(protozero::pbf_reader& reader) {
    protozero::pbf_reader look_ahead = reader;
    if (look_ahead.get_fixed64() <= kMaxTimeNs) return false;
    protozero::pbf_writer(out_).add_fixed64(reader.tag(), kMaxTimeNs);
    reader.skip();
    ++repaired_;
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
    const bool bad_key = pair.key.starts_with(kTraceTag) && has_nul(pair.key);
    if (!value && !bad_key) return false;
    repaired_ += bad_key ? 1 : 0;
    const std::string attribute =
        write_key_value(bad_key ? without_nul(pair.key) : pair.key, value ? *value : pair.value);
    protozero::pbf_writer(out_).add_message(9, attribute);
    reader.skip();
    return true;
  }

  std::optional<std::string> rewrite_value(const KeyValue& pair) {
    const AnyValue value = read_any_value(pair.value);
    std::optional<std::string> rewritten = readable_value(pair.key, value);
    if (rewritten) {
      ++repaired_;
    } else if (typed_ && value.kind == ValueKind::string && !pair.key.starts_with(kTraceTag)) {
      rewritten = json_to_any_value(value.data, BigInteger::as_text);
    }
    if (auto text = fitting_text(pair.key, rewritten ? read_any_value(*rewritten) : value)) {
      ++repaired_;
      rewritten = write_string_value(*text);
    }
    return rewritten;
  }

  const SpanView& span_;
  const bool typed_;
  std::uint32_t& repaired_;
  bool changed_ = false;
  std::string out_;
};

bool value_has_nul(const AnyValue& value) {
  switch (value.kind) {
    case ValueKind::string:
      return has_nul(value.data);
    case ValueKind::array: {
      const auto items = read_array(value.data);
      return std::ranges::any_of(
          items, [](std::string_view item) { return value_has_nul(read_any_value(item)); });
    }
    case ValueKind::key_values: {
      const auto pairs = read_key_values(value.data);
      return std::ranges::any_of(pairs, [](const KeyValue& pair) {
        return has_nul(pair.key) || value_has_nul(read_any_value(pair.value));
      });
    }
    default:
      return false;
  }
}

std::string value_without_nul(std::string_view encoded) {
  const AnyValue value = read_any_value(encoded);
  if (!value_has_nul(value)) return std::string(encoded);
  if (value.kind == ValueKind::string) return write_string_value(without_nul(value.data));
  std::string list, out;
  if (value.kind == ValueKind::array) {
    for (const std::string_view item : read_array(value.data))
      protozero::pbf_writer(list).add_message(1, value_without_nul(item));
    protozero::pbf_writer(out).add_message(5, list);
  } else {
    for (const KeyValue& pair : read_key_values(value.data))
      protozero::pbf_writer(list).add_message(
          1, write_key_value(without_nul(pair.key), value_without_nul(pair.value)));
    protozero::pbf_writer(out).add_message(6, list);
  }
  return out;
}

// Copies a message, with `rewrite` applied to each occurrence of its field 1.
template <class Rewrite>
std::string copy_message(std::string_view encoded, Rewrite rewrite) {
  std::string out;
  protozero::pbf_reader reader = reader_of(encoded);
  for (const char* begin = encoded.data(); reader.next(); begin = reader.data().data()) {
    if (reader.tag_and_type() == bytes_field(1)) {
      protozero::pbf_writer(out).add_message(1, rewrite(take_bytes(reader)));
    } else {
      reader.skip();
      out.append(begin, reader.data().data());
    }
  }
  return out;
}

std::string rewrite_resource_attribute(std::string_view encoded, std::uint32_t& repaired) {
  const KeyValue pair = read_key_value(encoded);
  if (!has_nul(pair.key) && !value_has_nul(read_any_value(pair.value))) return std::string(encoded);
  ++repaired;
  return write_key_value(without_nul(pair.key), value_without_nul(pair.value));
}

}  // namespace

std::string plain_text(const AnyValue& value) {
  if (value.kind == ValueKind::string)
    return json_to_string(value.data).value_or(std::string(value.data));
  std::string text;
  append_json_value(text, value, NonAscii::as_is);
  return text;
}

std::string json_text(const AnyValue& value) {
  if (value.kind == ValueKind::string && json_to_any_value(value.data, BigInteger::as_text))
    return std::string(value.data);
  std::string text;
  append_json_value(text, value, NonAscii::as_is);
  return text;
}

std::optional<std::string> rewrite_span(const SpanView& span, std::uint32_t& repaired) {
  return SpanRewriter(span, repaired).run();
}

std::string rewrite_resource(const std::string& resource_fields, std::uint32_t& repaired) {
  if (!has_nul(resource_fields)) return resource_fields;
  return copy_message(resource_fields, [&](std::string_view resource) {
    return copy_message(resource, [&](std::string_view attribute) {
      return rewrite_resource_attribute(attribute, repaired);
    });
  });
}

}  // namespace tracelink
