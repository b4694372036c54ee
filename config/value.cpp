#include "config/value.hpp"

#include <algorithm>
#include <limits>

#include <arpa/inet.h>

#include "config/nearest.hpp"
#include "config/text.hpp"
#include "config/tracking_uri.hpp"
#include "daemon/codec/name_template.hpp"
#include "daemon/text/blanks.hpp"
#include "daemon/text/utf8.hpp"

namespace tracelink {
namespace {

using Message = std::optional<std::string>;

// -1 as a uid or gid, which no process has.
constexpr std::uint64_t kNobody = std::numeric_limits<std::uint32_t>::max();

// Its blanks may be meant.
bool is_password(const Key& key) {
  return key.path == "tracking.password" || key.path == "databricks.password";
}

std::string refusal(const Key& key, const Setting& setting, const std::string& found) {
  return "found " + (key.secret ? "a secret value" : setting.found(found)) +
         ", allowed: " + expected(key);
}

Message wrong(const Key& key, const Setting& setting, const std::string& found) {
  const bool quotable = !key.secret && !setting.from_file_expansion && setting.variables.empty();
  std::string message = refusal(key, setting, quoted(found));
  if (!key.words.empty() && quotable) {
    const auto near = nearest_word(found, split(key.words, "|"));
    if (!near.empty()) message += "; did you mean " + near + "?";
  }
  return message;
}

std::optional<std::size_t> word_number(const Key& key, std::string_view text) {
  const auto words = split(key.words, "|");
  const auto found = std::ranges::find(words, text);
  if (found == words.end()) return std::nullopt;
  return static_cast<std::size_t>(found - words.begin());
}

bool is_mode(std::string_view text) {
  if (text.size() == 4 && text.front() == '0') text.remove_prefix(1);
  return text.size() == 3 && text.find_first_not_of("01234567") == std::string_view::npos;
}

// What listens takes. Not a name such as 127.example.com, which may be anywhere.
bool is_loopback_number(std::string_view host) {
  in_addr address{};
  return host.starts_with("127.") && ::inet_pton(AF_INET, std::string(host).c_str(), &address) == 1;
}

bool is_address(std::string_view text, bool loopback_only) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view host = text.substr(0, colon);
  const auto port = parse_number(text.substr(colon + 1));
  if (!port || *port > 65535 || host.empty() || has_control_characters(text)) return false;
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (!bracketed && host.find(':') != std::string_view::npos) return false;
  return !loopback_only || host == "[::1]" || host == "localhost" || is_loopback_number(host);
}

bool is_in_range(const Key& key, std::uint64_t value) {
  return value >= key.range.least && value <= key.range.most;
}

bool is_duration_of(const Key& key, const std::optional<std::chrono::milliseconds>& value) {
  return value && is_in_range(key, static_cast<std::uint64_t>(value->count()));
}

// docker --env-file and files of variables for systemd before 254 keep quotes as a part of the
// value; a model or an experiment of that name would be made.
bool is_in_quotes(std::string_view text) {
  return text.size() > 1 && (text.front() == '"' || text.front() == '\'') &&
         text.back() == text.front();
}

bool is_text_of(const Key& key, std::string_view text) {
  switch (key.syntax) {
    case Syntax::name_template:
      return NameTemplate::parse(text).has_value();
    case Syntax::word_or_path:
      return word_number(key, text) || text.starts_with('/');
    case Syntax::duration_or_empty:
      return text.empty() || is_duration_of(key, parse_duration(text));
    case Syntax::file_mode:
      return is_mode(text);
    case Syntax::absolute_path:
      return text.empty() || text.starts_with('/');
    case Syntax::address:
      return text.empty() || is_address(text, false);
    case Syntax::loopback_address:
      return text.empty() || is_address(text, true);
    default:
      return true;
  }
}

std::string without_layout(std::string text) {
  std::erase_if(text, [](char c) { return c == '\n' || c == '\t'; });
  return text;
}

// What is_text_of() and expected() do not tell well enough.
Message special_fault(const Key& key, const Setting& setting, const std::string& text) {
  if (key.syntax == Syntax::name_template && !text.empty() && without_blank_ends(text).empty()) {
    return refusal(key, setting, "only blanks");
  }
  if (key.syntax == Syntax::lines) {
    return has_control_characters(without_layout(text)) ? Message("holds a control character")
                                                        : Message();
  }
  if (has_control_characters(text)) return "holds a line break or another control character";
  if (is_in_quotes(text) && !is_password(key)) {
    return "the value itself is in quotes: write it without them (files for docker --env-file keep "
           "quotes)";
  }
  if (key.syntax != Syntax::tracking_uri || text.empty()) return {};
  const auto parsed = parse_tracking_uri(text);
  if (parsed) return {};
  if (setting.from_file_expansion) {
    return "the file's content is not a tracking URI, allowed: http:// or https://";
  }
  if (setting.variables.empty()) return parsed.error().message;
  return setting.found("") + " is not a tracking URI, allowed: http:// or https://";
}

// Of a param or tag. Values may have several lines.
Message fault_of_entry(const std::string& name, const std::string& value) {
  if (!is_valid_utf8(name)) return "a key is not UTF-8";
  if (without_blank_ends(name).empty()) return "a key is empty";
  if (has_control_characters(name)) {
    return "the key " + quoted(name) + " holds a line break or another control character";
  }
  if (!is_valid_utf8(value)) return "the value of " + quoted(name) + " is not UTF-8";
  if (value.find('\0') == std::string::npos) return {};
  return "the value of " + quoted(name) + " holds a NUL, which databases refuse";
}

// One overload for each kind of field.
struct Assign {
  const Key& key;
  const Setting& setting;
  const std::string& text;

