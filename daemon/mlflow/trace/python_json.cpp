#include "daemon/mlflow/trace/python_json.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "daemon/text/base64.hpp"
#include "daemon/text/hex.hpp"

namespace tracelink {
namespace {

// Stands for a text of which only the length is asked.
class Length {
 public:
  void push_back(char) { ++bytes_; }
  void append(std::string_view text) { bytes_ += text.size(); }
  std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_ = 0;
};

template <class Out>
void append_u_escape(Out& out, std::uint32_t unit) {
  out.append("\\u");
  for (int shift = 12; shift >= 0; shift -= 4) out.push_back(hex_digit(unit >> shift));
}

template <class Out>
void append_code_point_escape(Out& out, std::uint32_t code_point) {
  if (code_point < 0x10000) return append_u_escape(out, code_point);
  append_u_escape(out, 0xD800 + ((code_point - 0x10000) >> 10));
  append_u_escape(out, 0xDC00 + ((code_point - 0x10000) & 0x3FF));
}

// The escape that json.dumps uses for an ASCII character whatever ensure_ascii says, or nothing.
std::string_view short_escape(char c) {
  switch (c) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '\f':
      return "\\f";
    case '\b':
      return "\\b";
    default:
      return {};
  }
}

// Takes one character off the front. Intake has validated UTF-8; a stray byte becomes U+FFFD.
std::uint32_t take_code_point(std::string_view& text) {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if ((first >= 0x80 && first < 0xC0) || first > 0xF7 || text.size() < length) {
    text.remove_prefix(1);
    return 0xFFFD;
  }
  std::uint32_t code_point = length == 1 ? first : first & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i)
    code_point = (code_point << 6) | (static_cast<unsigned char>(text[i]) & 0x3F);
  text.remove_prefix(length);
  return code_point;
}

// How many bytes at the front are written as they are.
std::size_t plain_bytes(std::string_view text, NonAscii non_ascii) {
  const unsigned char end = non_ascii == NonAscii::escaped ? 0x7E : 0xFF;
  const auto is_special = [end](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte > end || c == '"' || c == '\\';
  };
  return static_cast<std::size_t>(std::ranges::find_if(text, is_special) - text.begin());
}

template <class Out>
void write_json_string(Out& out, std::string_view text, NonAscii non_ascii) {
  out.push_back('"');
  while (true) {
    const std::size_t plain = plain_bytes(text, non_ascii);
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    if (const std::string_view escape = short_escape(text.front()); !escape.empty()) {
      out.append(escape);
      text.remove_prefix(1);
    } else {
      append_code_point_escape(out, take_code_point(text));
    }
  }
  out.push_back('"');
}

// Python's repr: shortest digits, an exponent below 1e-4 and from 1e16 on.
std::string float_repr(double value) {
  char buffer[32] = {};
  const auto shortest =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  std::string_view text(buffer, static_cast<std::size_t>(shortest.ptr - buffer));
  const std::size_t mark = text.find('e');
  const int exponent = std::atoi(text.data() + mark + 1);
  if (exponent < -4 || exponent >= 16) return std::string(text);
  const auto fixed = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed);
  std::string plain(buffer, static_cast<std::size_t>(fixed.ptr - buffer));
  if (plain.find('.') == std::string::npos) plain += ".0";
  return plain;
}

void append_array(std::string& out, std::string_view list, NonAscii non_ascii) {
  std::string_view separator = "[";
  for (const std::string_view item : read_array(list)) {
    out.append(separator);
    append_json_value(out, read_any_value(item), non_ascii);
    separator = ", ";
  }
  out.append(separator == "[" ? "[]" : "]");
}

void append_object(std::string& out, std::string_view list, NonAscii non_ascii) {
  std::string_view separator = "{";
  for (const KeyValue& pair : read_key_values(list)) {
    out.append(separator);
    append_json_string(out, pair.key, non_ascii);
    out.append(": ");
    append_json_value(out, read_any_value(pair.value), non_ascii);
    separator = ", ";
  }
  out.append(separator == "{" ? "{}" : "}");
}

}  // namespace

void append_json_string(std::string& out, std::string_view text, NonAscii non_ascii) {
  write_json_string(out, text, non_ascii);
}

void append_json_number(std::string& out, double value) {
  if (std::isnan(value)) {
    out.append("NaN");
  } else if (std::isinf(value)) {
    out.append(value < 0 ? "-Infinity" : "Infinity");
  } else {
    out.append(float_repr(value));
  }
}

void append_json_value(std::string& out, const AnyValue& value, NonAscii non_ascii) {
  switch (value.kind) {
    case ValueKind::none:
      out.append("null");
      break;
    case ValueKind::string:
      append_json_string(out, value.data, non_ascii);
      break;
    case ValueKind::boolean:
      out.append(value.boolean ? "true" : "false");
      break;
    case ValueKind::integer:
      out.append(std::to_string(value.integer));
      break;
    case ValueKind::real:
      append_json_number(out, value.real);
      break;
    case ValueKind::array:
      append_array(out, value.data, non_ascii);
      break;
    case ValueKind::key_values:
      append_object(out, value.data, non_ascii);
      break;
    case ValueKind::bytes:
      append_json_string(out, base64(value.data), non_ascii);
      break;
  }
}

std::string json_string(std::string_view text, NonAscii non_ascii) {
  std::string out;
  append_json_string(out, text, non_ascii);
  return out;
}

std::size_t json_string_size(std::string_view text, NonAscii non_ascii) {
  Length length;
  write_json_string(length, text, non_ascii);
  return length.bytes();
}

std::string replace_python_constants(std::string_view json, const PythonConstants& replacements) {
  const std::array<std::pair<std::string_view, std::string_view>, 3> constants = {
      {{"NaN", replacements.nan},
       {"-Infinity", replacements.minus_infinity},
       {"Infinity", replacements.infinity}}};
  std::string out;
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const auto constant = std::ranges::find_if(constants, [&](const auto& pair) {
      return !in_string && json.substr(i).starts_with(pair.first);
    });
    if (constant != constants.end()) {
      out.append(constant->second);
      i += constant->first.size() - 1;
      continue;
    }
    out.push_back(json[i]);
    if (in_string && json[i] == '\\' && i + 1 < json.size())
      out.push_back(json[++i]);
    else if (json[i] == '"')
      in_string = !in_string;
  }
  return out;
}

}  // namespace tracelink
