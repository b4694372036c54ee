#include "daemon/mlflow/trace/text_limits.hpp"

namespace tracelink {

std::string_view first_code_points(std::string_view text, std::size_t code_points) {
  if (text.size() <= code_points) return text;  // no character is shorter than a byte
  std::size_t seen = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool starts_character = (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80;
    if (starts_character && seen++ == code_points) return text.substr(0, i);
  }
  return text;
}

std::string cut_with_dots(std::string_view text, std::size_t code_points) {
  constexpr std::string_view kDots = "...";
  if (first_code_points(text, code_points).size() == text.size()) return std::string(text);
  return std::string(first_code_points(text, code_points - kDots.size())).append(kDots);
}

std::string without_nul(std::string_view text) {
  constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
  std::string clean;
  clean.reserve(text.size());
  for (std::size_t nul = 0; (nul = text.find('\0')) != std::string_view::npos;) {
    clean.append(text.substr(0, nul)).append(kReplacement);
    text.remove_prefix(nul + 1);
  }
  clean.append(text);
  return clean;  // not what append() gives, which would be copied
}

std::string fit_column(std::string_view text, std::size_t code_points) {
  return without_nul(first_code_points(text, code_points));
}

}  // namespace tracelink
