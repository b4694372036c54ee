#include "daemon/codec/name_template.hpp"

namespace tracelink {
namespace {

Error invalid(std::string_view what, std::string_view text) {
  return {ErrorCode::invalid,
          std::string(what) + " in \"" + std::string(text) +
              "\"; write {attribute} for an attribute of the traces' resource, such as "
              "{service.name}"};
}

bool has_attributes(const std::string& text) {
  const auto parsed = NameTemplate::parse(text);
  return parsed && !parsed->attributes().empty();
}

}  // namespace

Result<NameTemplate> NameTemplate::parse(std::string_view text) {
  NameTemplate parsed;
  std::string_view rest = text;
  while (true) {
    const auto brace = rest.find_first_of("{}");
    parsed.texts_.back() += rest.substr(0, brace);
    if (brace == std::string_view::npos) return parsed;
    if (rest[brace] == '}') return invalid("a } without its {", text);
    rest.remove_prefix(brace + 1);
    const auto end = rest.find_first_of("{}");
    if (end == std::string_view::npos || rest[end] == '{') {
      return invalid("a { without its }", text);
    }
    if (end == 0) return invalid("{} without an attribute", text);
    parsed.attributes_.emplace_back(rest.substr(0, end));
    parsed.texts_.emplace_back();
    rest.remove_prefix(end + 1);
  }
}

std::optional<std::string> NameTemplate::expand(
    const std::map<std::string, std::string>& values) const {
  std::string text = texts_.front();
  for (std::size_t i = 0; i < attributes_.size(); ++i) {
    const auto value = values.find(attributes_[i]);
    if (value == values.end() || value->second.empty()) return std::nullopt;
    text += value->second + texts_[i + 1];
  }
  return text;
}

bool is_template(const LinkDefinition& link) {
  return !link.named_by_trace && (has_attributes(link.name) || has_attributes(link.version));
}

}  // namespace tracelink