  Message operator()(std::string& field) const {
    if (!is_valid_utf8(text)) return "found bytes that are not UTF-8, allowed: " + expected(key);
    if (auto fault = special_fault(key, setting, text)) return fault;
    if (!is_text_of(key, text)) return wrong(key, setting, text);
    field = text;
    return {};
  }
  Message operator()(const Word& field) const {
    if (!is_valid_utf8(text)) return "found bytes that are not UTF-8, allowed: " + expected(key);
    if (auto fault = special_fault(key, setting, text)) return fault;
    const auto number = word_number(key, text);
    if (!number) return wrong(key, setting, text);
    field.set(*number);
    return {};
  }
  Message operator()(bool& field) const { return store(parse_boolean(text), field); }
  Message operator()(std::uint64_t& field) const {
    const auto value = key.syntax == Syntax::size ? parse_size(text) : parse_number(text);
    return value && is_in_range(key, *value) ? store(value, field) : wrong(key, setting, text);
  }
  Message operator()(std::uint32_t& field) const {
    std::uint64_t wide = 0;
    if (auto message = (*this)(wide)) return message;
    if (wide > std::numeric_limits<std::uint32_t>::max()) return wrong(key, setting, text);
    field = static_cast<std::uint32_t>(wide);
    return {};
  }
  Message operator()(std::chrono::milliseconds& field) const {
    const auto value = parse_duration(text);
    return is_duration_of(key, value) ? store(value, field) : wrong(key, setting, text);
  }
  Message operator()(std::vector<std::uint32_t>& field) const {
    field.clear();
    std::string refused;
    for (const std::string& item : items()) {
      const auto value = parse_number(item);
      if (value && *value < kNobody) {
        field.push_back(static_cast<std::uint32_t>(*value));
      } else {
        refused += (refused.empty() ? "" : ", ") + quoted(item);
      }
    }
    return refused.empty() ? Message() : refusal(key, setting, refused);
  }
  Message operator()(std::map<std::string, std::string>& field) const {
    const auto* map = std::get_if<std::map<std::string, std::string>>(&setting.value);
    if (!map) return wrong(key, setting, text);
    for (const auto& [name, value] : *map) {
      if (auto fault = fault_of_entry(name, value)) return fault;
    }
    field = *map;
    return {};
  }

 private:
  template <class T>
  Message store(const std::optional<T>& value, T& field) const {
    if (!value) return wrong(key, setting, text);
    field = *value;
    return {};
  }
  std::vector<std::string> items() const {
    if (const auto* list = std::get_if<std::vector<std::string>>(&setting.value)) return *list;
    if (trimmed(text).empty()) return {};
    const auto parts = split(text, ",");
    return {parts.begin(), parts.end()};
  }
};

struct Display {
  const Key& key;

  std::string operator()(const std::string& text) const { return text; }
  std::string operator()(const Word& word) const {
    return std::string(split(key.words, "|")[word.number]);
  }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(std::uint32_t value) const { return std::to_string(value); }
  std::string operator()(std::uint64_t value) const {
    return key.syntax == Syntax::size ? format_size(value) : std::to_string(value);
  }
  std::string operator()(std::chrono::milliseconds value) const { return format_duration(value); }
  std::string operator()(const std::vector<std::uint32_t>& list) const {
    std::string text;
    for (const auto number : list) text += (text.empty() ? "" : ", ") + std::to_string(number);
    return "[" + text + "]";
  }
  std::string operator()(const std::map<std::string, std::string>& map) const {
    std::string text;
    for (const auto& [name, value] : map) {
      text += (text.empty() ? "" : ", ") + quoted(name) + ": " + quoted(value);
    }
    return "{" + text + "}";
  }
};

}  // namespace

std::string cut_blanks(const Key& key, std::string_view text) {
  if (key.syntax == Syntax::map) return std::string(text);
  if (is_password(key)) return std::string(without_end_breaks(text));
  const std::string_view cut = without_blank_ends(text);
  const bool keeps_only_blanks = cut.empty() && key.syntax == Syntax::name_template;
  return std::string(keeps_only_blanks ? text : cut);
}

std::optional<std::string> assign(const Key& key, const Setting& setting, Config& config) {
  const std::string text = text_of(setting);
  return std::visit([&](const auto field) { return Assign{key, setting, text}(field(config)); },
                    key.field);
}

std::string display(const Key& key, const Config& config) {
  Config copy = config;  // the fields give mutable references
  return std::visit([&](const auto field) { return Display{key}(field(copy)); }, key.field);
}

}  // namespace tracelink
