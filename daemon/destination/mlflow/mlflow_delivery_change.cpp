#include <utility>

#include "daemon/destination/mlflow/mlflow_delivery.hpp"
#include "daemon/mlflow/knowledge/provisional_ids.hpp"
#include "daemon/mlflow/rest/remedies.hpp"
#include "daemon/mlflow/rest/rest_json.hpp"
#include "daemon/mlflow/rest/trace_name.hpp"
#include "daemon/types/named_experiment.hpp"

// How MlflowDelivery makes a change of a trace. Servers word a change that is made already, and one
// of a trace that is not there, in ways that differ by version and database
// (docs/mlflow-servers.md#changes-of-a-trace), so that what a refusal means is looked up.
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

void MlflowDelivery::send_change(std::size_t index) {
  const auto self = shared_from_this();
  const TraceDelivery& delivery = items_[index].delivery;
  auto change = stored_trace_change(delivery.trace.info.trace_id, delivery.change);
  if (!change) {
    Failure failure;
    failure.failure_class = FailureClass::poison;
    failure.message = change.error().message;
    return info_failed(index, failure);
  }
  if (const auto name = experiment_name_in(delivery.experiment)) {
    use_experiment(*change, *name, context_.experiment_id);
  }
  const auto answered = [self, index](const Answer<void>& answer) {
    answer ? self->change_made(index) : self->change_refused(index, answer.error());
  };
  context_.client.change_trace(*change, counted<void>(DeliveryStep::change, answered));
}

void MlflowDelivery::change_made(std::size_t index) {
  const auto self = shared_from_this();
  finish(index, {});
  info_finished();
}

void MlflowDelivery::change_refused(std::size_t index, const Failure& failure) {
  if (is_of_the_way(failure)) return info_failed(index, failure);
  const TraceDelivery& delivery = items_[index].delivery;
  const auto change = stored_trace_change(delivery.trace.info.trace_id, delivery.change);
  if (change->kind == TraceChange::Kind::create_assessment) {
    return look_for_assessment(index, failure);
  }
  if (change->kind == TraceChange::Kind::delete_until) return info_failed(index, judged(failure));
  look_for_trace(index, failure);
}

// An earlier attempt may have made it.
void MlflowDelivery::look_for_assessment(std::size_t index, const Failure& refusal) {
  const auto self = shared_from_this();
  const TraceDelivery& delivery = items_[index].delivery;
  const TraceId id = delivery.trace.info.trace_id;
  const auto looked = [self, index, refusal](const Answer<bool>& answer) {
    if (!answer) {
      return self->info_failed(index, answer.error());
    }
    *answer ? self->change_made(index) : self->look_for_trace(index, refusal);
  };
  context_.client.has_assessment(id, stored_trace_change(id, delivery.change)->assessment_id,
                                 counted<bool>(DeliveryStep::look_up, looked));
}

void MlflowDelivery::look_for_trace(std::size_t index, const Failure& refusal) {
  const auto self = shared_from_this();
  const TraceId id = items_[index].delivery.trace.info.trace_id;
  const auto looked = [self, index, id, refusal](const Answer<std::optional<KnownTrace>>& answer) {
    if (!answer) {
      return self->info_failed(index, answer.error());
    }
    if (*answer) {
      return self->info_failed(index, judged(refusal));
    }
    Failure unknown = refusal;
    unknown.failure_class = FailureClass::poison;
    unknown.message =
        "it does not know " + trace_name(id) + ", which was to be changed: " + refusal.message;
    unknown.remedy = remedy::kChangedTraceUnknown;
    self->info_failed(index, unknown);
  };
  context_.client.get_trace(id, counted<std::optional<KnownTrace>>(DeliveryStep::look_up, looked));
}

}  // namespace tracelink
