#include "config/show.hpp"

#include "config/text.hpp"
#include "config/value.hpp"
#include "daemon/text/blanks.hpp"

namespace tracelink {
namespace {

std::string shown_value(const Key& key, const LoadedConfig& loaded) {
  const std::string value = display(key, loaded.config);
  if (is_masked(key, loaded)) return kMasked;
  const bool is_text = std::holds_alternative<std::string& (*)(Config&)>(key.field);
  const bool plain = !value.empty() && value.find_first_of("\"#\\") == std::string::npos &&
                     !has_control_characters(value) && trimmed(value) == value;
  return is_text && !plain ? quoted(value) : value;
}

}  // namespace

bool is_masked(const Key& key, const LoadedConfig& loaded) {
  const bool secret = key.secret || loaded.secrets.contains(std::string(key.path));
  return secret && !display(key, loaded.config).empty();
}

std::string shown_origin(const Key& key, const LoadedConfig& loaded) {
  const std::string& origin = loaded.origins.at(std::string(key.path));
  constexpr std::string_view kFile = "file:";
  return origin.starts_with(kFile) ? loaded.file + ":" + origin.substr(kFile.size()) : origin;
}

std::vector<std::string> show_config(const LoadedConfig& loaded) {
  std::vector<std::string> lines;
  for (const Key& key : key_table()) {
    lines.push_back(std::string(key.path) + " = " + shown_value(key, loaded) + "   # " +
                    shown_origin(key, loaded));
  }
  return lines;
}

}  // namespace tracelink
