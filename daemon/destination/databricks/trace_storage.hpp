#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace tracelink {

// Where Databricks keeps the traces of an experiment (docs/databricks.md#where-traces-live).
struct TraceStorage {
  enum class Kind {
    experiment,    // beside the experiment: a trace info, and a file with the spans
    table_prefix,  // Unity Catalog tables whose names begin with a prefix
    schema,        // Unity Catalog tables of a schema, the older binding
  };
  Kind kind = Kind::experiment;
  std::string catalog, schema, prefix;  // `prefix` with table_prefix alone
  std::string spans_table;              // its full name; empty with Kind::experiment

  bool operator==(const TraceStorage&) const = default;
  bool in_unity_catalog() const { return kind != Kind::experiment; }
  // "catalog.schema.prefix" or "catalog.schema", as paths and trace ids have it.
  std::string location() const;
};

// "catalog.schema.prefix" or "catalog.schema"; nothing for any other text.
std::optional<TraceStorage> parse_trace_location(std::string_view text);

// What the experiment's tags say; where they say nothing, `configured`.
TraceStorage storage_of(const std::map<std::string, std::string>& experiment_tags,
                        const std::optional<TraceStorage>& configured);

}  // namespace tracelink
