#pragma once

#include <string>

#include "daemon/forward/record_source.hpp"
#include "daemon/forward/scope_gates.hpp"

namespace tracelink {

// For people: "server", "experiment 12", "link my-app-1.0".
std::string scope_name(const ScopeKey& key, const RecordSource& source);
// The name or id that a link asks for; empty if it is not known.
std::string link_name(const LinkHash& link, const RecordSource& source);

}  // namespace tracelink
