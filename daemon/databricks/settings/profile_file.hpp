#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/result.hpp"

namespace tracelink {

using ProfileValues = std::map<std::string, std::string>;  // by name, in lower case

struct Profile {
  std::string name;
  ProfileValues values;
};

// One section of a file such as .databrickscfg, whose syntax is that of Python's configparser:
// `requested`, else the one that [__settings__] default_profile names, else [DEFAULT]. Nothing: no
// section was asked for and there is no [DEFAULT]. A value over several lines gets blanks between
// them. [DEFAULT] is not merged into other sections. Errors: `invalid`, with the line; a section
// that was asked for and is not there, with those that are. No message holds a value.
Result<std::optional<Profile>> read_profile(std::string_view text, std::string_view requested);

}  // namespace tracelink
