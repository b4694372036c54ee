#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/result.hpp"
#include "daemon/mlflow/trace/text_repair.hpp"
#include "daemon/mlflow/trace/tokens.hpp"
#include "daemon/types/ids.hpp"

namespace tracelink {

enum class TraceState { ok, error, in_progress };

// What StartTraceV3 is told about a trace, computed by the formulas of
// docs/mlflow-servers.md#trace-info, without what the destination adds (location, model link,
// mlflow.user, mlflow.source.*, server-dependent omissions). Every string fits its column
// (docs/mlflow-servers.md#column-limits): cut on a character boundary, free of NUL.
struct TraceInfo {
  TraceId trace_id;
  std::uint64_t start_ns = 0;  // of the root, else the earliest start
  std::uint64_t end_ns = 0;    // of the root, else the latest end
  TraceState state = TraceState::in_progress;
  bool has_root = false;
  // Of the root (the earliest span without parent). Without one, and with a span whose parent is
  // remote and not there, the earliest of these stands for it, has_root staying false.
  std::string name;
  // Nothing without mlflow.spanInputs / spanOutputs on the root: the server derives them.
  std::optional<std::string> request_preview, response_preview;
  // Schema version; traceInputs and traceOutputs (left out for other SDKs' spans without them);
  // session, user; sizeStats and sizeBytes if the trace has its root and every parent (the total is
  // an estimate: it lacks what the destination adds). Without mlflow.modelId and
  // mlflow.trace.tokenUsage.
  std::map<std::string, std::string> metadata;
  std::map<std::string, std::string> tags;  // mlflow.traceName, and mlflow.traceTag.* of the root
  std::optional<TokenUsage> token_usage;    // rolled up over the tree
  bool token_usage_from_mlflow = false;     // mlflow.chat.tokenUsage was present (false: gen_ai.*
                                            // only; newer servers sum these themselves)
  bool may_report_tokens = false;    // some span seems to, perhaps in a way that only servers read
  bool token_usage_partial = false;  // so does one that `token_usage` lacks
  // Told by the application's MLflow SDK, which knows all of the trace: what is above is not that
  // of the spans alone, and these two are set.
  bool is_of_client = false;
  std::optional<std::string> client_request_id;
  std::string assessments;  // a JSON array; empty: none
};

// A trace made ready to send: the slices of all its records, merged, spans of equal resource and
// scope side by side.
struct PreparedTrace {
  TraceInfo info;
  // TracesData bytes, attributes of MLflow SDK spans typed again
  // (docs/mlflow-servers.md#attributes-of-mlflow-sdks).
  std::string otlp;
  std::uint32_t span_count = 0;  // distinct span ids
  std::string service;           // service.name of the first resource that has one, or empty
  std::string run_id;            // of a run that the trace is to be linked to, or empty
  Repairs repairs;               // of values in `otlp` (text_repair.hpp, mlflow_attributes.hpp)
};

// `slices`: TracesData messages of one trace, valid as after split_request(). A span id that occurs
// twice counts once (last wins). Spans of MLflow SDKs get typed attributes, every span loses
// mlflow.traceRequestId, other spans keep their bytes unless something is repaired. NUL stays in
// `otlp`: only some databases refuse it. Pure.
//
// Errors: `corrupt` if a slice does not parse.
Result<PreparedTrace> prepare_trace(TraceId trace_id, const std::vector<std::string_view>& slices);

// The root of `otlp` alone and without attributes, events and links: a server that takes a trace's
// times from what has no tokens takes them from this. Empty without a root. Errors: `corrupt`.
Result<std::string> bare_root(std::string_view otlp);

// Some spans of a TracesData, in its order, with their resources and scopes once.
struct SpanSelection {
  std::string otlp;
  std::uint32_t span_count = 0;
};
// Those whose index among all spans of `otlp` is wanted. Errors: `corrupt` if `otlp` does not
// parse.
Result<SpanSelection> select_spans(std::string_view otlp,
                                   const std::function<bool(std::size_t)>& wanted);

// Those from index `first` on that fit into `max_bytes`: at least one, and at least half of
// `max_bytes` of spans, so that a resource as large as the bound is not sent for each span alone.
// None: there are no more. Errors: `corrupt`.
Result<SpanSelection> take_spans(std::string_view otlp, std::size_t first, std::size_t max_bytes);

}  // namespace tracelink
