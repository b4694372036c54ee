#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "daemon/mlflow/rest/rest_json.hpp"
#include "daemon/mlflow/trace/text_limits.hpp"

namespace tracelink {

// Where a trace of the experiment is.
Json experiment_location(const std::string& experiment_id);

// What differs between the servers that a TraceInfo is told to.
struct TraceInfoForm {
  std::string trace_id;
  Json location;
  std::map<std::string, std::string> metadata;
  std::size_t preview_code_points = kMaxPreview;
};
Json trace_info_json(const TraceInfo& info, const TraceInfoForm& form);

}  // namespace tracelink
