#pragma once

#include <vector>

#include <nlohmann/json.hpp>

#include "daemon/compare/comparison.hpp"
#include "daemon/compare/condition.hpp"

namespace tracelink::compare {

// The comparison as `--json` prints it (docs/cli.md#comparing-models).
nlohmann::ordered_json report_of(const Comparison& comparison,
                                 const std::vector<Verdict>& verdicts);

}  // namespace tracelink::compare
