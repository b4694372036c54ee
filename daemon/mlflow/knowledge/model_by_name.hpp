#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tracelink {

// How MLflow's SDK looks for the model that set_active_model(name=…) names.
struct ModelByName {
  std::string name;
  std::string experiment_id;
};

// `body`: of a search for models. Nothing unless it asks for one name in one experiment.
std::optional<ModelByName> model_asked_for(std::string_view body);

// A model of which no more is known than its name, as MLflow's servers tell one.
std::string model_answer(const std::string& id, const ModelByName& named);
std::string models_answer(const std::string& id, const ModelByName& named);  // of a search

}  // namespace tracelink
