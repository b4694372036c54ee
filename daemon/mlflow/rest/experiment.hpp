#pragma once

#include <string>

namespace tracelink {

struct Experiment {
  std::string id, name;
  bool deleted = false;
  bool traces_in_tables = false;  // in Databricks' Unity Catalog
};

// The tag of an experiment that names the place of its tables.
inline constexpr char kTraceTablesTag[] = "mlflow.experiment.databricksTraceDestinationPath";

}  // namespace tracelink
