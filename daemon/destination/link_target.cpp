#include "daemon/destination/link_target.hpp"

#include <optional>
#include <utility>

#include "daemon/codec/link_codec.hpp"
#include "daemon/mlflow/trace/text_limits.hpp"
#include "daemon/types/named_experiment.hpp"

namespace tracelink {
namespace {

// An answer that leaves open what becomes of one registration: the server is there for others.
bool is_of_registration(const Failure& failure) {
  return failure.scope != FailureScope::server ||
         (failure.http_status != 0 && !failure.is_permanent());
}

Failure registration_hold(const std::optional<RegistrationStatus>& status,
                          const std::string& requested_experiment) {
  if (!status || !status->failure) {
    Failure registering;
    registering.message = "the model is being registered";
    registering.scope = FailureScope::link;
    return registering;
  }
  Failure failure = *status->failure;
  // The experiment that failed is the link's own, not one that a client asked for.
  const bool is_own_experiment =
      failure.scope == FailureScope::experiment && requested_experiment.empty();
  if (is_of_registration(failure) && !is_own_experiment) failure.scope = FailureScope::link;
  return failure;
}

LinkHash experiment_link(std::string_view name) {
  return hash_link(encode_link(named_experiment(std::string(name))));
}

// Of an experiment that a client named while its id was not known; created when missing.
Answer<std::string> find_experiment(Registrar& registrar, std::string_view name) {
  const LinkHash link = experiment_link(name);
  registrar.want(link, named_experiment(std::string(name)));
  if (const ResolvedModel* found = registrar.ready(link)) return found->experiment_id;
  const auto status = registrar.status(link);
  Failure failure;
  failure.message = "the experiment " + std::string(name) + " is looked for";
  failure.scope = FailureScope::experiment;
  if (!status->failure) return failure;
  failure = *status->failure;
  if (is_of_registration(failure)) failure.scope = FailureScope::experiment;
  return failure;
}

}  // namespace

Failure missing_definition(const LinkHash& link, const Error& error) {
  const std::string file = "state_dir/models/links/" + link.hex();
  if (error.code == ErrorCode::invalid) {
    return configuration_failure(
        FailureScope::link, "the link's definition is lost: " + error.message, "restore " + file);
  }
  Failure failure;
  failure.scope = FailureScope::link;
  failure.message = error.message;
  failure.remedy = "check the disk, and that the daemon's user may read " + file;
  return failure;
}

Answer<LinkTarget> find_target(Registrar& registrar, const LinkLookup& lookup, const LinkHash& link,
                               const std::string& experiment) {
  LinkTarget target{.model_id = {}, .experiment_id = experiment, .version = {}};
  if (const auto name = experiment_name_in(experiment)) {
    auto found = find_experiment(registrar, *name);
    if (!found) return found.error();
    target.experiment_id = *std::move(found);
  }
  if (!link.is_zero()) {
    if (!registrar.status(link)) {
      const auto definition = lookup(link);
      if (!definition) return missing_definition(link, definition.error());
      registrar.want(link, *definition);
    }
    const ResolvedModel* model = registrar.ready(link);
    if (model == nullptr) return registration_hold(registrar.status(link), experiment);
    target.model_id = model->model_id;
    target.version = model->version;
    if (experiment.empty()) target.experiment_id = model->experiment_id;
  }
  if (target.experiment_id.empty()) {
    return configuration_failure(FailureScope::link,
                                 "the traces name neither a model nor an experiment",
                                 "set model.name, or experiment.name");
  }
  return target;
}

std::map<std::string, std::string> version_tags(const std::string& key, const LinkTarget& target) {
  if (key.empty() || target.version.empty()) return {};
  return {{key, fit_column(target.version, kMaxTagValue)}};
}

void verify_after(Registrar& registrar, const LinkHash& link, const std::string& experiment,
                  const Failure& refusal) {
  const bool of_link = refusal.scope == FailureScope::link ||
                       (refusal.scope == FailureScope::experiment && experiment.empty());
  if (of_link) registrar.verify_again(link);
  const auto name = experiment_name_in(experiment);
  if (name && refusal.scope == FailureScope::experiment) {
    registrar.verify_again(experiment_link(*name));
  }
}

}  // namespace tracelink
