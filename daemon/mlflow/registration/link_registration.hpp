#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/base/random_source.hpp"
#include "daemon/mlflow/registration/model_maintenance.hpp"
#include "daemon/mlflow/registration/model_store.hpp"
#include "daemon/mlflow/registration/registration.hpp"

namespace tracelink {

// The registration of one link (README.md has the diagram). One request at a time; an answer starts
// the next step, a failure the whole chain again after a pause.
class LinkRegistration {
 public:
  struct Environment {
    Registrar::Options options;
    TrackingClient& client;
    ModelStore store;
    const Clock& clock;
    RandomSource& random;
    std::function<void(const RegistrationStatus&)> on_change;
    RegistrationCounters counters;  // of all links
  };

  LinkRegistration(Environment& environment, const LinkHash& hash, const LinkDefinition& link,
                   StoredRegistration stored);
  LinkRegistration(const LinkRegistration&) = delete;
  LinkRegistration& operator=(const LinkRegistration&) = delete;

  const RegistrationStatus& status() const { return status_; }
  const ResolvedModel* ready();
  std::optional<SteadyTime> due() const { return due_; }
  bool is_waiting_for_answer() const { return running_; }  // then it must not be destroyed

  void advance();                                          // if something is due
  void verify_again();                                     // before ready() gives the model again
  void verify_when_asked() { verify_when_asked_ = true; }  // the same, with the next ready()

 private:
  using Step = void (LinkRegistration::*)();

  // The chain, in order.
  void begin();
  void model_fetched(std::optional<LoggedModel> model);
  void resolve_link_experiment();
  void find_sibling(const std::string& model_id);
  void resolve(const ExperimentRef& ref);
  void experiment_resolved(Experiment experiment);
  void search();
  void choose(const std::vector<LoggedModel>& hits);
  void create();
  void create_refused(Failure failure);
  void await_quiet_period();
  void finalize(const std::string& model_id);
  void look_for_unseen();
  void take_winner(LoggedModel winner, const std::vector<std::string>& pending_twins);
  bool twin_check_is_due() const;
  void look_for_older_twin();
  void compare_with(const std::vector<LoggedModel>& hits);
  void replace_unless_used(const LoggedModel& older, std::optional<bool> used);
  void twin_check_failed(const Failure& failure);
  void plan_twin_check();
  void complete();
  void finish();

  bool has_fixed_id() const { return !status_.definition.id.empty(); }
  void warn_of_another_name();
  CreateModel model_to_create() const;
  Result<void> remember_instance();
  void remember_result(const ResolvedModel& resolved);

  void fail(Failure failure);
  void schedule(std::chrono::milliseconds delay, Step step);
  void add_warnings(const Warnings& warnings);
  void changed();
  // Runs `next` with the value, or fails.
  template <class T>
  AnswerHandler<T> then(std::function<void(T)> next) {
    return [this, next = std::move(next)](Answer<T> answer) {
      if (!answer) return fail(answer.error());
      next(*std::move(answer));
    };
  }

  Environment& environment_;
  StoredRegistration stored_;
  RegistrationStatus status_;
  int failures_ = 0;       // in a row
  bool created_ = false;   // a model, whether it won or not
  std::string unseen_id_;  // of a model that was created here, and that no search has shown yet
  bool portable_;          // the server refused the exact name, or the policy says so

  std::optional<SteadyTime> due_;  // of next_step_; nothing while a chain waits for an answer
  Step next_step_ = &LinkRegistration::begin;
  bool running_ = false;
  // From when on a chain compares the model with older twins; nothing: that was done.
  std::optional<SteadyTime> twin_check_;
  std::string twin_checked_;   // the model that it is, or was, for
  bool verify_again_ = false;  // asked for while a chain was running
  bool verify_when_asked_ = false;

  // Of the chain under way.
  Experiment experiment_;
  LoggedModel model_;
  bool portable_name_taken_ = false;  // by a model whose asked name is another
  bool was_quiet_ = false;
  std::string finalized_id_;
  Warnings warnings_;
};

}  // namespace tracelink
