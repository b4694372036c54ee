#pragma once

#include <string>
#include <string_view>

#include "daemon/compare/comparison.hpp"

// What the plots of the page are drawn with.
namespace tracelink::compare {

// As wide as a phone, so that the texts can be read there; the style lets it grow.
inline constexpr double kWidth = 360, kLeft = 40, kRight = 350, kPlotWidth = kRight - kLeft;

// What servers chose, as text of HTML or of a double-quoted attribute; control characters are
// shown.
std::string escaped(std::string_view content);

// A <figure> with the id; `more`: attributes, as they are.
std::string figure(const std::string& id, const std::string& more, const std::string& title,
                   double height, const std::string& content);
std::string text(double x, double y, const char* anchor, std::string_view content);
std::string rule(double x1, double y1, double x2, double y2, const char* style);
// What a browser shows over a version's mark.
std::string title_of(const Version& version, const std::string& what);

}  // namespace tracelink::compare
