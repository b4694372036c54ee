#include "daemon/cli/section_text.hpp"

#include <algorithm>

#include "daemon/cli/output.hpp"

namespace tracelink::cli {
namespace {

constexpr std::size_t kLabelColumns = 18;  // with its margin
constexpr std::size_t kNoWrap = static_cast<std::size_t>(-1);

bool continues_character(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) == 0x80; }

std::string_view code_of(Tone tone) {
  switch (tone) {
    case Tone::plain:
      return "";
    case Tone::good:
      return "\x1b[32m";
    case Tone::doubtful:
      return "\x1b[33m";
    case Tone::bad:
      return "\x1b[31m";
  }
  return "";
}

std::string in_tone(std::string_view line, Tone tone) {
  const std::size_t word = std::min(line.find(' '), line.size());
  return std::string(code_of(tone)) + std::string(line.substr(0, word)) + "\x1b[0m" +
         std::string(line.substr(word));
}

}  // namespace

std::size_t line_end(std::string_view text, std::size_t columns) {
  std::size_t end = std::string_view::npos;
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ' ' && (width <= columns || end == std::string_view::npos)) end = i;
    if (!continues_character(text[i])) ++width;
  }
  return width <= columns ? text.size() : std::min(end, text.size());
}

void SectionText::title(std::string_view line) { add_bold(line); }

void SectionText::field(std::string_view label, std::string_view value, Tone tone) {
  add_heading();
  std::string begin = "  " + printable_text(label);
  begin.resize(std::max(begin.size() + 1, kLabelColumns), ' ');
  text_ += begin;
  add_value(value, tone);
}

void SectionText::below(std::string_view value) {
  if (value.empty()) return;
  text_ += std::string(kLabelColumns, ' ');
  add_value(value, Tone::plain);
}

void SectionText::add_bold(std::string_view line) {
  const std::string shown = printable_text(line);
  text_ += layout_.colour ? "\x1b[1m" + shown + "\x1b[0m\n" : shown + "\n";
}

void SectionText::add_heading() {
  if (pending_title_.empty()) return;
  if (!text_.empty()) text_ += "\n";
  add_bold(pending_title_);
  pending_title_.clear();
}

void SectionText::add_value(std::string_view value, Tone tone) {
  const std::string shown = printable_text(value);
  const std::size_t columns = layout_.columns == 0 ? kNoWrap : layout_.columns - kLabelColumns;
  std::string_view rest = shown;
  do {
    const std::size_t end = line_end(rest, columns);
    const std::string_view line = rest.substr(0, end);
    const bool is_first = rest.size() == shown.size();
    if (!is_first) text_ += std::string(kLabelColumns, ' ');
    text_ +=
        is_first && layout_.colour && tone != Tone::plain ? in_tone(line, tone) : std::string(line);
    text_ += '\n';
    rest.remove_prefix(end);
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  } while (!rest.empty());
}

}  // namespace tracelink::cli
