#include "daemon/databricks/settings/profile_file.hpp"

#include <utility>

#include "daemon/text/ascii_case.hpp"
#include "daemon/text/blanks.hpp"

namespace tracelink {
namespace {

constexpr std::string_view kSettings = "__settings__";
constexpr std::string_view kDefault = "DEFAULT";

// The sections of the file, read line by line.
class Reader {
 public:
  using Sections = std::map<std::string, ProfileValues, std::less<>>;

  Result<Sections> read(std::string_view text) {
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
    for (line_ = 1; !text.empty(); ++line_) {
      const auto end = text.find('\n');
      if (auto taken = take(text.substr(0, end)); !taken) return std::move(taken).error();
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return std::move(sections_);
  }

 private:
  Error wrong(const std::string& what) const {
    return {ErrorCode::invalid, "line " + std::to_string(line_) + ": " + what};
  }

  Result<void> take(std::string_view line) {
    const std::string_view content = trimmed(line);
    if (content.empty() || content.front() == '#' || content.front() == ';') return {};
    const std::size_t indent = line.find(content.front());
    if (value_ != nullptr && indent > indent_) {  // the value goes on
      *value_ += " " + std::string(content);
      return {};
    }
    indent_ = indent;
    return content.front() == '[' ? take_section(content) : take_value(content);
  }

  Result<void> take_section(std::string_view content) {
    const auto end = content.rfind(']');
    if (end == std::string_view::npos || end < 2) return wrong("a section is written as [name]");
    const auto [added, is_new] =
        sections_.try_emplace(std::string(content.substr(1, end - 1)), ProfileValues());
    if (!is_new && added->first != kDefault) {
      return wrong("the section [" + added->first + "] is there twice");
    }
    section_ = &added->second;
    value_ = nullptr;
    return {};
  }

  Result<void> take_value(std::string_view content) {
    if (section_ == nullptr) return wrong("a value before the first [section]");
    const auto sign = content.find_first_of("=:");
    if (sign == std::string_view::npos || sign == 0)
      return wrong("a value is written as name = value");
    const auto [added, is_new] =
        section_->try_emplace(lower_case(std::string(trimmed(content.substr(0, sign)))),
                              trimmed(content.substr(sign + 1)));
    if (!is_new) return wrong(added->first + " is there twice");
    value_ = &added->second;
    return {};
  }

  Sections sections_;
  ProfileValues* section_ = nullptr;
  std::string* value_ = nullptr;  // the last one: an indented line goes on with it
  std::size_t indent_ = 0;
  int line_ = 0;
};

std::string names_of(const Reader::Sections& sections) {
  std::string names;
  for (const auto& [name, values] : sections) {
    if (name != kSettings) names += (names.empty() ? "" : ", ") + name;
  }
  return names.empty() ? "none" : names;
}

Error reserved() {
  return {ErrorCode::invalid, std::string(kSettings) + " is reserved and no profile"};
}

std::string default_profile(const Reader::Sections& sections) {
  const auto settings = sections.find(kSettings);
  if (settings == sections.end()) return {};
  const auto value = settings->second.find("default_profile");
  return value == settings->second.end() ? "" : value->second;
}

}  // namespace

Result<std::optional<Profile>> read_profile(std::string_view text, std::string_view requested) {
  auto sections = Reader().read(text);
  if (!sections) return std::move(sections).error();
  std::string name(requested);
  if (name.empty()) name = default_profile(*sections);
  if (name == kSettings) return reserved();
  const auto found = sections->find(name.empty() ? kDefault : std::string_view(name));
  const bool there =
      found != sections->end() && (found->first != kDefault || !found->second.empty());
  if (there) return std::optional(Profile{found->first, std::move(found->second)});
  if (name.empty()) return std::optional<Profile>();
  return Error{ErrorCode::invalid,
               "there is no profile [" + name + "]; there are: " + names_of(*sections)};
}

}  // namespace tracelink
