#pragma once

#include <string>
#include <string_view>

namespace tracelink {

// Peers and servers choose service names, model names and error texts; people read them in logs and
// terminals. These functions show what would drive a terminal or end a line: C0 and C1 control
// characters, DEL, line and paragraph separators, bidirectional controls, and bytes that are not
// UTF-8.

// On one line: `\n`, `\x1b`, `\u202e`. Other text stays as it is, backslashes too.
std::string visible_text(std::string_view text);

// The same in double quotes, with backslashes and double quotes escaped: a value of `key="value"`
// that ends where it should.
std::string quoted_text(std::string_view text);

// A message of several lines: line breaks stay, and every line but the first is indented, so that
// none begins as a message of its own.
std::string visible_lines(std::string_view text);

// A JSON text, with the escapes of JSON in its strings: still JSON, with the same value. Bytes that
// are not UTF-8 become U+FFFD.
std::string visible_json(std::string_view json);

}  // namespace tracelink
