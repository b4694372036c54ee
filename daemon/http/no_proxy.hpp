#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tracelink {

// The hosts that no_proxy, else NO_PROXY, excepts for a URL, as libcurl reads such a list: it takes
// a line break for a part of a name, and knows no ports. `list` is the variable's value; an entry
// with a port counts for URLs of that port only, as in MLflow's own client.
std::string no_proxy_for(std::string_view url, std::string_view list);

// The variable's value; nothing if neither is set.
std::optional<std::string> no_proxy_variable();

}  // namespace tracelink
