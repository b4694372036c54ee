#include "daemon/destination/databricks/experiment_delivery.hpp"

#include <cstdlib>
#include <optional>

#include "daemon/destination/databricks/span_forms.hpp"

namespace tracelink {
namespace {

constexpr char kWithoutItsFile[] =
    "the experiment's storage keeps one file for each trace, which cannot be added to. Bind an "
    "experiment to Unity Catalog for traces whose spans come late or from several hosts, or raise "
    "forward.trace_grace";

// Why these spans cannot be stored; nothing: they can.
std::optional<std::string> refusal_of(const TraceDelivery& delivery) {
  const TraceInfo& info = delivery.trace.info;
  const bool late =
      delivery.mode == DeliveryMode::spans_only || delivery.mode == DeliveryMode::final_info;
  if (late) return std::string("they came after their trace was stored, and ") + kWithoutItsFile;
  if (!info.has_root && !info.name.empty()) {
    return std::string("the root of their trace is with another sender, and ") + kWithoutItsFile;
  }
  return std::nullopt;
}

}  // namespace

ExperimentDelivery::ExperimentDelivery(Context context, std::vector<TraceDelivery> batch,
                                       Destination::Done done)
    : BatchDelivery(batch.size(), std::move(done)), context_(std::move(context)) {
  for (TraceDelivery& delivery : batch) {
    Item item;
    item.delivery = std::move(delivery);
    items_.push_back(std::move(item));
  }
}

void ExperimentDelivery::start() {
  const auto self = shared_from_this();
  for (std::size_t i = 0; i < items_.size(); ++i) {
    context_.request_slots.enter([this, self, i] { send(i); });
  }
}

void ExperimentDelivery::send(std::size_t index) {
  const auto self = shared_from_this();
  Item& item = items_[index];
  if (aborted()) return fail(index, *aborted(), true);
  if (auto reason = refusal_of(item.delivery)) return refuse(index, *std::move(reason));
  const TraceInfo& info = item.delivery.trace.info;
  const auto answered = [this, self, index](const Answer<StoredInfo>& answer) {
    started(index, answer);
  };
  context_.client.start_trace(info.trace_id, experiment_info_body(info, context_.trace),
                              counted<StoredInfo>(DeliveryStep::info, answered));
}

void ExperimentDelivery::started(std::size_t index, const Answer<StoredInfo>& answer) {
  if (!answer) {
    stop_others(answer.error());
    return fail(index, answer.error());
  }
  items_[index].info_stored = true;
  if (answer->takes_no_file) {
    return refuse(index,
                  "the workspace says that it keeps the spans of the trace itself "
                  "(mlflow.trace.spansLocation), and takes no file");
  }
  if (items_[index].delivery.trace.span_count > 0) return get_target(index);
  uploaded(index, {});
}

void ExperimentDelivery::get_target(std::size_t index) {
  const auto self = shared_from_this();
  if (aborted()) return fail(index, *aborted());
  const auto answered = [this, self, index](const Answer<UploadTarget>& answer) {
    if (!answer) return fail(index, answer.error());
    upload(index, *answer);
  };
  context_.client.get_upload_target(items_[index].delivery.trace.info.trace_id,
                                    counted<UploadTarget>(DeliveryStep::look_up, answered));
}

void ExperimentDelivery::upload(std::size_t index, const UploadTarget& target) {
  const auto self = shared_from_this();
  if (aborted()) return fail(index, *aborted());
  auto file = traces_json(items_[index].delivery.trace);
  if (!file) std::abort();  // prepare_trace() wrote these bytes
  const auto answered = [this, self, index](const Answer<void>& answer) {
    uploaded(index, answer);
  };
  context_.client.upload(target, *std::move(file), counted<void>(DeliveryStep::spans, answered));
}

void ExperimentDelivery::uploaded(std::size_t index, const Answer<void>& answer) {
  if (!answer) {
    const bool again = refuses_signature(answer.error()) && !items_[index].asked_again;
    if (!again) return fail(index, answer.error());
    items_[index].asked_again = true;
    return get_target(index);
  }
  end(index, delivered_outcome());
}

void ExperimentDelivery::refuse(std::size_t index, std::string reason) {
  Failure failure;
  failure.failure_class = FailureClass::poison;
  failure.message = std::move(reason);
  end(index, {.kind = OutcomeKind::poison,
              .failure = std::move(failure),
              .batch = false,
              .info_stored = items_[index].info_stored,
              .spans_stored = false,
              .indivisible = true});
}

// One file holds all spans of a trace: a refusal is never that of some of them.
void ExperimentDelivery::fail(std::size_t index, const Failure& failure, bool batch) {
  end(index, {.kind = outcome_kind(failure.failure_class),
              .failure = failure,
              .batch = batch,
              .info_stored = items_[index].info_stored,
              .spans_stored = false,
              .indivisible = true});
}

void ExperimentDelivery::end(std::size_t index, Outcome outcome) {
  const auto self = shared_from_this();  // the last one may end this delivery
  context_.request_slots.release();
  finish(index, std::move(outcome));
}

}  // namespace tracelink
