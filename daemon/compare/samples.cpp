#include "daemon/compare/samples.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>

#include <nlohmann/json.hpp>

#include "daemon/mlflow/rest/stored_trace.hpp"
#include "daemon/text/ascii_case.hpp"
#include "daemon/text/utf8.hpp"

namespace tracelink::compare {
namespace {

using nlohmann::json;

constexpr const char* kTokenUsage = "mlflow.trace.tokenUsage";
constexpr const char* kCost = "mlflow.trace.cost";
constexpr const char* kSession = "mlflow.trace.session";
constexpr const char* kUser = "mlflow.trace.user";
constexpr std::size_t kMostMessageBytes = 200;

std::string cut(std::string_view text, std::size_t bytes) {
  const auto kept = cut_text(text, bytes);
  return std::string(kept) + (kept.size() < text.size() ? "…" : "");
}

const std::string* metadata_of(const TraceSummary& trace, const char* key) {
  const auto found = trace.metadata.find(key);
  return found == trace.metadata.end() || found->second.empty() ? nullptr : &found->second;
}

// A JSON object in a value of the metadata; null if there is none.
json object_in(const TraceSummary& trace, const char* key) {
  const std::string* text = metadata_of(trace, key);
  if (text == nullptr) return nullptr;
  json object = json::parse(*text, nullptr, /*allow_exceptions=*/false);
  return object.is_object() ? object : json();
}

void add_number(std::vector<double>& values, const json& object, std::string_view key) {
  const auto found = object.find(key);
  if (found != object.end() && found->is_number()) values.push_back(found->get<double>());
}

void add_usage(Samples& samples, const TraceSummary& trace) {
  const json usage = object_in(trace, kTokenUsage);
  for (std::size_t kind = 0; kind < kTokenKinds.size(); ++kind) {
    add_number(samples.tokens[kind], usage, kTokenKinds[kind]);
  }
  add_number(samples.costs, object_in(trace, kCost), "total_cost");
}

void add_person(std::unordered_set<std::size_t>& seen, const TraceSummary& trace, const char* key) {
  if (const std::string* value = metadata_of(trace, key)) {
    seen.insert(std::hash<std::string>()(*value));
  }
}

// MLflow's CategoricalRating.
std::optional<bool> rating_in(const Assessment::Value& value) {
  if (const bool* yes = std::get_if<bool>(&value)) return *yes;
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) return std::nullopt;
  const std::string word = lower_case(*text);
  if (word != "yes" && word != "no") return std::nullopt;
  return word == "yes";
}

void add_text(AssessmentSamples& samples, const std::string& text) {
  const std::string kept = cut(text, kMostTextBytes);
  const auto found = samples.texts.find(kept);
  if (found != samples.texts.end()) {
    ++found->second;
  } else if (samples.texts.size() < kMostTexts) {
    samples.texts.emplace(kept, 1);
  } else {
    ++samples.other_texts;
  }
}

void add_value(AssessmentSamples& samples, const Assessment& assessment, std::int64_t time_ms) {
  if (assessment.has_failed) {
    ++samples.errors;
    return;
  }
  if (std::holds_alternative<std::monostate>(assessment.value)) return;
  ++samples.count;
  if (const double* number = std::get_if<double>(&assessment.value)) {
    samples.numbers.push_back(*number);
  } else if (const auto yes = rating_in(assessment.value)) {
    samples.ratings.push_back({time_ms, *yes});
  } else {
    add_text(samples, std::get<std::string>(assessment.value));
  }
}

std::string source_of(const Assessment& assessment) {
  const std::string type = lower_case(assessment.source_type);
  if (type == "ai_judge") return "llm_judge";  // its name in earlier versions of MLflow
  return type == "human" || type == "llm_judge" || type == "code" ? type : "unknown";
}

void add_assessment(Samples& samples, const Assessment& assessment, std::int64_t time_ms) {
  for (const std::string& which : {std::string(), source_of(assessment)}) {
    AssessmentKey key{assessment.name, assessment.is_expectation, which};
    const bool is_new = !samples.assessments.contains(key);
    if (is_new && samples.assessments.size() >= kMostAssessments) {
      ++samples.assessments_left_out;
    } else {
      add_value(samples.assessments[std::move(key)], assessment, time_ms);
    }
  }
}

}  // namespace

std::string AssessmentKey::qualifier() const {
  std::string text = is_expectation ? ".expectation" : "";
  if (!source.empty()) text += "." + source;
  return text;
}

void add_trace(Samples& samples, const TraceSummary& trace) {
  const auto time_ms = static_cast<std::int64_t>(read_time_ms(trace.request_time));
  const bool has_failed = trace.state == "ERROR";
  samples.traces.push_back({time_ms, has_failed});
  if (has_failed && samples.failed.size() < kErrorsRead) samples.failed.push_back(trace.trace_id);
  if (!trace.execution_duration.empty()) {
    samples.latencies.push_back(static_cast<double>(read_duration_ms(trace.execution_duration)));
  }
  add_usage(samples, trace);
  add_person(samples.sessions, trace, kSession);
  add_person(samples.users, trace, kUser);
  for (const Assessment& assessment : trace.assessments) {
    add_assessment(samples, assessment, time_ms);
  }
}

ErrorMessages count_messages(const std::vector<std::string>& messages, std::size_t unknown) {
  std::map<std::string, std::size_t> counts;
  for (const std::string& message : messages) {
    ++counts[cut(message.substr(0, message.find('\n')), kMostMessageBytes)];
  }
  ErrorMessages result{{counts.begin(), counts.end()}, messages.size() + unknown, unknown};
  std::ranges::stable_sort(result.messages, std::ranges::greater(),
                           &std::pair<std::string, std::size_t>::second);
  return result;
}

}  // namespace tracelink::compare
