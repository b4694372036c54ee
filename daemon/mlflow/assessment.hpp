#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace tracelink {

// What a person, an LLM or code says of a trace: MLflow's Feedback or Expectation.
struct Assessment {
  using Value = std::variant<std::monostate, double, bool, std::string>;

  std::string name;
  std::string source_type;  // HUMAN, LLM_JUDGE, CODE
  bool is_expectation = false;
  bool has_failed = false;  // the judge's or scorer's error stands in place of a value
  Value value;              // lists and objects as JSON text; nothing: none was given
};

// Those of a trace info that are valid and are feedback or expectations. MLflow marks a feedback
// that a later one overrides as not valid, and keeps it.
std::vector<Assessment> read_assessments(const nlohmann::ordered_json& trace_info);

}  // namespace tracelink
