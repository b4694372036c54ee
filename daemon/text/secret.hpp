#pragma once

#include <string>
#include <string_view>

namespace tracelink {

// Puts *** in the place of each `secret` in the text. One of fewer than four bytes is left: it is
// found in every text.
void hide_secret(std::string& text, std::string_view secret);

}  // namespace tracelink
