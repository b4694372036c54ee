#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/compare/samples.hpp"
#include "daemon/compare/statistics.hpp"

// The figures of one version, under the names that --fail-if, --json and the metrics have
// (docs/cli.md#comparing-models).
namespace tracelink::compare {

enum class Unit { count, rate, milliseconds, tokens, dollars, score };

struct Figure {
  std::string name;             // "latency_p95_ms", "pass_rate.human:correctness"
  std::string label;            // for people: "latency p95"
  std::optional<double> value;  // nothing: not known, for example the latency of no traces
  Unit unit = Unit::count;
  bool is_detail = false;  // tables leave it out, where it is one of every version
  // What a test of chance compares, if anything.
  std::optional<Proportion> proportion = {};
  std::span<const double> distribution = {};
};

// In the order in which they are shown.
using Figures = std::vector<Figure>;

// The distributions are those of `samples`, which outlive the figures (they may be moved).
Figures figures_of(const Samples& samples);

// The figure's value; 0 where it counts a text that the version's values do not have.
std::optional<double> value_of(const Figures& figures, const Samples& samples,
                               std::string_view name);

// Whether some version could have a figure of that name.
bool is_figure_name(std::string_view name);

}  // namespace tracelink::compare
