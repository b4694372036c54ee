#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "daemon/cli/tracking_session.hpp"
#include "daemon/compare/comparison.hpp"

namespace tracelink::cli {

// Which traces of a version count.
struct TraceRange {
  std::optional<std::int64_t> since_ms;
  std::optional<std::size_t> newest;  // so many
};

// What the server knows of the traces that are linked to the model: page by page, newest first, and
// then the spans of the newest errors one at a time. Progress is shown on standard error where that
// is a terminal. A Failure of any page is the whole's; an error whose spans cannot be read counts
// as one without a reason, unless the server is gone.
Answer<compare::Version> read_version(TrackingSession& session, const LoggedModel& model,
                                      const TraceRange& range);

}  // namespace tracelink::cli
