#include "daemon/mlflow/registration/link_registration.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "daemon/base/retry_delay.hpp"
#include "daemon/mlflow/registration/experiment_resolution.hpp"
#include "daemon/mlflow/registration/model_choice.hpp"
#include "daemon/mlflow/registration/model_name.hpp"
#include "daemon/mlflow/registration/source_tags.hpp"
#include "daemon/mlflow/rest/remedies.hpp"

namespace tracelink {
namespace {

constexpr char kExternalTag[] = "mlflow.model.isExternal";
constexpr char kDefaultExperiment[] = "0";
// After a create: whatever another replica had under way then has ended.
constexpr auto kTwinCheck = std::chrono::minutes(2);
constexpr RetryDelay kDelay{std::chrono::milliseconds(500), std::chrono::seconds(30)};
constexpr auto kPermanentDelay = std::chrono::minutes(1);

Failure link_failure(std::string message, std::string_view remedy) {
  return configuration_failure(FailureScope::link, std::move(message), remedy);
}

Failure passing_failure(FailureClass failure_class, std::string message) {
  Failure failure;
  failure.failure_class = failure_class;
  failure.scope = FailureScope::link;
  failure.message = std::move(message);
  return failure;
}

std::uint64_t& of_class(RegistrationCounters& counters, FailureClass failure_class) {
  switch (failure_class) {
    case FailureClass::transient:
      return counters.transient;
    case FailureClass::configuration:
      return counters.configuration;
    case FailureClass::poison:
      return counters.poison;
    case FailureClass::unknown:
      return counters.unknown;
  }
  return counters.unknown;
}

std::string random_hex(RandomSource& random) {
  std::array<char, 33> text{};
  std::snprintf(text.data(), text.size(), "%016llx%016llx",
                static_cast<unsigned long long>(random.next()),
                static_cast<unsigned long long>(random.next()));
  return text.data();
}

// The remedy where a trace named the model.
std::string_view for_applications(std::string_view remedy) {
  if (remedy == remedy::kModelName) return remedy::kNamedModelName;
  if (remedy == remedy::kAmbiguousName) return remedy::kNamedAmbiguousName;
  if (remedy == remedy::kModelGone) return remedy::kNamedModelGone;
  if (remedy == remedy::kModelFailed) return remedy::kNamedModelFailed;
  return remedy;
}

bool has_portable_name(const LinkDefinition& link) {
  return portable_name(link.model_name()) != link.model_name();
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

template <class T>
AnswerHandler<T> LinkRegistration::then(std::function<void(T)> next) {
  return [this, next = std::move(next)](Answer<T> answer) {
    if (const auto* failure = std::get_if<Failure>(&answer)) return fail(*failure);
    next(std::get<T>(std::move(answer)));
  };
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
  std::exchange(twin_check_due_, false) ? look_for_older_twin() : complete();
}

// Two twins are READY when a request of one replica lasted longer than the other one's quiet
// period.
void LinkRegistration::look_for_older_twin() {
  search_models_by_names(environment_.client, experiment_.id, {model_.name},
                         then<std::vector<LoggedModel>>(
                             [this](std::vector<LoggedModel> hits) { compare_with(hits); }));
}

// The older one is everybody's. Ours is given up for it, unless a trace has it: a trace keeps its
// link.
void LinkRegistration::compare_with(const std::vector<LoggedModel>& hits) {
  const auto older = older_twin(model_, hits);
  if (!older) return complete();
  environment_.client.has_traces(
      experiment_.id, model_.model_id, then<bool>([this, older = *older](bool used) {
        if (used) {
          twin_check_due_ = true;  // so that it is told after each verification
          warnings_.push_back("twin models " + older.model_id + " (older) and " + model_.model_id +
                              " are both READY; the traces of this daemon have the younger: "
                              "'tracelink models set-active " +
                              older.model_id + "' gives those to come the older");
        } else {
          warnings_.push_back("model " + older.model_id + " is in place of its younger twin " +
                              model_.model_id + ", which no trace has");
          model_ = older;
        }
        complete();
      }));
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
  search_models_by_names(
      environment_.client, experiment_.id, names_to_search(),
      then<std::vector<LoggedModel>>([this](std::vector<LoggedModel> hits) { choose(hits); }));
}

void LinkRegistration::choose(const std::vector<LoggedModel>& hits) {
  const std::string asked = status_.definition.model_name();
  const NamedModels named = models_named(asked, hits);
  if (!named.others.empty()) {
    return fail(link_failure(ambiguity(asked, named), remedy::kAmbiguousName));
  }
  portable_name_taken_ = std::ranges::any_of(hits, [&](const LoggedModel& model) {
    return model.name == portable_name(asked) && asked_name(model) != asked;
  });
  const ModelChoice choice = choose_model(named.models, stored_.instance);
  if (choice.only_failed) {
    const LoggedModel& failed = named.models.front();
    return fail(link_failure(
        "model " + failed.model_id + " (" + failed.name + ") has status " + failed.status,
        remedy::kModelFailed));
  }
  if (choice.winner == nullptr) return create();
  if (choice.winner->status == "READY") {
    for (const std::string& id : choice.own_ready_losers) {
      warnings_.push_back("twin model " + id + " is READY too and was left in place");
    }
    if (!choice.other_ready_losers.empty()) {
      warnings_.push_back("several models are named \"" + asked +
                          "\": " + told_choice(choice.winner->model_id, choice.other_ready_losers));
    }
    return take_winner(*choice.winner, choice.own_pending_losers);
  }
  if (!was_quiet_) return await_quiet_period();
  if (choice.winner->model_id == finalized_id_) {
    return fail(passing_failure(FailureClass::unknown,
                                "model " + finalized_id_ + " is not shown as READY"));
  }
  finalize(choice.winner->model_id);
}

void LinkRegistration::create() {
  if (auto remembered = remember_instance(); !remembered) {
    return fail(passing_failure(FailureClass::transient, remembered.error().message));
  }
  environment_.client.create_model(new_model(), [this](Answer<LoggedModel> answer) {
    if (const auto* failure = std::get_if<Failure>(&answer)) return create_refused(*failure);
    created_ = true;
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
    const auto* failure = std::get_if<Failure>(&answer);
    if (failure == nullptr) {
      finalized_id_ = model_id;
      return search();
    }
    const bool gone = failure->http_status == 404 && !failure->error_code.empty();
    fail(gone ? passing_failure(FailureClass::transient, failure->message) : *failure);
  });
}

void LinkRegistration::take_winner(LoggedModel winner,
                                   const std::vector<std::string>& pending_twins) {
  model_ = std::move(winner);
  if (!environment_.options.delete_twins) return complete();
  delete_unused_models(environment_.client, experiment_.id, pending_twins,
                       then<Warnings>([this](const Warnings& warnings) {
                         add_warnings(warnings);
                         complete();
                       }));
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
  if (std::exchange(verify_again_, false)) {
    schedule(std::chrono::milliseconds(0), &LinkRegistration::begin);
  } else if (status_.created && !std::exchange(twin_checked_, true)) {
    twin_check_due_ = true;
    schedule(kTwinCheck, &LinkRegistration::begin);
  }
  changed();
}

void LinkRegistration::warn_of_another_name() {
  if (has_fixed_id() || model_.name == status_.requested_name) return;
  warnings_.push_back("asked for as \"" + status_.requested_name + "\", in use is the name \"" +
                      model_.name + "\" (model.name_policy)");
}

// The portable ones too: what another policy, or another server, made of the name is the same
// model.
std::vector<std::string> LinkRegistration::names_to_search() const {
  const std::string name = status_.definition.model_name();
  const bool is_exact = status_.definition.name_policy == NamePolicy::exact;
  if (is_exact || !has_portable_name(status_.definition)) return {name};
  return {name, portable_name(name), distinct_portable_name(name)};
}

CreateModel LinkRegistration::new_model() const {
  const LinkDefinition& link = status_.definition;
  CreateModel model{experiment_.id,     link.model_name(), link.type,
                    link.source_run_id, link.params,       link.tags};
  const auto& created = environment_.options.creation_tags;
  model.tags.insert(link.source_tags.begin(), link.source_tags.end());
  model.tags.insert(created.begin(), created.end());
  name_source(model.tags);
  model.tags[kExternalTag] = "true";
  model.tags[kInstanceTag] = stored_.instance;
  if (portable_) {
    model.tags[kModelNameTag] = link.model_name();
    model.name = portable_name_taken_ ? distinct_portable_name(link.model_name())
                                      : portable_name(link.model_name());
  }
  return model;
}

// A full disk is no reason to wait: these very traces may fill it, and only their delivery frees
// it.
Result<void> LinkRegistration::remember_instance() {
  if (!stored_.instance.empty()) return {};
  StoredRegistration with_instance = stored_;
  with_instance.instance = random_hex(environment_.random);
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
  ++of_class(environment_.counters, failure.failure_class);
  const bool known = status_.model && !stored_.model_id.empty();
  status_.state = failure.is_permanent() ? RegistrationState::failed
                  : known                ? RegistrationState::ready
                                         : RegistrationState::unresolved;
  status_.verified = false;
  verify_again_ = false;  // the next attempt begins with it
  schedule(failure.is_permanent()
               ? kPermanentDelay
               : kDelay.after(++failures_, environment_.random, failure.retry_after),
           &LinkRegistration::begin);
  if (status_.definition.named_by_trace) failure.remedy = for_applications(failure.remedy);
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
