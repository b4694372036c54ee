#include "daemon/compare/svg.hpp"

#include <spdlog/fmt/fmt.h>

#include "daemon/text/visible_text.hpp"

namespace tracelink::compare {

std::string escaped(std::string_view content) {
  std::string result;
  for (const char c : visible_text(content)) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

std::string figure(const std::string& id, const std::string& more, const std::string& title,
                   double height, const std::string& content) {
  return fmt::format(
      "<figure class=\"plot\" id=\"{}\"{}><figcaption>{}</figcaption>"
      "<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">{}</svg></figure>\n",
      id, more, title, kWidth, height, title, content);
}

std::string text(double x, double y, const char* anchor, std::string_view content) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>", x, y, anchor,
                     escaped(content));
}

std::string rule(double x1, double y1, double x2, double y2, const char* style) {
  return fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" class=\"{}\"/>",
                     x1, y1, x2, y2, style);
}

std::string title_of(const Version& version, const std::string& what) {
  return fmt::format("<title>{}: {}</title>", escaped(version.model.name), escaped(what));
}

}  // namespace tracelink::compare
