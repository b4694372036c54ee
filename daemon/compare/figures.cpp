#include "daemon/compare/figures.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace tracelink::compare {
namespace {

constexpr std::array<std::string_view, 5> kTokenLabels{
    "input tokens", "output tokens", "total tokens", "cache reads", "cache writes"};

std::optional<double> count(std::size_t number) { return static_cast<double>(number); }

std::optional<double> mean_of(const std::vector<double>& values) {
  return values.empty() ? std::nullopt : std::optional(mean(values));
}

std::optional<double> sum_of(const std::vector<double>& values) {
  if (values.empty()) return std::nullopt;
  double sum = 0;
  for (const double value : values) sum += value;
  return sum;
}

Proportion proportion_of(const std::vector<Occurrence>& occurrences) {
  const auto yes = std::ranges::count_if(occurrences, &Occurrence::is_yes);
  return {static_cast<std::size_t>(yes), occurrences.size()};
}

std::optional<double> rate_of(const Proportion& proportion) {
  if (proportion.all == 0) return std::nullopt;
  return static_cast<double>(proportion.yes) / static_cast<double>(proportion.all);
}

void add_traces(Figures& figures, const Samples& samples) {
  const Proportion failed = proportion_of(samples.traces);
  figures.push_back({"traces", "traces", count(failed.all), Unit::count});
  figures.push_back({"errors", "errors", count(failed.yes), Unit::count});
  figures.push_back({"error_rate", "error rate", rate_of(failed), Unit::rate});
  figures.back().proportion = failed;
}

// The test of chance compares whole distributions; it is shown with the median.
void add_latency(Figures& figures, const std::vector<double>& latencies) {
  std::vector<double> sorted = latencies;
  std::ranges::sort(sorted);
  const auto at = [&](double q) {
    return sorted.empty() ? std::nullopt : std::optional(quantile(sorted, q));
  };
  figures.push_back({"latency_mean_ms", "latency mean", mean_of(sorted), Unit::milliseconds});
  figures.push_back({"latency_p50_ms", "latency p50", at(0.5), Unit::milliseconds});
  figures.back().distribution = latencies;
  figures.push_back({"latency_p95_ms", "latency p95", at(0.95), Unit::milliseconds});
  figures.push_back({"latency_p99_ms", "latency p99", at(0.99), Unit::milliseconds});
}

void add_tokens(Figures& figures, const Samples& samples) {
  for (std::size_t kind = 0; kind < kTokenKinds.size(); ++kind) {
    const auto& values = samples.tokens[kind];
    const bool is_optional = kTokenKinds[kind].starts_with("cache");
    figures.push_back({std::string(kTokenKinds[kind]) + "_per_trace",
                       std::string(kTokenLabels[kind]) + "/trace", mean_of(values), Unit::tokens});
    figures.back().is_detail = is_optional && values.empty();
    figures.back().distribution = values;
  }
  for (std::size_t kind = 0; kind < kTokenKinds.size(); ++kind) {
    const auto& values = samples.tokens[kind];
    figures.push_back({std::string(kTokenKinds[kind]), std::string(kTokenLabels[kind]),
                       sum_of(values), Unit::tokens});
    figures.back().is_detail = kTokenKinds[kind].starts_with("cache") && values.empty();
  }
}

void add_usage(Figures& figures, const Samples& samples) {
  figures.push_back({"cost_usd_per_trace", "cost/trace", mean_of(samples.costs), Unit::dollars});
  figures.back().distribution = samples.costs;
  figures.push_back({"cost_usd", "cost", sum_of(samples.costs), Unit::dollars});
  figures.push_back({"sessions", "sessions", count(samples.sessions.size()), Unit::count});
  figures.push_back({"users", "users", count(samples.users.size()), Unit::count});
}

std::string label_of(const AssessmentKey& key) {
  std::string text = key.name;
  if (key.is_expectation) text += " (expectation)";
  if (!key.source.empty()) text += " by " + key.source;
  return text;
}

// Figures of one assessment's values.
class AssessmentFigures {
 public:
  AssessmentFigures(const AssessmentKey& key, const AssessmentSamples& samples, bool is_detail)
      : suffix_(key.qualifier() + ":" + key.name), label_(label_of(key)), is_detail_(is_detail) {
    if (!samples.ratings.empty()) add_rate(proportion_of(samples.ratings));
    if (!samples.numbers.empty()) add_mean(samples.numbers);
    add("count", label_ + " values", count(samples.count), Unit::count);
    add("errors", label_ + " errors", count(samples.errors), Unit::count);
    if (samples.errors == 0) figures_.back().is_detail = true;
    for (const auto& [text, times] : samples.texts) {
      add("count", label_ + " = " + text, count(times), Unit::count);
      figures_.back().name += "/" + text;
    }
  }

