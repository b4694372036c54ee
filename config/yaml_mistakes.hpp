#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace tracelink {

// A place in a text, from 1.
struct YamlMistake {
  std::size_t line = 1, column = 1;
  std::string message;
};

// Why a text that a YAML parser refuses is none, where that is one of the mistakes whose messages
// say nothing to a person: a tab in the indentation, a quote that is not closed where its line
// ends, and a bracket that is not closed. Nothing if none is in the text. Pure.
std::optional<YamlMistake> usual_mistake(std::string_view text);

// Where a quote opens that nothing closes, which yaml-cpp takes for a text that ends with the file.
// Nothing for texts with blocks (| or >), in which a quote may be a letter.
std::optional<YamlMistake> quote_never_closed(std::string_view text);

}  // namespace tracelink
