#pragma once

#include <string_view>

namespace tracelink {

// Whether a span says by its flags that its parent is remote (OTLP: SPAN_FLAGS_CONTEXT_IS_REMOTE),
// and the parent is not among these spans: the topmost span of its service, called by something
// that may send its spans elsewhere or not at all. `traces_data`: an OTLP TracesData message of one
// trace.
bool has_remote_parent(std::string_view traces_data);

}  // namespace tracelink
