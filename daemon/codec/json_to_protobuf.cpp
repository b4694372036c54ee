#include <bit>
#include <limits>
#include <string_view>
#include <utility>

#include <protozero/pbf_writer.hpp>
#include <simdjson.h>

#include "daemon/codec/otlp_json.hpp"
#include "daemon/codec/otlp_schema.hpp"
#include "daemon/text/base64.hpp"
#include "daemon/text/hex.hpp"
#include "daemon/text/json_text.hpp"

namespace tracelink {
namespace {

namespace ondemand = simdjson::ondemand;
using otlp::FieldSpec;
using otlp::Kind;
using otlp::MessageSpec;

// Ends the walk, which throws simdjson's errors as well; otlp_json_to_protobuf catches both.
struct Refusal {
  Error error;
};

Refusal bad_field(const FieldSpec& field, std::string_view expected) {
  return {{ErrorCode::invalid,
           "JSON field " + std::string(field.json_name) + ": expected " + std::string(expected)}};
}

// `name` in lowerCamelCase or in the snake_case of the .proto files.
bool names_field(std::string_view key, std::string_view name) {
  for (char c : name) {
    const bool is_upper = c >= 'A' && c <= 'Z';
    if (is_upper && key.starts_with('_')) {
      key.remove_prefix(1);
      c = static_cast<char>(c - 'A' + 'a');
    }
    if (!key.starts_with(c)) return false;
    key.remove_prefix(1);
  }
  return key.empty();
}

// Nothing for a gap in the numbers and for a name that the schema does not know.
const FieldSpec* find_field(const MessageSpec& message, std::string_view key) {
  for (const FieldSpec& field : message.fields) {
    if (field.kind != Kind::none && names_field(key, field.json_name)) return &field;
  }
  return nullptr;
}

bool is_null(ondemand::value& value) { return value.type().value() == ondemand::json_type::null; }

// Numbers may be JSON numbers or strings.
std::string_view number_text(ondemand::value& value) {
  if (value.type().value() == ondemand::json_type::string) return value.get_string().value();
  if (value.type().value() != ondemand::json_type::number) return {};
  const std::string_view token = value.raw_json_token();
  return token.substr(0, token.find_last_not_of(" \t\r\n") + 1);
}

bool is_at_end(ondemand::document& document) {
  return document.current_location().error() == simdjson::OUT_OF_BOUNDS;
}

Error json_error(simdjson::error_code code, std::string_view where) {
  return {ErrorCode::invalid,
          std::string("JSON: ") + simdjson::error_message(code) + std::string(where)};
}

// How many entries simdjson's index of the document has: braces, brackets, commas, colons, and the
// first byte of every string and number.
std::size_t token_count(std::string_view json) {
  std::size_t count = 0;
  bool in_string = false;
  bool in_scalar = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
      continue;
    }
    in_string = c == '"';
    const bool blank = c == ' ' || c == '\n' || c == '\r' || c == '\t';
    const bool separate = in_string || std::string_view("{}[],:").find(c) != std::string_view::npos;
    if (separate || (!blank && !in_scalar)) ++count;
    in_scalar = !blank && !separate;
  }
  return count;
}

// " at byte N", where simdjson knows.
std::string position(ondemand::document& document, std::string_view json) {
  const char* at = nullptr;
  if (document.current_location().get(at) != simdjson::SUCCESS) return {};
  return " at byte " + std::to_string(at - json.data());
}

// Not with protozero's nested writers: they leave out empty messages, and an empty AnyValue means
// "null".
class Transcoder {
 public:
  Transcoder(std::size_t max_bytes, RefusedSpans* refused)
      : max_bytes_(max_bytes), refused_(refused) {}

  std::string run(ondemand::document& document) {
    write_fields(document.get_object(), spec_of(otlp::MessageType::traces_data));
    if (!is_at_end(document)) throw Refusal{{ErrorCode::invalid, "JSON goes on after its end"}};
    return std::move(out_);
  }

 private:
  void write_fields(ondemand::object object, const MessageSpec& spec) {
    if (++depth_ > otlp::kMaxMessageDepth) {
      throw Refusal{{ErrorCode::invalid, "JSON nested too deep"}};
    }
    for (ondemand::field entry : object) {
      const FieldSpec* const field = find_field(spec, entry.unescaped_key().value());
      if (field == nullptr) continue;
      ondemand::value value = entry.value();
      if (!is_null(value)) write_field(value, spec, *field);
    }
    --depth_;
  }

  void write_field(ondemand::value& value, const MessageSpec& parent, const FieldSpec& field) {
    const auto number = static_cast<std::uint32_t>(&field - parent.fields.data()) + 1;
    if (!field.repeated) return write_value(value, field, number, parent.is_oneof);
    const bool is_span = field.kind == Kind::message && field.message == otlp::MessageType::span;
    for (ondemand::value element : value.get_array()) {
      if (is_span && refused_ != nullptr) {
        write_span(element, field, number);
      } else {
        write_value(element, field, number, true);
      }
    }
  }

  // Left out if a value of it is refused; simdjson then goes on behind it. What is no JSON at all
  // has no end to go on from.
  void write_span(ondemand::value& span, const FieldSpec& field, std::uint32_t number) {
    const std::size_t start = out_.size();
    const int depth = depth_;
    try {
      return write_value(span, field, number, true);
    } catch (const Refusal& refusal) {
      if (refusal.error.code != ErrorCode::invalid) throw;
      note_refused(refusal.error.message);
    } catch (const simdjson::simdjson_error& error) {
      if (error.error() != simdjson::INCORRECT_TYPE) throw;
      note_refused(json_error(error.error(), {}).message);
    }
    out_.resize(start);
    depth_ = depth;
  }

