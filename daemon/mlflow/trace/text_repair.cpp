#include "daemon/mlflow/trace/text_repair.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "daemon/codec/text_patch.hpp"
#include "daemon/mlflow/trace/json_to_any_value.hpp"
#include "daemon/mlflow/trace/text_limits.hpp"

namespace tracelink {
namespace {

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
  if (!is_any_value(out)) return std::nullopt;
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

}  // namespace

Repairs& Repairs::operator+=(const Repairs& other) {
  nul += other.nul;
  surrogate += other.surrogate;
  length += other.length;
  range += other.range;
  form += other.form;
  return *this;
}

std::optional<std::string> repair_texts(std::string_view message, otlp::MessageType type,
                                        Nul of_nul, Repairs& repairs) {
  Repairs measured;
  return otlp::patch_texts(
      message, otlp::spec_of(type), [&](std::string_view text, otlp::TextPass pass) {
        return repair_text(text, of_nul, pass == otlp::TextPass::write ? repairs : measured);
      });
}

}  // namespace tracelink
