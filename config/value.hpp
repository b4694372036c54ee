#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/key_table.hpp"
#include "config/setting.hpp"

namespace tracelink {

// The value without white space and a byte order mark at its ends, where these have no meaning: a
// Kubernetes Secret or a file often ends with a line break. Of a password only line breaks at the
// end are cut; params and tags stay as they are, and so does a name of blanks alone, which
// assign() refuses.
std::string cut_blanks(const Key& key, std::string_view text);

// Writes the setting's value into `config`. Returns what is wrong with it (what was found, what is
// allowed), or nothing. A wrong value leaves `config` as it was, except that a list may be partial.
std::optional<std::string> assign(const Key& key, const Setting& setting, Config& config);

// The value as one line: as it would be written in the file, "" for an empty text.
std::string display(const Key& key, const Config& config);

}  // namespace tracelink
