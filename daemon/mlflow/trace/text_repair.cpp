#include "daemon/mlflow/trace/text_repair.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <protozero/pbf_writer.hpp>

#include "daemon/codec/wire_reader.hpp"
#include "daemon/mlflow/trace/json_to_any_value.hpp"
#include "daemon/mlflow/trace/text_limits.hpp"

namespace tracelink {
namespace {

using otlp::Kind;
using otlp::MessageType;

constexpr std::string_view kReplacementEscape = "\\ufffd";
constexpr std::size_t kEscapeBytes = kReplacementEscape.size();

bool may_be_json(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos &&
         std::string_view("{[\"").find(text[first]) != std::string_view::npos;
}

// The code unit of an escape "\uXXXX" at the front of `text`.
std::optional<unsigned> code_unit(std::string_view text) {
  if (text.size() < kEscapeBytes || !text.starts_with("\\u")) return std::nullopt;
  unsigned unit = 0;
  const char* end = text.data() + kEscapeBytes;
  const auto [stop, error] = std::from_chars(text.data() + 2, end, unit, 16);
  if (error != std::errc() || stop != end) return std::nullopt;
  return unit;
}

bool is_high(unsigned unit) { return unit >= 0xd800 && unit < 0xdc00; }
bool is_low(unsigned unit) { return unit >= 0xdc00 && unit < 0xe000; }

// With U+FFFD in place of the escapes that stand for no character; nothing if there are none, or
// if the text is no JSON, where a backslash means nothing.
std::optional<std::string> repair_escapes(std::string_view text, Nul of_nul, Repairs& repairs) {
  if (text.find("\\u") == std::string_view::npos || !may_be_json(text)) return std::nullopt;
  std::string out;
  bool nul = false, surrogate = false;
  std::size_t copied = 0;
  for (std::size_t at = text.find('\\'); at != std::string_view::npos; at = text.find('\\', at)) {
    const auto unit = code_unit(text.substr(at));
    if (!unit) {
      at = std::min(at + 2, text.size());
      continue;
    }
    const auto next = is_high(*unit) ? code_unit(text.substr(at + kEscapeBytes)) : std::nullopt;
    if (next && is_low(*next)) {
      at += 2 * kEscapeBytes;
      continue;
    }
    const bool half = is_high(*unit) || is_low(*unit);
    if (half || (*unit == 0 && of_nul == Nul::replace)) {
      out.append(text.substr(copied, at - copied)).append(kReplacementEscape);
      copied = at + kEscapeBytes;
      (half ? surrogate : nul) = true;
    }
    at += kEscapeBytes;
  }
  if (copied == 0) return std::nullopt;
  out.append(text.substr(copied));
  if (!json_to_any_value(out, BigInteger::as_text)) return std::nullopt;
  repairs.nul += nul ? 1 : 0;
  repairs.surrogate += surrogate ? 1 : 0;
  return out;
}

std::optional<std::string> repair_text(std::string_view text, Nul of_nul, Repairs& repairs) {
  if (of_nul == Nul::keep || text.find('\0') == std::string_view::npos) {
    return repair_escapes(text, of_nul, repairs);
  }
  ++repairs.nul;
  std::string clean = without_nul(text);
  Repairs of_the_same_text;
  auto cleaner = repair_escapes(clean, of_nul, of_the_same_text);
  return cleaner ? std::move(cleaner) : std::optional(std::move(clean));
}

std::optional<std::string> repair_message(std::string_view message, MessageType type, int depth,
                                          Nul of_nul, Repairs& repairs);

std::optional<std::string> repair_field(const WireField& field, const otlp::MessageSpec& spec,
                                        int depth, Nul of_nul, Repairs& repairs) {
  const otlp::FieldSpec* known = spec.find(field);
  if (known == nullptr) return std::nullopt;
  if (known->kind == Kind::string) return repair_text(field.bytes, of_nul, repairs);
  if (known->kind != Kind::message) return std::nullopt;
  return repair_message(field.bytes, known->message, depth + 1, of_nul, repairs);
}

std::optional<std::string> repair_message(std::string_view message, MessageType type, int depth,
                                          Nul of_nul, Repairs& repairs) {
  if (depth > otlp::kMaxMessageDepth) return std::nullopt;
  const otlp::MessageSpec& spec = otlp::spec_of(type);
  std::string out;
  std::size_t copied = 0;
  bool changed = false;
  WireReader reader(message);
  for (WireField field; reader.next(field);) {
    const auto repaired = repair_field(field, spec, depth, of_nul, repairs);
    if (!repaired) continue;
    const auto at = static_cast<std::size_t>(field.whole.data() - message.data());
    out.append(message.substr(copied, at - copied));
    protozero::pbf_writer(out).add_bytes(field.number, *repaired);
    copied = at + field.whole.size();
    changed = true;
  }
  if (!changed) return std::nullopt;
  return out.append(message.substr(copied));
}

}  // namespace

Repairs& Repairs::operator+=(const Repairs& other) {
  nul += other.nul;
  surrogate += other.surrogate;
  length += other.length;
  range += other.range;
  form += other.form;
  return *this;
}

std::optional<std::string> repair_texts(std::string_view message, MessageType type, Nul of_nul,
                                        Repairs& repairs) {
  return repair_message(message, type, 0, of_nul, repairs);
}

}  // namespace tracelink
