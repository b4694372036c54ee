#include "daemon/mlflow/registration/new_model.hpp"

#include "daemon/mlflow/registration/model_choice.hpp"
#include "daemon/mlflow/registration/model_name.hpp"
#include "daemon/mlflow/registration/source_tags.hpp"

namespace tracelink {
namespace {

constexpr char kExternalTag[] = "mlflow.model.isExternal";

}  // namespace

bool has_portable_name(const LinkDefinition& link) {
  return portable_name(link.model_name()) != link.model_name();
}

std::vector<std::string> names_to_search(const LinkDefinition& link) {
  const std::string name = link.model_name();
  if (link.name_policy == NamePolicy::exact || !has_portable_name(link)) return {name};
  return {name, portable_name(name), distinct_portable_name(name)};
}

CreateModel new_model(const LinkDefinition& link, const std::string& experiment_id, NameForm form,
                      const std::map<std::string, std::string>& creation_tags,
                      const std::string& instance) {
  const std::string name = link.model_name();
  CreateModel model{experiment_id, name, link.type, link.source_run_id, link.params, link.tags};
  model.tags.insert(link.source_tags.begin(), link.source_tags.end());
  model.tags.insert(creation_tags.begin(), creation_tags.end());
  name_source(model.tags);
  model.tags[kExternalTag] = "true";
  model.tags[kInstanceTag] = instance;
  if (form != NameForm::exact) {
    model.tags[kModelNameTag] = name;
    model.name = form == NameForm::portable ? portable_name(name) : distinct_portable_name(name);
  }
  return model;
}

}  // namespace tracelink
