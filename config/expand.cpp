#include "config/expand.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <utility>

#include "config/file_content.hpp"
#include "config/text.hpp"

namespace tracelink {
namespace {

constexpr std::string_view kFilePrefix = "file:";
constexpr std::size_t kMaxFileBytes = 64u << 10;

Error invalid(std::string message) { return {ErrorCode::invalid, std::move(message)}; }

bool is_variable_name(std::string_view name) {
  const auto is_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
  };
  return !name.empty() && !std::isdigit(static_cast<unsigned char>(name.front())) &&
         std::ranges::all_of(name, is_word);
}

// What editors and secrets add to a value.
std::string without_mark_and_end_breaks(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  return std::string(without_end_breaks(text));
}

Result<std::string> content_of(std::string_view path) {
  const std::string where = "${file:" + std::string(path) + "}";
  if (!path.starts_with('/')) return invalid(where + " needs an absolute path");
  std::error_code unreadable;
  const auto type = std::filesystem::status(path, unreadable).type();
  // Reading a pipe may wait for ever, and the value is read again while traces are delivered.
  if (type == std::filesystem::file_type::fifo || type == std::filesystem::file_type::socket) {
    return invalid(where + " is a pipe or a socket: give the path of a regular file");
  }
  const auto content = file_content(std::string(path), kMaxFileBytes + 1);
  if (!content) return invalid(where + " " + content.error().message);
  if (content->size() > kMaxFileBytes) return invalid(where + " is larger than 64KiB");
  return without_mark_and_end_breaks(*content);
}

// `used` is set where the variable's own value is the result.
Result<std::string> value_of(std::string_view expression,
                             const std::map<std::string, std::string>& environment, bool& used) {
  const auto mark = expression.find(":-");
  const std::string name(expression.substr(0, mark));
  if (!is_variable_name(name)) {
    return invalid(
        "${" + std::string(expression) +
        "} is none of ${NAME}, ${NAME:-default}, ${file:/path}; write $${ for a plain ${");
  }
  const auto variable = environment.find(name);
  if (mark == std::string_view::npos) {
    used = variable != environment.end();
    if (used) return without_mark_and_end_breaks(variable->second);
    return invalid("${" + name + "}: the variable is not set; set it, or write ${" + name +
                   ":-default}");
  }
  const std::string_view fallback = expression.substr(mark + 2);
  if (fallback.find("${") != std::string_view::npos) {
    return invalid("${" + name + ":-…}: a default cannot hold another ${…}");
  }
  if (variable == environment.end()) return std::string(fallback);
  std::string value = without_mark_and_end_breaks(variable->second);
  used = !value.empty();
  return used ? std::move(value) : std::string(fallback);
}

}  // namespace

Result<Expanded> expand(std::string_view text,
                        const std::map<std::string, std::string>& environment) {
  Expanded result;
  while (true) {
    const auto start = text.find("${");
    result.text.append(text.substr(0, start));
    if (start == std::string_view::npos) return result;
    const bool escaped = start > 0 && text[start - 1] == '$';
    text.remove_prefix(start + 2);
    if (escaped) {
      result.text += '{';  // after the $ that is there already
      continue;
    }
    const auto end = text.find('}');
    if (end == std::string_view::npos) return invalid("${ without its }; write $${ for a plain ${");
    const std::string_view expression = text.substr(0, end);
    const bool is_file = expression.starts_with(kFilePrefix);
    bool is_variable = false;
    auto value = is_file ? content_of(expression.substr(kFilePrefix.size()))
                         : value_of(expression, environment, is_variable);
    if (!value) return std::move(value).error();
    result.text += *value;
    result.from_file |= is_file;
    if (is_variable) {
      result.variables += "${" + std::string(expression.substr(0, expression.find(":-"))) + "}";
    }
    text.remove_prefix(end + 1);
  }
}

}  // namespace tracelink
