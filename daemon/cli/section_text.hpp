#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "daemon/cli/text_layout.hpp"

namespace tracelink::cli {

enum class Tone { plain, good, doubtful, bad };

// Builds a text of titled sections with one labelled value a line. Values are shown as
// printable_text() has them, and wrapped behind their label; what is longer than a line is not cut.
class SectionText {
 public:
  explicit SectionText(const TextLayout& layout) : layout_(layout) {}

  // A line above all sections.
  void title(std::string_view line);
  // The heading appears with the first line of the section.
  void section(std::string_view title) { pending_title_ = title; }
  // The tone is that of the value's first word.
  void field(std::string_view label, std::string_view value, Tone tone = Tone::plain);
  // A line under the value before it; nothing if it is empty.
  void below(std::string_view value);

  const std::string& text() const { return text_; }

 private:
  void add_bold(std::string_view line);
  void add_heading();
  void add_value(std::string_view value, Tone tone);

  const TextLayout layout_;
  std::string pending_title_;
  std::string text_;
};

// Where the first line of the text ends: before the last space within `columns` characters, or
// before the first one, or at the end.
std::size_t line_end(std::string_view text, std::size_t columns);

}  // namespace tracelink::cli
