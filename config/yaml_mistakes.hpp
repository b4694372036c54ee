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

// Where a quote seems to open that nothing closes. At the start of a line it may be a letter of a
// text that goes on there, which only the parser can tell. Nothing for texts with blocks (| or >),
// in which a quote may be a letter. Pure.
std::optional<YamlMistake> quote_never_closed(std::string_view text);

}  // namespace tracelink
