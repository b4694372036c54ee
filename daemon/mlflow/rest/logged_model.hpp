#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace tracelink {

// A LoggedModel with the property names of MLflow's documentation.
struct LoggedModel {
  std::string model_id, name, experiment_id;
  std::int64_t creation_timestamp = 0, last_updated_timestamp = 0;  // ms
  std::string model_type, source_run_id;
  std::string status;  // READY, PENDING, UPLOAD_FAILED, UNSPECIFIED
  std::map<std::string, std::string> tags, params;
  std::map<std::string, double> metrics;  // the newest value of each
  std::string model_uri() const { return "models:/" + model_id; }
};

struct CreateModel {
  std::string experiment_id;
  std::string name;  // empty: the server chooses a random one
  std::string model_type, source_run_id;
  std::map<std::string, std::string> params, tags;
};

}  // namespace tracelink
