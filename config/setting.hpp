#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "config/load.hpp"

namespace tracelink {

using Value =
    std::variant<std::string, std::vector<std::string>, std::map<std::string, std::string>>;

// Where a value was written.
struct Place {
  std::string source;        // file or variable
  int line = 0, column = 0;  // 1-based; 0 when the source has none
  ConfigProblem problem(std::string key, std::string message) const {
    return {source, line, column, std::move(key), std::move(message)};
  }
};

// A known key as one source sets it; its value is expanded, but not checked yet.
struct Setting {
  std::string key;
  Value value;
  Place place;
  bool from_file_expansion = false;  // a secret, whatever the key
  std::string variables{};           // whose values it holds; no error quotes those

  // How an error names the value.
  std::string found(const std::string& quoted) const {
    if (from_file_expansion) return "a secret value";
    return variables.empty() ? quoted : "the value of " + variables;
  }
};

// Everything that one source sets.
using Settings = std::vector<Setting>;

// The text of a setting, "" for a list or map.
inline std::string text_of(const Setting& setting) {
  const auto* text = std::get_if<std::string>(&setting.value);
  return text ? *text : "";
}

}  // namespace tracelink
