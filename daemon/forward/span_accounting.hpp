#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "daemon/forward/trace_work.hpp"
#include "daemon/queue/queue.hpp"
#include "daemon/types/peer_id_hash.hpp"

namespace tracelink {

using SpanIds = std::unordered_set<SpanId, PeerIdHash>;

// How the spans of a trace end, one Completion a part: what is in `dead` is dead-lettered, the rest
// delivered. Of a span id that occurs more than once the last one went out; the earlier ones are
// duplicates. A change ends like a span. `slices`: the payloads of `parts`. The terms always add up
// to the part's span_count and its `changes`.
std::vector<Completion> account_spans(const std::vector<Part>& parts,
                                      const std::vector<std::string>& slices, const SpanIds& dead);
// The same when every span of the trace is dead-lettered.
std::vector<Completion> account_all_dead(const std::vector<Part>& parts,
                                         const std::vector<std::string>& slices);

}  // namespace tracelink
