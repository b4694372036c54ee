#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/result.hpp"
#include "daemon/mlflow/trace/token_usage.hpp"
#include "daemon/mlflow/trace/trace_info.hpp"

namespace tracelink {

// A trace as a server shows it, spans included, as far as the token sum needs it.
struct StoredTrace {
  TraceId trace_id;  // that was asked for
  std::string name;  // as the answer says it, "tr-…"
  TraceState state = TraceState::in_progress;
  std::uint64_t start_ms = 0, duration_ms = 0;
  std::map<std::string, std::string> metadata;
  std::vector<UsageNode> spans;

  // What EndTrace has to be told so that state and times stay as they are.
  TraceInfo unchanged_info() const;
};

// The first trace of an answer to `traces/batchGet`; nothing if it holds none: the trace is
// unknown, or has fewer spans than its sizeStats say. Of the spans no more than the nodes is ever
// in memory. Errors: `too_large`, it is no fit answer; `corrupt`, it is none of MLflow.
Result<std::optional<StoredTrace>> read_stored_trace(TraceId trace_id, std::string_view answer);

// "OK", "ERROR"; anything else is in progress.
TraceState read_state(const std::string& name);
// "2026-11-23T11:54:31.043Z", with any number of fraction digits, in milliseconds since 1970; 0 if
// it is something else.
std::uint64_t read_time_ms(const std::string& text);
// "1.234s" in milliseconds; 0 if it is something else.
std::uint64_t read_duration_ms(std::string text);

}  // namespace tracelink
