#pragma once

#include <optional>
#include <string>

#include "config/key_table.hpp"
#include "config/setting.hpp"

namespace tracelink {

// Writes the setting's value into `config`. Returns what is wrong with it (what was found, what is
// allowed), or nothing. A wrong value leaves `config` as it was, except that a list may be partial.
std::optional<std::string> assign(const Key& key, const Setting& setting, Config& config);

// The value as one line: as it would be written in the file, "" for an empty text.
std::string display(const Key& key, const Config& config);

}  // namespace tracelink
