#include "daemon/compare/report.hpp"

#include "daemon/compare/notes.hpp"

namespace tracelink::compare {
namespace {

using Json = nlohmann::ordered_json;

template <class T>
Json value_or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

Json errors_of(const ErrorMessages& errors) {
  Json messages = Json::array();
  for (const auto& [message, times] : errors.messages) {
    messages.push_back({{"message", message}, {"traces", times}});
  }
  return {{"read", errors.read}, {"unknown", errors.unknown}, {"messages", std::move(messages)}};
}

Json test_of(const ChanceTest& test) {
  return {{"name", test.name},
          {"p", test.p},
          {"p_adjusted", test.p_adjusted},
          {"significant", test.is_significant()}};
}

Json difference_of(const Difference& difference) {
  return {{"difference", difference.difference},
          {"ratio", value_or_null(difference.ratio)},
          {"test", difference.test ? test_of(*difference.test) : Json()}};
}

Json model_of(const Comparison& comparison, std::size_t index) {
  const Version& version = comparison.versions[index];
  Json figures = Json::object(), differences = Json::object();
  for (const Row& row : comparison.rows) {
    const Cell& cell = row.cells[index];
    figures[row.name] = value_or_null(cell.value);
    if (cell.to_baseline) differences[row.name] = difference_of(*cell.to_baseline);
  }
  return {{"model_id", version.model.model_id},
          {"name", version.model.name},
          {"experiment_id", version.model.experiment_id},
          {"figures", std::move(figures)},
          {"differences", index == 0 ? Json() : std::move(differences)},
          {"errors", errors_of(version.errors)}};
}

Json differing_of(const Differing& differing) {
  Json json = Json::object();
  for (const auto& [key, values] : differing) {
    for (const auto& value : values) json[key].push_back(value_or_null(value));
  }
  return json;
}

const char* name_of(Verdict::Outcome outcome) {
  if (outcome == Verdict::Outcome::passes) return "passes";
  return outcome == Verdict::Outcome::holds ? "holds" : "unknown";
}

}  // namespace

Json report_of(const Comparison& comparison, const std::vector<Verdict>& verdicts) {
  Json report = {{"baseline", comparison.versions.front().model.model_id},
                 {"models", Json::array()}};
  for (std::size_t i = 0; i < comparison.versions.size(); ++i) {
    report["models"].push_back(model_of(comparison, i));
  }
  report["params"] = differing_of(comparison.params);
  report["tags"] = differing_of(comparison.tags);
  report["conditions"] = Json::array();
  for (const Verdict& verdict : verdicts) {
    report["conditions"].push_back({{"condition", verdict.condition},
                                    {"model_id", verdict.model_id},
                                    {"outcome", name_of(verdict.outcome)},
                                    {"message", verdict.message}});
  }
  report["notes"] = notes_of(comparison);
  return report;
}

}  // namespace tracelink::compare
