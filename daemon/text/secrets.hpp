#pragma once

#include <string>
#include <string_view>

namespace tracelink {

// Replaces the secret wherever the text has it: gateways repeat the header that they refuse, and
// what a server says goes to the log. One of less than four bytes, which every text has, stays.
void hide_secret(std::string& text, std::string_view secret);

}  // namespace tracelink
