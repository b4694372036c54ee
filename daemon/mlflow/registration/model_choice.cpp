#include "daemon/mlflow/registration/model_choice.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <tuple>

#include "daemon/mlflow/registration/model_name.hpp"
#include "daemon/mlflow/registration/source_tags.hpp"

namespace tracelink {
namespace {

bool is_ready(const LoggedModel& model) { return model.status == "READY"; }

bool is_older(const LoggedModel& a, const LoggedModel& b) {
  return std::tie(a.creation_timestamp, a.model_id) < std::tie(b.creation_timestamp, b.model_id);
}

bool is_better(const LoggedModel& a, const LoggedModel& b) {
  return is_ready(a) != is_ready(b) ? is_ready(a) : is_older(a, b);
}

std::string differs(std::string_view what, std::string_view stored, std::string_view asked) {
  return std::string(what) + " of the model is \"" + std::string(stored) +
         "\" on the server and \"" + std::string(asked) +
         "\" here; not overwritten: a different value means a different version";
}

void compare_text(std::string_view what, const std::string& stored, const std::string& asked,
                  std::vector<std::string>& warnings) {
  if (!asked.empty() && stored != asked) warnings.push_back(differs(what, stored, asked));
}

}  // namespace

std::string asked_name(const LoggedModel& model) {
  const auto tag = model.tags.find(kModelNameTag);
  return tag == model.tags.end() ? model.name : tag->second;
}

bool has_failed(const LoggedModel& model) { return model.status == "UPLOAD_FAILED"; }

bool is_own(const LoggedModel& model, const std::string& instance) {
  const auto tag = model.tags.find(kInstanceTag);
  return tag != model.tags.end() && !instance.empty() && tag->second == instance;
}

NamedModels models_named(const std::string& name, std::vector<LoggedModel> hits) {
  const auto is_made_for = [](const std::string& asked) {
    return [&asked](const LoggedModel& model) { return asked_name(model) == asked; };
  };
  std::erase_if(hits, [&](const LoggedModel& model) {
    return asked_name(model) != name && (model.name != name || has_failed(model));
  });
  NamedModels named;
  if (hits.empty()) return named;
  const bool is_asked = std::ranges::any_of(hits, is_made_for(name));
  const std::string version = is_asked ? name : asked_name(hits.front());
  std::ranges::partition_copy(hits, std::back_inserter(named.models),
                              std::back_inserter(named.others), is_made_for(version));
  return named;
}

std::string ambiguity(const std::string& name, const NamedModels& named) {
  std::string text = "\"" + name + "\" may be several models:";
  const auto add = [&text](const LoggedModel& model) {
    text += (text.ends_with(':') ? " " : ", ") + model.model_id + " (shown as \"" + model.name +
            "\", made for \"" + asked_name(model) + "\")";
  };
  std::ranges::for_each(named.models, add);
  std::ranges::for_each(named.others, add);
  return text;
}

std::string told_choice(const std::string& taken, const std::vector<std::string>& others) {
  if (others.empty()) return "";
  std::string text = taken + " is taken, the oldest that is READY; also there:";
  for (const std::string& id : others) text += " " + id;
  return text;
}

ModelChoice choose_model(const std::vector<LoggedModel>& models, const std::string& instance) {
  ModelChoice choice;
  for (const LoggedModel& model : models) {
    if (has_failed(model)) continue;
    if (choice.winner == nullptr || is_better(model, *choice.winner)) choice.winner = &model;
  }
  choice.only_failed = !models.empty() && choice.winner == nullptr;
  for (const LoggedModel& model : models) {
    if (&model == choice.winner || has_failed(model)) continue;
    if (is_own(model, instance)) {
      auto& losers = is_ready(model) ? choice.own_ready_losers : choice.own_pending_losers;
      losers.push_back(model.model_id);
    } else if (is_ready(model)) {
      choice.other_ready_losers.push_back(model.model_id);
    }
  }
  return choice;
}

std::optional<LoggedModel> older_twin(const LoggedModel& model,
                                      const std::vector<LoggedModel>& hits) {
  const LoggedModel* oldest = nullptr;
  for (const LoggedModel& hit : hits) {
    const bool is_twin =
        is_ready(hit) && hit.name == model.name && asked_name(hit) == asked_name(model);
    if (is_twin && is_older(hit, oldest == nullptr ? model : *oldest)) oldest = &hit;
  }
  return oldest == nullptr ? std::nullopt : std::optional(*oldest);
}

ModelDifference compare(const LoggedModel& model, const LinkDefinition& link) {
  ModelDifference difference;
  for (const auto& [key, value] : link.params) {
    const auto stored = model.params.find(key);
    if (stored == model.params.end()) {
      difference.missing_params[key] = value;
    } else if (stored->second != value) {
      difference.warnings.push_back(differs("param " + key, stored->second, value));
    }
  }
  for (const auto& [key, value] : link.tags) {
    const auto stored = model.tags.find(key);
    if (stored != model.tags.end() && stored->second == value) continue;
    if (stored != model.tags.end() && is_source_tag(key)) {
      difference.warnings.push_back(differs("tag " + key, stored->second, value));
    } else {
      difference.tags_to_set[key] = value;
    }
  }
  for (const auto& [key, value] : link.source_tags) {
    const auto stored = model.tags.find(key);
    const bool tells_of_source = is_source_tag(key) && stored != model.tags.end();
    if (link.tags.contains(key) || !tells_of_source) continue;
    compare_text("tag " + key, stored->second, value, difference.warnings);
  }
  compare_text("type", model.model_type, link.type, difference.warnings);
  compare_text("source run", model.source_run_id, link.source_run_id, difference.warnings);
  return difference;
}

}  // namespace tracelink
