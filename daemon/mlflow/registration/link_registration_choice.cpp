#include <algorithm>
#include <chrono>
#include <utility>

#include "daemon/mlflow/registration/link_registration.hpp"
#include "daemon/mlflow/registration/model_choice.hpp"
#include "daemon/mlflow/registration/model_name.hpp"
#include "daemon/mlflow/registration/registration_failure.hpp"
#include "daemon/mlflow/rest/remedies.hpp"

// Which of the models that a search shows is the link's, and what becomes of its twins.
namespace tracelink {
namespace {

// Whatever another replica had under way when the model was found or made has ended then.
constexpr auto kTwinCheck = std::chrono::minutes(2);

}  // namespace

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
  if (choice.winner == nullptr) return unseen_id_.empty() ? create() : look_for_unseen();
  unseen_id_.clear();
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

// A search that does not show what was created would let each attempt create one more.
void LinkRegistration::look_for_unseen() {
  environment_.client.get_model(
      unseen_id_, then<std::optional<LoggedModel>>([this](const std::optional<LoggedModel>& model) {
        if (model) {
          return fail(
              passing_failure(FailureClass::unknown,
                              "model " + unseen_id_ + " was created, and searches do not show it"));
        }
        unseen_id_.clear();  // deleted meanwhile, or another server
        create();
      }));
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

bool LinkRegistration::twin_check_is_due() const {
  return twin_check_ && *twin_check_ <= environment_.clock.steady();
}

// Two twins are READY when a request of one replica lasted longer than the other one's quiet
// period. Whoever uses the younger one, its creator or not, must learn of the older one.
void LinkRegistration::look_for_older_twin() {
  search_models_by_names(environment_.client, experiment_.id, {model_.name},
                         [this](const Answer<std::vector<LoggedModel>>& hits) {
                           if (hits) {
                             compare_with(*hits);
                           } else {
                             twin_check_failed(hits.error());
                           }
                         });
}

// The older one is everybody's. Ours is given up for it, unless a trace has it: a trace keeps its
// link.
void LinkRegistration::compare_with(const std::vector<LoggedModel>& hits) {
  const auto older = older_twin(model_, hits);
  if (!older) {
    twin_check_.reset();
    return complete();
  }
  environment_.client.has_traces(experiment_.id, model_.model_id,
                                 [this, older = *older](const Answer<std::optional<bool>>& used) {
                                   used ? replace_unless_used(older, *used)
                                        : twin_check_failed(used.error());
                                 });
}

// What cannot be seen may be there.
void LinkRegistration::replace_unless_used(const LoggedModel& older, std::optional<bool> used) {
  if (used.value_or(true)) {  // the check stays due, so that it is told after each verification
    warnings_.push_back("twin models " + older.model_id + " (older) and " + model_.model_id +
                        " are both READY; the traces of this daemon have the younger: "
                        "'tracelink models set-active " +
                        older.model_id + "' gives those to come the older");
  } else {
    warnings_.push_back("model " + older.model_id + " is in place of its younger twin " +
                        model_.model_id + ", which no trace has");
    model_ = older;
    twin_checked_ = older.model_id;
    twin_check_.reset();
  }
  complete();
}

// It holds no trace back, for the model is good. What may pass is asked again later.
void LinkRegistration::twin_check_failed(const Failure& failure) {
  if (failure.is_permanent()) {
    twin_check_.reset();
    warnings_.push_back("whether model " + model_.model_id +
                        " has an older twin is not known: " + failure.message);
  } else {
    twin_check_ = environment_.clock.steady() + kTwinCheck;
  }
  complete();
}

// Once for each model that is found or made by its name.
void LinkRegistration::plan_twin_check() {
  if (has_fixed_id() || status_.definition.empty()) return;
  const SteadyTime now = environment_.clock.steady();
  if (std::exchange(twin_checked_, model_.model_id) != model_.model_id) {
    twin_check_ = now + kTwinCheck;
  }
  if (!twin_check_ || *twin_check_ <= now) return;
  schedule(std::chrono::ceil<std::chrono::milliseconds>(*twin_check_ - now),
           &LinkRegistration::begin);
}

}  // namespace tracelink