  Figures take() { return std::move(figures_); }

 private:
  void add(const char* statistic, std::string label, std::optional<double> value, Unit unit) {
    figures_.push_back({statistic + suffix_, std::move(label), value, unit, is_detail_});
  }
  void add_rate(const Proportion& proportion) {
    add("pass_rate", "pass rate " + label_, rate_of(proportion), Unit::rate);
    figures_.back().proportion = proportion;
  }
  void add_mean(const std::vector<double>& values) {
    add("mean", "mean " + label_, mean_of(values), Unit::score);
    figures_.back().distribution = values;
  }

  std::string suffix_, label_;
  bool is_detail_;
  Figures figures_;
};

// Values by source repeat those of all sources where there is one only.
bool has_one_source(const Samples& samples, const AssessmentKey& key) {
  const auto is_source = [&](const auto& other) {
    return other.first.name == key.name && other.first.is_expectation == key.is_expectation &&
           !other.first.source.empty();
  };
  return std::ranges::count_if(samples.assessments, is_source) < 2;
}

void add_assessment(Figures& figures, const Samples& samples, const AssessmentKey& key) {
  const bool is_detail = !key.source.empty() && has_one_source(samples, key);
  std::ranges::move(AssessmentFigures(key, samples.assessments.at(key), is_detail).take(),
                    std::back_inserter(figures));
}

bool is_qualifier(std::string_view text) {
  if (text.starts_with(".expectation")) text.remove_prefix(std::string_view(".expectation").size());
  constexpr std::array<std::string_view, 5> kSources{"", ".human", ".llm_judge", ".code",
                                                     ".unknown"};
  return std::ranges::find(kSources, text) != kSources.end();
}

}  // namespace

Figures figures_of(const Samples& samples) {
  Figures figures;
  add_traces(figures, samples);
  add_latency(figures, samples.latencies);
  add_tokens(figures, samples);
  add_usage(figures, samples);
  for (const auto& [key, values] : samples.assessments) add_assessment(figures, samples, key);
  return figures;
}

std::optional<double> value_of(const Figures& figures, const Samples& samples,
                               std::string_view name) {
  const auto found = std::ranges::find(figures, name, &Figure::name);
  if (found != figures.end()) return found->value;
  for (const auto& [key, values] : samples.assessments) {
    const std::string texts = "count" + key.qualifier() + ":" + key.name + "/";
    if (name.starts_with(texts) && values.other_texts == 0) return 0;
  }
  return std::nullopt;
}

bool is_figure_name(std::string_view name) {
  const Figures fixed = figures_of(Samples());
  if (std::ranges::find(fixed, name, &Figure::name) != fixed.end()) return true;
  const std::size_t colon = name.find(':');
  if (colon == std::string_view::npos || colon + 1 == name.size()) return false;
  const std::string_view before = name.substr(0, colon);
  for (const std::string_view statistic : {"mean", "pass_rate", "count", "errors"}) {
    if (before.starts_with(statistic) && is_qualifier(before.substr(statistic.size()))) return true;
  }
  return false;
}

}  // namespace tracelink::compare
