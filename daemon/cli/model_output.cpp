#include "daemon/cli/model_output.hpp"

#include "daemon/cli/output.hpp"

namespace tracelink::cli {

namespace {

std::string dumped(const nlohmann::ordered_json& value) {
  return value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

nlohmann::ordered_json to_json(const LoggedModel& model) {
  return {{"model_id", model.model_id},
          {"name", model.name},
          {"experiment_id", model.experiment_id},
          {"creation_timestamp", model.creation_timestamp},
          {"last_updated_timestamp", model.last_updated_timestamp},
          {"model_type", model.model_type},
          {"source_run_id", model.source_run_id},
          {"status", model.status},
          {"tags", model.tags},
          {"params", model.params},
          {"model_uri", model.model_uri()}};
}

void print_model(const Context& context, const LoggedModel& model) {
  const nlohmann::ordered_json json = to_json(model);
  if (context.json) {
    print_json(json);
    return;
  }
  for (const auto& [key, value] : json.items()) {
    print("{:<24}{}\n", key, value.is_string() ? value.get<std::string>() : dumped(value));
  }
}

}  // namespace tracelink::cli
