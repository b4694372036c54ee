#pragma once

#include <string_view>

namespace tracelink {

// Without what is not seen at both ends of a UTF-8 text: white space, line breaks, and the marks
// of Unicode that a copy from a page or a document brings along (no-break space, zero-width space,
// byte order mark, marks of direction). Files of secrets end with a line break, and a name that
// differs in such a thing alone is another name to a server.
std::string_view without_blank_ends(std::string_view text);

// Without ASCII white space at both ends: for protocols and files whose syntax knows no other.
std::string_view trimmed(std::string_view text);

}  // namespace tracelink
