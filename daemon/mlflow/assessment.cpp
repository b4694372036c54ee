#include "daemon/mlflow/assessment.hpp"

#include <nlohmann/json.hpp>

#include "daemon/mlflow/rest_json.hpp"

namespace tracelink {
namespace {

Assessment::Value read_value(const Json& value) {
  if (value.is_null()) return {};
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) return value.get<std::string>();
  return to_text(value);
}

// An expectation that is no plain value comes as {"serialized_value": {"value": "<JSON>"}}.
Assessment::Value read_expectation(const Json& expectation) {
  const std::string serialized = text_at(member(expectation, "serialized_value"), "value");
  if (serialized.empty()) return read_value(member(expectation, "value"));
  const Json value = Json::parse(serialized, nullptr, /*allow_exceptions=*/false);
  return value.is_discarded() ? Assessment::Value(serialized) : read_value(value);
}

bool is_overridden(const Json& assessment) {
  const Json& valid = member(assessment, "valid");
  return valid.is_boolean() && !valid.get<bool>();
}

std::optional<Assessment> read_assessment(const Json& json) {
  const Json& feedback = member(json, "feedback");
  const Json& expectation = member(json, "expectation");
  if (is_overridden(json) || (!feedback.is_object() && !expectation.is_object())) {
    return std::nullopt;
  }
  Assessment assessment{.name = text_at(json, "assessment_name"),
                        .source_type = text_at(member(json, "source"), "source_type"),
                        .is_expectation = expectation.is_object(),
                        .has_failed = member(feedback, "error").is_object(),
                        .value = {}};
  assessment.value = assessment.is_expectation ? read_expectation(expectation)
                                               : read_value(member(feedback, "value"));
  return assessment;
}

}  // namespace

std::vector<Assessment> read_assessments(const Json& trace_info) {
  std::vector<Assessment> assessments;
  for (const Json& json : member(trace_info, "assessments")) {
    if (auto assessment = read_assessment(json)) assessments.push_back(*std::move(assessment));
  }
  return assessments;
}

}  // namespace tracelink
