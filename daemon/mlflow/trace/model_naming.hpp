#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/types/link_definition.hpp"
#include "daemon/types/policies.hpp"

namespace tracelink {

inline constexpr char kModelIdAttribute[] = "mlflow.modelId";
inline constexpr char kModelNameAttribute[] = "mlflow.modelName";

// Where they say it: a later enumerator is stronger. The last is what an MLflow SDK tells beside
// the spans.
enum class NamedAt { nowhere, resource, root_resource, root_span, trace_info };

// Of a model or an experiment that a peer names: what no server can have is not asked for. A
// model's name has at most 500 characters, of 4 bytes at most, on every database but SQLite.
inline constexpr std::size_t kMaxNameBytes = 2'000;
inline bool is_usable_name(std::string_view name) {
  return name.size() <= kMaxNameBytes && name.find('\0') == std::string_view::npos;
}

struct ModelNaming {
  NamedAt at = NamedAt::nowhere;
  std::string id, name;           // one of the two, unless nowhere
  ExperimentRef experiment = {};  // of the name; empty: where the daemon's own model is
};

// The strongest naming in a TracesData: of the root span, else of its resource, else of the first
// other resource that has one. In one place mlflow.modelId comes before mlflow.modelName. Values
// are texts, also as JSON (as MLflow's SDK writes them); what is empty or no text says nothing.
// `traces_data`: valid as after split_request(); from what is not, nothing is read.
ModelNaming read_model_naming(std::string_view traces_data, FromTraces allowed);

struct ResourceAttributes {
  bool of_root = false;  // the resource of the root span, else the first one
  std::map<std::string, std::string> values;
};

// Of the attributes `keys` those that the resource has as a text, number or boolean.
ResourceAttributes read_resource_attributes(std::string_view traces_data,
                                            const std::vector<std::string>& keys);

}  // namespace tracelink
