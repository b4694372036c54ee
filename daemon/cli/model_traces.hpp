#pragma once

#include <cstddef>
#include <string>

#include "daemon/cli/tracking_session.hpp"

namespace tracelink::cli {

struct TraceCounts {
  std::size_t traces = 0, errors = 0;
  std::string last;  // when the newest began; empty: there is none
};

// Of the model's experiment, page by page.
Answer<TraceCounts> count_traces(TrackingSession& session, const LoggedModel& model);

// "30m", "24h", a date or a time in UTC, as MLflow's timestamp; nothing if it is none of these.
// `now_ms`: what a duration counts from.
std::optional<std::int64_t> since_ms(const std::string& text, std::int64_t now_ms);

// For an option that takes such a text: what is wrong with it, or nothing.
std::string check_since(const std::string& text);
// MLflow's timestamp of now, in whole seconds.
std::int64_t now_ms();

}  // namespace tracelink::cli
