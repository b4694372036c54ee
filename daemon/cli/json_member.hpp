#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace tracelink::cli {

// The text of a member; empty where there is no such member, or it is no text.
inline std::string text(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || !found->is_string() ? "" : found->get<std::string>();
}

}  // namespace tracelink::cli
