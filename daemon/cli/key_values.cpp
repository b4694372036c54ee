#include "daemon/cli/key_values.hpp"

#include <charconv>
#include <cmath>

#include "daemon/types/reserved_tags.hpp"

namespace tracelink::cli {

Result<std::map<std::string, std::string>> parse_pairs(const std::vector<std::string>& pairs) {
  std::map<std::string, std::string> map;
  for (const std::string& pair : pairs) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Error{ErrorCode::invalid, "'" + pair + "': write KEY=VALUE"};
    }
    if (!map.emplace(pair.substr(0, equals), pair.substr(equals + 1)).second) {
      return Error{ErrorCode::invalid, "'" + pair + "': the key is given twice"};
    }
  }
  return map;
}

Result<std::map<std::string, std::string>> parse_tags(const std::vector<std::string>& pairs) {
  auto tags = parse_pairs(pairs);
  if (!tags) return tags;
  for (const auto& [key, value] : *tags) {
    if (!is_reserved_tag(key)) continue;
    return Error{ErrorCode::invalid, "'" + key + "' is set by tracelink itself"};
  }
  return tags;
}

Result<std::map<std::string, double>> parse_metrics(const std::vector<std::string>& pairs) {
  const auto texts = parse_pairs(pairs);
  if (!texts) return texts.error();
  std::map<std::string, double> metrics;
  for (const auto& [key, text] : *texts) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
      return Error{ErrorCode::invalid, "'" + key + "=" + text + "': the value is no number"};
    }
    metrics.emplace(key, value);
  }
  return metrics;
}

}  // namespace tracelink::cli
