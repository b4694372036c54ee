#pragma once

#include <cstdint>
#include <string>

#include "daemon/base/clock.hpp"
#include "daemon/types/ids.hpp"

namespace tracelink {

// Who sent a request, from SO_PEERCRED; pid 0 = unknown (another pid namespace, or TCP).
struct Peer {
  std::uint32_t pid = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  bool operator==(const Peer&) const = default;
};

// What one request says about one trace, as it came through the door: spans, or what only an MLflow
// SDK tells, the trace info or a change of the trace.
struct TraceSlice {
  TraceId trace_id;
  std::uint32_t span_count = 0;
  bool root_seen = false;  // one of the spans has no parent; or it is an info, which tells the same
  // An OTLP TracesData message: repeated ResourceSpans (field 1), spans of this trace only, valid
  // (opentelemetry-proto trace/v1; checked by codec/split_request.hpp).
  std::string otlp;
  // The JSON object `trace_info` of a StartTraceV3, checked by mlflow/rest/client_trace_info.hpp;
  // then there are no spans.
  std::string info;
  // A change of a trace as JSON (mlflow/rest/trace_change.hpp); then there is nothing else.
  std::string change;
  bool operator==(const TraceSlice&) const = default;
};

// One durable item of the queue: unit of delivery, dead-lettering and counting.
struct Record {
  WallTime accepted_at{};
  Peer peer;
  LinkHash link;  // zero = none
  // The id that the client asked for (x-mlflow-experiment-id), or a line break and a name
  // (named_experiment.hpp); empty: the link's.
  std::string experiment;
  TraceSlice slice;
  // Of one that came back from the dead letters: the sequence under which it was accepted. 0: that
  // is its own, or not known.
  std::uint64_t accepted_sequence = 0;
  bool operator==(const Record&) const = default;
};

}  // namespace tracelink
