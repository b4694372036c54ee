#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/mlflow/rest/logged_model.hpp"
#include "daemon/types/link_definition.hpp"

// Which of several models of one name is the version's, and what it lacks: pure.
namespace tracelink {

// Names the registrar that created a model (random, one per link and state directory).
inline constexpr char kInstanceTag[] = "tracelink.instance";

// What a name means among the models of one experiment.
struct NamedModels {
  std::vector<LoggedModel> models;  // one version: made for the name, else shown under it by MLflow
  std::vector<LoggedModel> others;  // the name may mean these as well: shown under it, and made for
                                    // another name
};
NamedModels models_named(const std::string& name, std::vector<LoggedModel> hits);
// For the operator; precondition: there are others.
std::string ambiguity(const std::string& name, const NamedModels& named);

struct ModelChoice {
  const LoggedModel* winner = nullptr;  // oldest READY, else oldest not FAILED
  std::vector<std::string> own_pending_losers;
  std::vector<std::string> own_ready_losers;
  std::vector<std::string> other_ready_losers;
  bool only_failed = false;  // there are models, and all have FAILED
};

// "m-1 is taken, the oldest that is READY; also there: m-2"; empty if there is no other.
std::string told_choice(const std::string& taken, const std::vector<std::string>& others);

// Age is creation time, then id. `models` outlives the result.
ModelChoice choose_model(const std::vector<LoggedModel>& models, const std::string& instance);

// The name that the model was made for: what kModelNameTag keeps, else its own.
std::string asked_name(const LoggedModel& model);

bool has_failed(const LoggedModel& model);
// Created by this registrar.
bool is_own(const LoggedModel& model, const std::string& instance);

// The oldest READY model of the same name, and of the same asked name, that is older than `model`.
std::optional<LoggedModel> older_twin(const LoggedModel& model,
                                      const std::vector<LoggedModel>& hits);

struct ModelDifference {
  std::map<std::string, std::string> missing_params;
  std::map<std::string, std::string> tags_to_set;
  std::vector<std::string> warnings;  // what differs and is not overwritten
};

// What `model` lacks of `link`. Params, tags about the source, type and run are never overwritten;
// other tags are. Source tags of the link itself are not even added: they tell what a model was
// made from, and this one exists already.
ModelDifference compare(const LoggedModel& model, const LinkDefinition& link);

}  // namespace tracelink
