#include "daemon/compare/metrics.hpp"

#include <algorithm>

#include <spdlog/fmt/fmt.h>

#include "daemon/base/crc32c.hpp"

namespace tracelink::compare {
namespace {

constexpr std::size_t kMostCharacters = 250;
constexpr std::size_t kSuffixCharacters = 9;

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// A slash between two words is a path that MLflow leaves as it is.
bool is_allowed(std::string_view text, std::size_t at) {
  const char c = text[at];
  if (c != '/') return is_word(c) || c == '-' || c == '.' || c == ' ' || c == ':';
  return at > 0 && at + 1 < text.size() && is_word(text[at - 1]) && is_word(text[at + 1]);
}

}  // namespace

std::string metric_name(std::string_view figure) {
  std::string name(figure);
  for (std::size_t at = 0; at < figure.size(); ++at) {
    if (!is_allowed(figure, at)) name[at] = '_';
  }
  if (name == figure && name.size() <= kMostCharacters) return name;
  name.resize(std::min(name.size(), kMostCharacters - kSuffixCharacters));
  return name + fmt::format(".{:08x}", crc32c(0, figure));
}

std::map<std::string, double> metrics_of(const Figures& figures) {
  std::map<std::string, double> metrics;
  for (const Figure& figure : figures) {
    if (figure.value) metrics.emplace(metric_name(figure.name), *figure.value);
  }
  return metrics;
}

}  // namespace tracelink::compare
