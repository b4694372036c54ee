#include "config/yaml_mistakes.hpp"

#include <algorithm>
#include <vector>

namespace tracelink {
namespace {

constexpr std::string_view kBlanks = " \t";

// Whether a scalar may begin behind `before`, the part of the line in front of a quote. `in_flow`:
// a bracket is open there; elsewhere a comma is a letter of a text.
bool begins_scalar(std::string_view before, bool in_flow) {
  const std::size_t last = before.find_last_not_of(kBlanks);
  if (last == std::string_view::npos) return true;
  const bool blank_follows = last + 1 < before.size();
  const char c = before[last];
  if (c == '[' || c == '{' || (c == ',' && in_flow)) return true;
  return blank_follows && (c == ':' || c == '-' || c == '?');
}

bool begins_comment(std::string_view line, std::size_t at) {
  return line[at] == '#' && (at == 0 || kBlanks.find(line[at - 1]) != std::string_view::npos);
}

std::string_view without_comment(std::string_view line) {
  std::size_t end = 0;
  while (end < line.size() && !begins_comment(line, end)) ++end;
  return line.substr(0, end);
}

// Behind the quote that closes the scalar which opened before `at`; npos if the line has none.
std::size_t behind_close(std::string_view line, std::size_t at, char quote) {
  for (; at < line.size(); ++at) {
    if (quote == '"' && line[at] == '\\') {
      ++at;
    } else if (line[at] == quote) {
      const bool doubled = quote == '\'' && at + 1 < line.size() && line[at + 1] == quote;
      if (!doubled) return at + 1;
      ++at;
    }
  }
  return std::string_view::npos;
}

// Where a quote opens that is not closed on the line.
std::optional<std::size_t> open_quote(std::string_view line) {
  for (std::size_t at = 0; at < line.size(); ++at) {
    if (begins_comment(line, at)) return std::nullopt;
    if (line[at] != '"' && line[at] != '\'') continue;
    const std::string_view before = line.substr(0, at);
    const bool in_flow = before.find_first_of("[{") != std::string_view::npos;
    if (!begins_scalar(before, in_flow)) continue;
    const std::size_t behind = behind_close(line, at + 1, line[at]);
    if (behind == std::string_view::npos) return at;
    at = behind - 1;
  }
  return std::nullopt;
}

YamlMistake not_closed(std::size_t line, std::size_t column, char quote, const char* where) {
  return {line, column,
          std::string("the quote ") + quote + " is not closed" + where +
              "; close it, or write '' for a ' and \\\" for a \" inside"};
}

std::optional<YamlMistake> mistake_of_line(std::string_view line, std::size_t number) {
  const std::size_t text = std::min(line.find_first_not_of(kBlanks), line.size());
  const std::size_t tab = line.substr(0, text).find('\t');
  if (tab != std::string_view::npos && text < line.size()) {
    return YamlMistake{number, tab + 1, "a tab in the indentation: YAML takes spaces only"};
  }
  const auto quote = open_quote(line);
  if (!quote) return std::nullopt;
  return not_closed(number, *quote + 1, line[*quote], " on its line");
}

bool begins_block(std::string_view line) {
  line = without_comment(line);
  const std::size_t last = line.find_last_not_of(" \t\r+-0123456789");
  return last != std::string_view::npos && (line[last] == '|' || line[last] == '>');
}

// The brackets of flows ("[a]", "{a: b}") that are open, in the order of a text.
class OpenBrackets {
 public:
  // False: the rest is not understood (a text of several lines), or a bracket is closed by the
  // other kind.
  bool take_line(std::string_view line, std::size_t number) {
    for (std::size_t at = 0; at < line.size(); ++at) {
      if (begins_comment(line, at)) break;
      const char c = line[at];
      const bool begins = begins_scalar(line.substr(0, at), !open_.empty());
      if ((c == '"' || c == '\'') && begins) {
        at = behind_close(line, at + 1, c);
        if (at == std::string_view::npos) return false;
        --at;
      } else if ((c == '[' || c == '{') && (begins || !open_.empty())) {
        open_.push_back({number, at + 1, c});
      } else if ((c == ']' || c == '}') && !open_.empty()) {
        if (closer() != c) return false;
        open_.pop_back();
      }
    }
    return true;
  }
  std::optional<YamlMistake> innermost() const {
    if (open_.empty()) return std::nullopt;
    const Bracket& last = open_.back();
    return YamlMistake{last.line, last.column,
                       std::string("the ") + last.kind + " is not closed by a " + closer()};
  }

 private:
  struct Bracket {
    std::size_t line, column;
    char kind;
  };
  char closer() const { return open_.back().kind == '[' ? ']' : '}'; }

  std::vector<Bracket> open_;
};

std::optional<YamlMistake> open_bracket(std::string_view text) {
  OpenBrackets brackets;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    if (begins_block(line)) return std::nullopt;
    if (!brackets.take_line(line, number)) break;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return brackets.innermost();
}

}  // namespace

std::optional<YamlMistake> quote_never_closed(std::string_view text) {
  std::optional<YamlMistake> found;
  std::size_t text_end = 0;  // of a text with several lines
  std::size_t begin = 0;
  for (std::size_t number = 1; begin < text.size(); ++number) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    if (begins_block(line)) return std::nullopt;
    const auto quote = begin < text_end || found ? std::nullopt : open_quote(line);
    if (quote) {
      text_end = behind_close(text, begin + *quote + 1, line[*quote]);
      if (text_end == std::string_view::npos)
        found = not_closed(number, *quote + 1, line[*quote], "");
    }
    begin = end + 1;
  }
  return found;
}

std::optional<YamlMistake> usual_mistake(std::string_view text) {
  std::string_view rest = text;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    if (auto mistake = mistake_of_line(rest.substr(0, end), number)) return mistake;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return open_bracket(text);
}

}  // namespace tracelink
