#include "daemon/app/registration_log.hpp"

#include <utility>

#include "daemon/report/log_event.hpp"
#include "daemon/types/named_experiment.hpp"

namespace tracelink {

namespace {

// As the forwarder calls what is held for the same reason, so that one failure is told once.
std::string subject_of(const RegistrationStatus& status) {
  if (status.failure->scope == FailureScope::server) return kServerSubject;
  if (is_named_experiment(status.definition)) return kNamedExperiments;
  const std::string& id = status.definition.id;
  return "link " + (id.empty() ? status.requested_name : id);
}

}  // namespace

void RegistrationLog::changed(const RegistrationStatus& status) {
  Told& told = told_[status.link];
  tell_warnings(status, told);
  if (!status.model && !told.model_id.empty()) told.is_gone = true;
  if (status.failure) return tell_failure(status, told);
  if (status.verified) return tell_ready(status, told);
  if (status.model) told.model_id = status.model->model_id;
}

void RegistrationLog::tell_warnings(const RegistrationStatus& status, Told& told) {
  if (told.warnings == status.warnings) return;
  told.warnings = status.warnings;
  for (const std::string& warning : told.warnings) {
    if (!reporter_.may_log("warnings of models")) continue;
    LogEvent(warning).text("model", status.requested_name).warn();
  }
}

void RegistrationLog::tell_failure(const RegistrationStatus& status, Told& told) {
  told.failing = subject_of(status);
  reporter_.failure(told.failing, status.failure->message, status.failure->remedy);
}

void RegistrationLog::tell_exchange(const ResolvedModel& model, const std::string& before,
                                    bool was_gone) {
  LogEvent event(was_gone ? "model gone from the server, its traces belong to another one"
                          : "an older twin of the model turned up, traces belong to that one");
  event.text("name", model.name).word("old_model_id", before).word("model_id", model.model_id);
  if (was_gone) {
    event.warn();
  } else {
    event.info();
  }
}

void RegistrationLog::tell_ready(const RegistrationStatus& status, Told& told) {
  if (!told.failing.empty()) reporter_.recovered(std::exchange(told.failing, {}));
  const ResolvedModel& model = *status.model;
  const std::string before = std::exchange(told.model_id, model.model_id);
  const bool is_another = !before.empty() && before != model.model_id;
  const bool was_gone = std::exchange(told.is_gone, false);
  if (std::exchange(told.ready, true) && !is_another) return;
  if (!reporter_.may_log("models that are ready")) return;
  if (is_another) tell_exchange(model, before, was_gone);
  if (model.model_id.empty()) {
    LogEvent("experiment ready")
        .word("experiment_id", model.experiment_id)
        .text("experiment", model.experiment_name)
        .info();
    return;
  }
  LogEvent("model ready")
      .word("model_id", model.model_id)
      .text("name", model.name)
      .word("by", status.created ? "creating" : "finding")
      .word("experiment_id", model.experiment_id)
      .text("experiment", model.experiment_name)
      .info();
}

}  // namespace tracelink
