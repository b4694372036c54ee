#include "daemon/mlflow/rest/started_trace.hpp"

#include <cstddef>

#include <simdjson.h>

#include "daemon/mlflow/trace/trace_metadata.hpp"

namespace tracelink {
namespace {

namespace ondemand = simdjson::ondemand;

// Empty if it is absent or no text.
std::string text_at(ondemand::object& object, std::string_view key) {
  std::string_view text;
  if (object.find_field_unordered(key).get_string().get(text) != simdjson::SUCCESS) return {};
  return std::string(text);
}

// False if it is absent or no object.
bool find_object(ondemand::object& parent, std::string_view key, ondemand::object& found) {
  return parent.find_field_unordered(key).get_object().get(found) == simdjson::SUCCESS;
}

StartedTrace read_info(ondemand::object& info) {
  StartedTrace started;
  ondemand::object values, experiment;
  started.name = text_at(info, "trace_id");
  if (find_object(info, "trace_location", values) &&
      find_object(values, "mlflow_experiment", experiment)) {
    started.experiment_id = text_at(experiment, "experiment_id");
  }
  if (find_object(info, "trace_metadata", values)) {
    started.model_id = text_at(values, kModelIdKey);
  }
  if (find_object(info, "tags", values)) {
    started.has_spans = !text_at(values, "mlflow.trace.spansLocation").empty();
  }
  return started;
}

}  // namespace

std::optional<StartedTrace> read_started_trace(std::string_view answer) {
  constexpr std::size_t kDepth = 8;  // what is deeper is skipped; the default costs 9 KB each time
  const simdjson::padded_string json(answer);
  ondemand::parser parser;
  if (parser.allocate(json.size(), kDepth) != simdjson::SUCCESS) return std::nullopt;
  ondemand::document document;
  ondemand::object top, trace, info;
  if (parser.iterate(json).get(document) != simdjson::SUCCESS) return std::nullopt;
  if (document.get_object().get(top) != simdjson::SUCCESS) return std::nullopt;
  StartedTrace started;
  if (find_object(top, "trace", trace) && find_object(trace, "trace_info", info)) {
    started = read_info(info);
  }
  // An answer that was cut has no end.
  std::string_view rest;
  if (top.raw_json().get(rest) != simdjson::SUCCESS) return std::nullopt;
  return started;
}

}  // namespace tracelink
