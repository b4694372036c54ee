#pragma once

#include <string_view>

namespace tracelink {

// The page of control.http: one HTML document that needs nothing but `status.json` and
// `history.json` beside it, which it fetches again and again. Texts of peers and servers are set as
// text, never as HTML.
std::string_view status_page();

}  // namespace tracelink
