#pragma once

#include <map>
#include <string>
#include <vector>

#include "daemon/mlflow/rest/assessment.hpp"

namespace tracelink {

// Models by MLflow's own filter and order; both empty: all, oldest first.
struct ModelQuery {
  std::string experiment_id, filter;
  std::string order_by;  // "creation_timestamp DESC"
};

struct TraceSummary {
  std::string trace_id, name, state, request_time, execution_duration, request_preview;
  std::map<std::string, std::string> metadata;
  std::vector<Assessment> assessments;
};
struct TracePage {
  std::vector<TraceSummary> traces;
  std::string next_page_token;  // empty: the last page
};
struct TraceQuery {
  std::string experiment_id, filter, page_token;  // newest first
  int page_size = 100;                            // 500 is the most that servers take
};

}  // namespace tracelink
