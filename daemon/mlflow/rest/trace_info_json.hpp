#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "daemon/mlflow/trace/text_limits.hpp"
#include "daemon/mlflow/trace/trace_info.hpp"

namespace tracelink {

// Where a trace of the experiment is, as JSON.
std::string experiment_location(std::string_view experiment_id);

// What differs between the servers that a TraceInfo is told to.
struct TraceInfoForm {
  std::string trace_id;
  std::string location;  // JSON
  std::map<std::string, std::string> metadata;
  std::size_t preview_code_points = kMaxPreview;
};
std::string trace_info_json(const TraceInfo& info, const TraceInfoForm& form);

}  // namespace tracelink
