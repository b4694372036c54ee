#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/result.hpp"
#include "daemon/types/ids.hpp"

namespace tracelink {

enum class TraceState { ok, error, in_progress };

struct TokenUsage {
  std::int64_t input_tokens = 0, output_tokens = 0, total_tokens = 0;
  std::optional<std::int64_t> cache_read_input_tokens, cache_creation_input_tokens,
      cache_creation_input_tokens_above_1hr;
  std::string to_json() const;  // Python's json.dumps spacing, keys as MLFLOW section 4.3
};

// What StartTraceV3 is told about a trace, computed by the formulas of MLFLOW section 4.3, without
// what the destination adds (location, model link, server-dependent omissions).
struct TraceInfo {
  TraceId trace_id;
  std::uint64_t start_ns = 0;  // of the root, else the earliest start
  std::uint64_t end_ns = 0;    // of the root, else the latest end
  TraceState state = TraceState::in_progress;
  bool has_root = false;
  std::string name;  // of the root
  std::optional<std::string> request_preview, response_preview;
  std::map<std::string, std::string>
      metadata;  // without mlflow.modelId and mlflow.trace.tokenUsage
  std::map<std::string, std::string> tags;
  std::optional<TokenUsage> token_usage;  // rolled up over the tree
  bool token_usage_from_mlflow = false;   // mlflow.chat.tokenUsage was present (false: gen_ai.*
                                          // only; newer servers sum these themselves)
};

// A trace made ready to send: the slices of all its records, merged.
struct PreparedTrace {
  TraceInfo info;
  std::string
      otlp;  // TracesData bytes, attributes of MLflow SDK spans typed again (MLFLOW section 4.2)
  std::uint32_t span_count = 0;  // distinct span ids
  std::string service;           // service.name of the first resource, or empty
};

// `slices`: TracesData messages of one trace, valid as after split_request(). A span id that occurs
// twice counts once (last wins). Pure. Errors: `corrupt` if a slice does not parse.
Result<PreparedTrace> prepare_trace(TraceId trace_id, const std::vector<std::string_view>& slices);

// One TracesData per span, for isolating a poison span.
Result<std::vector<std::string>> split_into_spans(std::string_view otlp);

}  // namespace tracelink
