#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/config.hpp"

namespace tracelink {

// How the text of a value is read; see expected().
enum class Syntax {
  text,
  lines,          // text that may have line breaks and tabs
  name_template,  // text with {attribute}
  tracking_uri,   // or empty
  header_text,    // text without control characters
  word,           // one of `words`, an enumeration
  word_or_path,   // one of `words`, or an absolute path
  boolean,
  count,
  size,
  duration,
  duration_or_empty,  // kept as text
  file_mode,
  absolute_path,     // or empty
  address,           // host:port, or empty
  loopback_address,  // the same, of this machine only
  number_list,
  map,  // of texts; can be set in the file only
};

// An enumeration in a Config, by the number of its word among the key's `words`.
struct Word {
  std::size_t number = 0;
  std::function<void(std::size_t number)> set;  // lifetime: the Config's
};

// Where a key's value lives in a Config.
using Field =
    std::variant<std::string& (*)(Config&), bool& (*)(Config&), std::uint32_t& (*)(Config&),
                 std::uint64_t& (*)(Config&), std::chrono::milliseconds& (*)(Config&),
                 std::vector<std::uint32_t>& (*)(Config&),
                 std::map<std::string, std::string>& (*)(Config&), Word (*)(Config&)>;

// The least and the most that a number may be: bytes, milliseconds or a count. Less cannot work.
struct Range {
  std::uint64_t least = 0;
  std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
};

// One configuration key. The table of them lists the keys: parsing, variable
// names, `config show`, suggestions and the check of docs/configuration.md follow it.
struct Key {
  std::string_view path;  // dotted
  Syntax syntax;
  Field field;
  std::string_view words;  // "a | b" for the word syntaxes
  bool secret;
  std::string_view description;
  Range range = {};  // of the numeric syntaxes
};

std::span<const Key> key_table();
const Key* find_key(std::string_view path);      // nullptr if there is none
bool is_section(std::string_view path);          // some key begins with "<path>."
std::string variable_name(const Key& key);       // TRACELINK_QUEUE__MAX_BYTES
std::string expected(const Key& key);            // what a value may be, for people
std::string nearest_key(std::string_view path);  // or section; "" if none is similar

}  // namespace tracelink
