#include "daemon/destination/mlflow/change_delivery.hpp"

#include <utility>

#include "daemon/mlflow/knowledge/provisional_ids.hpp"
#include "daemon/mlflow/rest/remedies.hpp"
#include "daemon/mlflow/rest/trace_name.hpp"
#include "daemon/text/utf8.hpp"
#include "daemon/types/named_experiment.hpp"

namespace tracelink {

namespace {

// Nothing is known about the change: it may have been made, or not.
bool is_of_the_way(const Failure& failure) {
  return failure.failure_class == FailureClass::transient ||
         failure.failure_class == FailureClass::configuration || failure.http_status == 0;
}

// An application knows an experiment that it named by another id than the server's.
void use_experiment(TraceChange& change, std::string_view name, const std::string& id) {
  const bool says_one = change.kind == TraceChange::Kind::put_artifact ||
                        change.kind == TraceChange::Kind::delete_trace ||
                        change.kind == TraceChange::Kind::delete_until;
  const std::string told = provisional_id(named_experiment(std::string(name)));
  const auto at = says_one ? change.body.find(told) : std::string::npos;
  if (at != std::string::npos) change.body.replace(at, told.size(), id);
}

// The server has the trace, and will not make the change. A 5xx may be any trouble of its own.
Failure judged(Failure failure) {
  if (failure.http_status < 500) failure.failure_class = FailureClass::poison;
  return failure;
}

}  // namespace

Answer<TraceChange> take_change(TraceDelivery& delivery, const std::string& experiment_id) {
  auto change =
      stored_trace_change(delivery.trace.info.trace_id, std::exchange(delivery.change, {}));
  if (!change) {
    Failure failure;
    failure.failure_class = FailureClass::poison;
    failure.message = change.error().message;
    return failure;
  }
  if (const auto name = experiment_name_in(delivery.experiment)) {
    use_experiment(*change, *name, experiment_id);
  }
  return *std::move(change);
}

ChangeDelivery::ChangeDelivery(TrackingClient& client, StepRecorder& steps, ServerTexts& texts,
                               TraceChange change, AnswerHandler<void> done)
    : client_(client),
      steps_(steps),
      texts_(texts),
      change_(std::move(change)),
      done_(std::move(done)) {}

void ChangeDelivery::start() {
  const auto self = shared_from_this();
  const auto answered = [self](const Answer<void>& answer) {
    if (answer) {
      self->done_({});
    } else {
      self->refused(answer.error());
    }
  };
  client_.change_trace(change_, steps_.counted<void>(DeliveryStep::change, answered));
  std::string().swap(change_.content);  // asked for once
}

// Its texts are in its body, as JSON.
bool ChangeDelivery::replace_nul() {
  const bool replaced = replace_nul_escapes(change_.body) > 0;
  if (replaced) ++texts_.repairs.nul;
  return replaced;
}

void ChangeDelivery::refused(const Failure& refusal) {
  const bool is_upload = change_.kind == TraceChange::Kind::put_artifact;
  if (!is_upload && refuses_nul(refusal) && replace_nul()) return start();
  if (is_of_the_way(refusal)) return done_(refusal);
  switch (change_.kind) {
    case TraceChange::Kind::create_assessment:
      return look_for_assessment(refusal);
    case TraceChange::Kind::delete_until:
      return done_(judged(refusal));
    default:
      return look_for_trace(refusal);
  }
}

// An earlier attempt may have made it.
void ChangeDelivery::look_for_assessment(const Failure& refusal) {
  const auto self = shared_from_this();
  const auto looked = [self, refusal](const Answer<bool>& answer) {
    if (!answer) return self->done_(answer.error());
    *answer ? self->done_({}) : self->look_for_trace(refusal);
  };
  client_.has_assessment(change_.trace_id, change_.assessment_id,
                         steps_.counted<bool>(DeliveryStep::look_up, looked));
}

void ChangeDelivery::look_for_trace(const Failure& refusal) {
  const auto self = shared_from_this();
  const auto looked = [self, refusal](const Answer<std::optional<KnownTrace>>& answer) {
    if (!answer) return self->done_(answer.error());
    if (*answer) return self->done_(judged(refusal));
    if (self->change_.kind == TraceChange::Kind::delete_trace) return self->done_({});
    Failure unknown = refusal;
    unknown.failure_class = FailureClass::poison;
    unknown.message = "it does not know " + trace_name(self->change_.trace_id) +
                      ", which was to be changed: " + refusal.message;
    unknown.remedy = remedy::kChangedTraceUnknown;
    self->done_(unknown);
  };
  client_.get_trace(change_.trace_id,
                    steps_.counted<std::optional<KnownTrace>>(DeliveryStep::look_up, looked));
}

}  // namespace tracelink
