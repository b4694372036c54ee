#pragma once

#include <string>

#include "daemon/compare/comparison.hpp"

namespace tracelink::compare {

// One HTML page that needs nothing else: no script, no network, readable on a phone and in dark
// mode. Elements to find: #versions, #figures with rows that have data-figure and cells that have
// data-model and data-value, #differences, #errors, #notes, and the plots #plot-latency,
// #plot-tokens, #plot-errors and #plot-pass-rate-0, … with data-assessment.
std::string page_of(const Comparison& comparison, const std::string& made_at);

}  // namespace tracelink::compare
