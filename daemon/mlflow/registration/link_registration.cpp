#include "daemon/mlflow/registration/link_registration.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "daemon/base/retry_delay.hpp"
#include "daemon/mlflow/registration/experiment_resolution.hpp"
#include "daemon/mlflow/registration/model_choice.hpp"
#include "daemon/mlflow/registration/model_name.hpp"
#include "daemon/mlflow/registration/new_model.hpp"
#include "daemon/mlflow/registration/registration_failure.hpp"
#include "daemon/mlflow/rest/remedies.hpp"

namespace tracelink {
namespace {

constexpr char kDefaultExperiment[] = "0";
constexpr RetryDelay kDelay{std::chrono::milliseconds(500), std::chrono::seconds(30)};

std::string random_instance(RandomSource& random) {
  std::array<char, 33> text{};
  std::snprintf(text.data(), text.size(), "%016llx%016llx",
                static_cast<unsigned long long>(random.next()),
                static_cast<unsigned long long>(random.next()));
  return text.data();
}

}  // namespace

LinkRegistration::LinkRegistration(Environment& environment, const LinkHash& hash,
                                   const LinkDefinition& link, StoredRegistration stored)
    : environment_(environment),
      stored_(std::move(stored)),
      portable_(link.name_policy == NamePolicy::portable && has_portable_name(link)) {
  status_.link = hash;
  status_.definition = link;
  status_.requested_name = link.model_name();
  if (!stored_.model_id.empty()) {
    status_.state = RegistrationState::ready;
    status_.model = ResolvedModel{stored_.model_id, stored_.name, stored_.experiment_id,
                                  stored_.experiment_name};
  }
  schedule(std::chrono::milliseconds(0), &LinkRegistration::begin);
}

const ResolvedModel* LinkRegistration::ready() {
  if (std::exchange(verify_when_asked_, false) && status_.verified) verify_again();
  return status_.state == RegistrationState::ready && status_.verified ? &*status_.model : nullptr;
}

void LinkRegistration::advance() {
  if (!due_ || *due_ > environment_.clock.steady()) return;
  due_.reset();
  running_ = true;
  (this->*next_step_)();
}

void LinkRegistration::verify_again() {
  const bool was_verified = std::exchange(status_.verified, false);
  if (running_) {
    verify_again_ = true;
  } else {
    schedule(std::chrono::milliseconds(0), &LinkRegistration::begin);
  }
  if (was_verified) changed();
}

void LinkRegistration::begin() {
  ++environment_.counters.attempts;
  portable_name_taken_ = false;
  was_quiet_ = false;
  finalized_id_.clear();
  warnings_.clear();
  const std::string& id = has_fixed_id() ? status_.definition.id : stored_.model_id;
  if (id.empty()) return resolve_link_experiment();
  environment_.client.get_model(
      id, then<std::optional<LoggedModel>>(
              [this](std::optional<LoggedModel> model) { model_fetched(std::move(model)); }));
}

void LinkRegistration::model_fetched(std::optional<LoggedModel> model) {
  if (!model && has_fixed_id()) {
    return fail(link_failure("model " + status_.definition.id + " not found", remedy::kModelGone));
  }
  if (!model) {  // deleted, or another server: register again
    stored_.model_id.clear();
    status_.model.reset();
    status_.state = RegistrationState::unresolved;
    changed();
    return resolve_link_experiment();
  }
  if (has_failed(*model)) {
    return fail(link_failure("model " + model->model_id + " has status " + model->status,
                             remedy::kModelFailed));
  }
  model_ = *std::move(model);
  if (has_fixed_id()) return resolve_link_experiment();
  experiment_ = Experiment{stored_.experiment_id, stored_.experiment_name, false};
  if (twin_check_is_due()) {
    look_for_older_twin();
  } else {
    complete();
  }
}

void LinkRegistration::resolve_link_experiment() {
  ExperimentRef ref = status_.definition.experiment;
  if (!ref.of_model.empty()) return find_sibling(ref.of_model);
  if (ref.empty()) ref.id = has_fixed_id() ? model_.experiment_id : kDefaultExperiment;
  resolve(ref);
}

void LinkRegistration::find_sibling(const std::string& model_id) {
  environment_.client.get_model(
      model_id, then<std::optional<LoggedModel>>([this](std::optional<LoggedModel> model) {
        if (model) return resolve({model->experiment_id, ""});
        fail(configuration_failure(FailureScope::experiment,
                                   "model " + status_.definition.experiment.of_model +
                                       " not found, in whose experiment " +
                                       status_.definition.model_name() + " belongs",
                                   remedy::kNeighbourGone));
      }));
}

void LinkRegistration::resolve(const ExperimentRef& ref) {
  resolve_experiment(environment_.client, ref, then<Experiment>([this](Experiment experiment) {
                       experiment_resolved(std::move(experiment));
                     }));
}

void LinkRegistration::experiment_resolved(Experiment experiment) {
  experiment_ = std::move(experiment);
  if (has_fixed_id() || status_.definition.empty()) return finish();
  search();
}

void LinkRegistration::search() {
  search_models_by_names(environment_.client, experiment_.id, names_to_search(status_.definition),
                         then<std::vector<LoggedModel>>(
                             [this](const std::vector<LoggedModel>& hits) { choose(hits); }));
}

void LinkRegistration::create() {
  if (auto remembered = remember_instance(); !remembered) {
    return fail(passing_failure(FailureClass::transient, remembered.error().message));
  }
  environment_.client.create_model(model_to_create(), [this](Answer<LoggedModel> answer) {
    if (!answer) return create_refused(answer.error());
    created_ = true;
    unseen_id_ = answer->model_id;
    await_quiet_period();
  });
}

void LinkRegistration::create_refused(Failure failure) {
  const bool may_be_portable = status_.definition.name_policy == NamePolicy::automatic &&
                               !portable_ && has_portable_name(status_.definition);
  if (refuses_model_name(failure) && may_be_portable) {
    portable_ = true;
    return search();
  }
  if (failure.http_status == 403) {
    failure.message += "; the search that found no such model may mean the same";
  }
  fail(std::move(failure));
}

// Twins that others are creating become visible meanwhile.
void LinkRegistration::await_quiet_period() {
  was_quiet_ = true;
  const auto time = environment_.options.quiet_period;
  schedule(time + random_below(environment_.random, time / 2), &LinkRegistration::search);
}

void LinkRegistration::finalize(const std::string& model_id) {
  environment_.client.finalize_model(model_id, [this, model_id](const Answer<LoggedModel>& answer) {
    if (answer) {
      finalized_id_ = model_id;
      return search();
    }
    const Failure& failure = answer.error();
    const bool gone = failure.http_status == 404 && !failure.error_code.empty();
    fail(gone ? passing_failure(FailureClass::transient, failure.message) : failure);
  });
}

void LinkRegistration::complete() {
  complete_model(environment_.client, model_, status_.definition,
                 then<Warnings>([this](const Warnings& warnings) {
                   add_warnings(warnings);
                   finish();
                 }));
}

void LinkRegistration::finish() {
  ResolvedModel resolved{"", "", experiment_.id, experiment_.name};
  if (!status_.definition.empty()) {
    resolved.model_id = model_.model_id;
    resolved.name = model_.name;
    resolved.version = asked_name(model_);
    status_.created = created_ && is_own(model_, stored_.instance);
    warn_of_another_name();
  }
  remember_result(resolved);
  status_.state = RegistrationState::ready;
  status_.model = std::move(resolved);
  status_.failure.reset();
  status_.warnings = std::exchange(warnings_, {});
  status_.verified = !verify_again_;
  failures_ = 0;
  running_ = false;
  plan_twin_check();
  if (std::exchange(verify_again_, false)) {
    schedule(std::chrono::milliseconds(0), &LinkRegistration::begin);
  }
  changed();
}

void LinkRegistration::warn_of_another_name() {
  if (has_fixed_id() || model_.name == status_.requested_name) return;
  warnings_.push_back("asked for as \"" + status_.requested_name + "\", in use is the name \"" +
                      model_.name + "\" (model.name_policy)");
}

CreateModel LinkRegistration::model_to_create() const {
  const NameForm form = !portable_             ? NameForm::exact
                        : portable_name_taken_ ? NameForm::distinct_portable
                                               : NameForm::portable;
  return new_model(status_.definition, experiment_.id, form, environment_.options.creation_tags,
                   stored_.instance);
}

// A full disk is no reason to wait: these very traces may fill it, and only their delivery frees
// it.
Result<void> LinkRegistration::remember_instance() {
  if (!stored_.instance.empty()) return {};
  StoredRegistration with_instance = stored_;
  with_instance.instance = random_instance(environment_.random);
  auto saved = environment_.store.save(status_.link, with_instance);
  if (!saved && saved.error().code != ErrorCode::no_space) return saved;
  stored_ = std::move(with_instance);
  return {};
}

// Not being able to remember does not hold the traces: the next start looks the model up again.
void LinkRegistration::remember_result(const ResolvedModel& resolved) {
  const StoredRegistration result{stored_.instance, resolved.model_id, resolved.name,
                                  resolved.experiment_id, resolved.experiment_name};
  if (result == stored_) return;
  if (auto saved = environment_.store.save(status_.link, result); !saved) {
    warnings_.push_back("the model could not be remembered: " + saved.error().message);
  }
  stored_ = result;
}

void LinkRegistration::fail(Failure failure) {
  ++environment_.counters.failures[failure.failure_class];
  const bool known = status_.model && !stored_.model_id.empty();
  status_.state = failure.is_permanent() ? RegistrationState::failed
                  : known                ? RegistrationState::ready
                                         : RegistrationState::unresolved;
  status_.verified = false;
  verify_again_ = false;  // the next attempt begins with it
  schedule(failure.is_permanent()
               ? kOperatorWait
               : kDelay.after(++failures_, environment_.random, failure.retry_after),
           &LinkRegistration::begin);
  if (status_.definition.named_by_trace) failure.remedy = remedy_for_applications(failure.remedy);
  status_.failure = std::move(failure);
  changed();
}

void LinkRegistration::schedule(std::chrono::milliseconds delay, Step step) {
  running_ = false;
  next_step_ = step;
  due_ = environment_.clock.steady() + delay;
}

void LinkRegistration::add_warnings(const Warnings& warnings) {
  warnings_.insert(warnings_.end(), warnings.begin(), warnings.end());
}

void LinkRegistration::changed() {
  if (environment_.on_change) environment_.on_change(status_);
}

}  // namespace tracelink
