#pragma once

#include <string>
#include <utility>
#include <vector>

#include "daemon/compare/comparison.hpp"

// Small versions to compare.
namespace tracelink::compare {

inline TraceSummary trace_of(const std::string& duration, const std::string& state = "OK") {
  TraceSummary trace;
  trace.trace_id = "tr-1";
  trace.state = state;
  trace.request_time = "2026-11-23T12:00:00Z";
  trace.execution_duration = duration;
  return trace;
}

inline Assessment feedback_of(const std::string& name, Assessment::Value value,
                              const std::string& source = "CODE") {
  return {name, source, false, false, std::move(value)};
}

inline TraceSummary rated(const std::string& name, Assessment::Value value,
                          const std::string& source = "CODE") {
  TraceSummary trace = trace_of("1s");
  trace.assessments.push_back(feedback_of(name, std::move(value), source));
  return trace;
}

inline Version version_of(const std::string& name, const std::vector<TraceSummary>& traces) {
  Version version;
  version.model.model_id = "m-" + name;
  version.model.name = name;
  for (const TraceSummary& trace : traces) add_trace(version.samples, trace);
  return version;
}

// So many traces, of which some failed; those have the last ids.
inline Version version_with_errors(const std::string& name, int all, int errors) {
  std::vector<TraceSummary> traces(static_cast<std::size_t>(all - errors), trace_of("1s"));
  traces.resize(static_cast<std::size_t>(all), trace_of("1s", "ERROR"));
  return version_of(name, traces);
}

}  // namespace tracelink::compare
