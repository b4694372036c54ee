#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/checks.hpp"
#include "config/setting.hpp"

namespace tracelink {

// The sources that count if the tracking URI means Databricks, put where their strength is: the
// profile that the URI names before all others, the variables of Databricks' SDK before the file
// (the last of `strongest_first`), a profile of .databrickscfg behind it
// (docs/databricks.md#where-the-values-come-from).
void add_databricks_sources(std::vector<Settings>& strongest_first, const LoadContext& context,
                            std::vector<ConfigProblem>& errors);

// Which workspace and credential the values mean, and what of the rest does not go with Databricks.
void complete_databricks(Draft& draft, const LoadContext& context);

}  // namespace tracelink
