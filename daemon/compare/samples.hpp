#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "daemon/mlflow/tracking_client.hpp"

// What is kept of the traces of a version: numbers, some hundred bytes a trace, never a payload.
namespace tracelink::compare {

// Of one version; the newest are taken.
inline constexpr std::size_t kMostTraces = 200'000;
inline constexpr std::size_t kMostAssessments = 100;  // names, with and without source
inline constexpr std::size_t kMostTexts = 20;         // values of one assessment
inline constexpr std::size_t kMostTextBytes = 100;    // of a value
inline constexpr std::size_t kErrorsRead = 100;       // the newest

// MLflow's names, in the order of Samples::tokens.
inline constexpr std::array<std::string_view, 5> kTokenKinds{
    "input_tokens", "output_tokens", "total_tokens", "cache_read_input_tokens",
    "cache_creation_input_tokens"};

// Something that was so or not, at a time.
struct Occurrence {
  std::int64_t time_ms = 0;
  bool is_yes = false;
};

// Values of one assessment. What counts as yes is MLflow's: true and "yes", in any case.
struct AssessmentSamples {
  std::size_t count = 0;   // values
  std::size_t errors = 0;  // the judge or scorer failed
  std::vector<double> numbers;
  std::vector<Occurrence> ratings;
  std::map<std::string, std::size_t> texts;  // how often each
  std::size_t other_texts = 0;               // how often any beyond kMostTexts
};

// Which values of a name: those of feedback, or of expectations; of one source, or of all.
struct AssessmentKey {
  std::string name;
  bool is_expectation = false;
  std::string source;  // "human", "llm_judge", "code", "unknown"; empty: all

  // As the names of figures have it before the colon: "", ".human", ".expectation.human".
  std::string qualifier() const;
  auto operator<=>(const AssessmentKey&) const = default;
};

struct Samples {
  std::vector<Occurrence> traces;  // whether each failed
  std::vector<double> latencies;   // ms
  std::array<std::vector<double>, kTokenKinds.size()> tokens;
  std::vector<double> costs;                        // as MLflow has them, in US dollars
  std::unordered_set<std::size_t> sessions, users;  // hashes
  std::map<AssessmentKey, AssessmentSamples> assessments;
  std::size_t assessments_left_out = 0;  // values of names beyond kMostAssessments
  std::vector<std::string> failed;       // the newest, kErrorsRead at most
  bool is_cut = false;                   // there are more traces than kMostTraces
};

// Adds a trace; newest first.
void add_trace(Samples& samples, const TraceSummary& trace);

// Why traces failed, of those whose spans were read.
struct ErrorMessages {
  std::vector<std::pair<std::string, std::size_t>> messages;  // the most frequent first
  std::size_t read = 0;                                       // traces whose spans were asked for
  std::size_t unknown = 0;  // of them, those whose spans say nothing or could not be read
};

// Messages are compared by their first line.
ErrorMessages count_messages(const std::vector<std::string>& messages, std::size_t unknown);

}  // namespace tracelink::compare
