#pragma once

#include <string>

#include "daemon/compare/comparison.hpp"

// The plots of the page: SVG in the page's own HTML, drawn from the samples. Colours and fonts are
// the page's style's; each version has the class v0, v1, ….
namespace tracelink::compare {

// Each returns a <figure> with the id, or nothing where no version has values.

// A histogram of each version on one logarithmic axis, with marks at p50, p95 and p99.
std::string latency_plot(const Comparison& comparison);
// Bars of the mean input and output tokens of a trace.
std::string token_plot(const Comparison& comparison);
// Lines of the share of errors over time.
std::string error_plot(const Comparison& comparison);
// For each assessment with yes or no of any source, lines of its pass rate over time.
std::string pass_rate_plots(const Comparison& comparison);

}  // namespace tracelink::compare
