#pragma once

#include <string>
#include <string_view>

namespace tracelink {

inline bool is_hex(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdefABCDEF") == text.npos;
}
// The id of a LoggedModel: "m-" and 32 lower-case hex digits.
inline bool is_model_id(std::string_view text) {
  return text.size() == 34 && text.starts_with("m-") &&
         text.find_first_not_of("0123456789abcdef", 2) == text.npos;
}
// An id, or most likely one that was cut or misspelled; never taken as a name.
inline bool looks_like_model_id(std::string_view text) {
  return text.starts_with("m-") && is_hex(text.substr(2));
}

// For people: what keeps a text that looks like an id from being one.
inline std::string fault_of_model_id(std::string_view text) {
  const bool cut = text.size() != 34;
  return cut ? "this has " + std::to_string(text.size() - 2) + " digits: was the id cut?"
             : "write its digits in lower case";
}

}  // namespace tracelink