  void note_refused(const std::string& reason) {
    if (refused_->count++ == 0) refused_->first_reason = reason;
  }

  // `keeps_default`: a default value is written too, because its being there says something.
  void write_value(ondemand::value& value, const FieldSpec& field, std::uint32_t number,
                   bool keeps_default) {
    if (field.kind == Kind::message) {
      write_message(value.get_object(), spec_of(field.message), number);
    } else if (wire_type_of(field.kind) == WireType::bytes) {
      const std::string bytes = bytes_of(value, field);
      if (keeps_default || !bytes.empty()) {
        protozero::pbf_writer(out_).add_bytes(number, bytes.data(), bytes.size());
      }
    } else if (field.kind == Kind::int64) {
      write_integer(number_text(value), field, number);
    } else {
      write_scalar(scalar_of(value, field), field.kind, number, keeps_default);
    }
    if (out_.size() > max_bytes_) {
      throw Refusal{
          {ErrorCode::too_large, "more than " + std::to_string(max_bytes_) + " bytes of protobuf"}};
    }
  }

  void write_message(ondemand::object object, const MessageSpec& spec, std::uint32_t number) {
    const std::size_t start = out_.size();
    write_fields(object, spec);
    std::string header;
    protozero::add_varint_to_buffer(&header,
                                    number << 3 | static_cast<std::uint32_t>(WireType::bytes));
    protozero::add_varint_to_buffer(&header, out_.size() - start);
    out_.insert(start, header);
  }

  static std::string bytes_of(ondemand::value& value, const FieldSpec& field) {
    const std::string_view text = value.get_string();
    if (field.kind == Kind::string) return std::string(text);
    auto bytes = field.kind == Kind::id ? parse_hex(text) : parse_base64(text);
    if (!bytes) throw bad_field(field, field.kind == Kind::id ? "hex digits" : "base64");
    return *std::move(bytes);
  }

  // The 64 bits that the wire has for a numeric value.
  static std::uint64_t scalar_of(ondemand::value& value, const FieldSpec& field) {
    if (field.kind == Kind::boolean) return value.get_bool().value() ? 1 : 0;
    const std::string_view text = number_text(value);
    if (field.kind == Kind::enumeration) return enum_value(text, field);
    if (field.kind == Kind::float64) {
      const auto number = parse_double(text);
      if (!number) throw bad_field(field, "a double");
      return std::bit_cast<std::uint64_t>(*number);
    }
    const auto number = parse_uint64(text);
    if (!number) throw bad_field(field, "an unsigned integer");
    if (field.kind != Kind::fixed64 && *number > std::numeric_limits<std::uint32_t>::max()) {
      throw bad_field(field, "32 bits");
    }
    return *number;
  }

  static std::int64_t integer(std::string_view text, const FieldSpec& field) {
    const auto number = parse_int64(text);
    if (!number) throw bad_field(field, "a 64-bit integer");
    return *number;
  }

  static std::uint64_t enum_value(std::string_view text, const FieldSpec& field) {
    for (std::size_t i = 0; i < field.enum_names.size(); ++i) {
      if (text == field.enum_names[i]) return i;
    }
    const std::int64_t number = integer(text, field);
    if (!std::in_range<std::int32_t>(number)) throw bad_field(field, "32 bits");
    return static_cast<std::uint64_t>(number);
  }

  // JavaScript's exporters write every whole number as intValue, also 1e20: it is a double then.
  void write_integer(std::string_view text, const FieldSpec& field, std::uint32_t number) {
    constexpr std::uint32_t kDoubleValue = 4;  // beside int_value in AnyValue
    if (const auto integral = parse_int64(text)) {
      return write_scalar(static_cast<std::uint64_t>(*integral), Kind::int64, number, true);
    }
    const auto real = parse_double(text);
    if (!real) throw bad_field(field, "a number");
    write_scalar(std::bit_cast<std::uint64_t>(*real), Kind::float64, kDoubleValue, true);
  }

  void write_scalar(std::uint64_t bits, Kind kind, std::uint32_t number, bool keeps_default) {
    if (bits == 0 && !keeps_default) return;
    protozero::pbf_writer writer(out_);
    switch (wire_type_of(kind)) {
      case WireType::fixed32:
        return writer.add_fixed32(number, static_cast<std::uint32_t>(bits));
      case WireType::fixed64:
        return writer.add_fixed64(number, bits);
      default:
        return writer.add_uint64(number, bits);
    }
  }

  const std::size_t max_bytes_;
  RefusedSpans* const refused_;  // null: a refused span is an error
  std::string out_;
  int depth_ = 0;
};

}  // namespace

Result<std::string> otlp_json_to_protobuf(std::string json, std::size_t max_bytes,
                                          RefusedSpans* refused) {
  if (json.size() > kMaxJsonTokens && token_count(json) > kMaxJsonTokens) {
    return Error{ErrorCode::too_large,
                 "JSON with more than " + std::to_string(kMaxJsonTokens) + " tokens"};
  }
  json.reserve(json.size() + simdjson::SIMDJSON_PADDING);
  ondemand::parser parser;
  ondemand::document document;
  if (const auto error = parser.iterate(json, json.capacity()).get(document)) {
    return json_error(error, {});
  }
  try {
    return Transcoder(max_bytes, refused).run(document);
  } catch (const Refusal& refusal) {
    return refusal.error;
  } catch (const simdjson::simdjson_error& error) {
    return json_error(error.error(), position(document, json));
  }
}

}  // namespace tracelink
