#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tracelink {

bool is_valid_utf8(std::string_view text);

// At most max_bytes of the text, and no half of a character.
std::string_view cut_text(std::string_view text, std::size_t max_bytes);

// Replaces every ill-formed part of a UTF-8 text by U+FFFD and returns the text. `replaced` is
// raised by the number of replacements. An encoded surrogate counts as one part. The result may be
// three times as long as `text`: work stops after the part that passes max_bytes, so a longer
// result means that the limit was passed.
std::string with_valid_utf8(std::string_view text, std::size_t max_bytes, std::size_t& replaced);

// Replaces every escape of half a surrogate pair ("\ud83e" without its second half) in a JSON text
// by the escape of U+FFFD, in place. JavaScript writes such halves wherever a text was cut inside
// an emoji; JSON parsers refuse the document for them. Returns the number of replacements.
std::size_t replace_lone_surrogates(std::string& json);

// The same for the escape of NUL, which PostgreSQL does not store.
std::size_t replace_nul_escapes(std::string& json);

}  // namespace tracelink
