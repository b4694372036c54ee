#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/mlflow/trace/span_view.hpp"
#include "daemon/mlflow/trace/trace_info.hpp"

namespace tracelink {

// Sizes as MLflow's SDK measures them: the lengths of JSON texts.
struct SizeStats {
  std::uint64_t total_bytes = 0;
  std::uint64_t num_spans = 0;
  std::uint64_t max = 0, p25 = 0, p50 = 0, p75 = 0;
  std::string to_json() const;
};

// The length of MLflow's JSON of the span.
std::uint64_t span_json_size(const SpanView& span);

// Precondition: `spans` is not empty. The total lacks what the destination adds to the info.
SizeStats size_stats(const TraceInfo& info, const std::vector<SpanView>& spans);

}  // namespace tracelink
