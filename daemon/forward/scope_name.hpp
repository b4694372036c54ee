#pragma once

#include <string>

#include "daemon/forward/scope_key.hpp"
#include "daemon/queue/record_source.hpp"

namespace tracelink {

// For people: "server", "experiment 12", "link my-app-1.0".
std::string scope_name(const ScopeKey& key, const RecordSource& source);
// What a failure of the scope is reported under: one word for all the experiments that clients
// invent, so that their number makes no difference to the log.
std::string report_subject(const ScopeKey& key, const RecordSource& source);
// Named by a client and not by the operator: not held without limit.
bool is_peer_chosen(const ScopeKey& key, const RecordSource& source);
// As people are to read it: of an experiment that a client chose, the remedy is the client's.
Failure told_of(const ScopeKey& key, Failure failure);
// The name or id that a link asks for; empty if it is not known.
std::string link_name(const LinkHash& link, const RecordSource& source);

}  // namespace tracelink
