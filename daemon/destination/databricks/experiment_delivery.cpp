#include "daemon/destination/databricks/experiment_delivery.hpp"

#include <utility>

#include "daemon/destination/databricks/span_forms.hpp"

namespace tracelink {
namespace {

constexpr char kRootElsewhere[] =
    "the root of their trace is with another sender, and the experiment's storage keeps one file "
    "for each trace, which two senders cannot write. Bind an experiment to Unity Catalog for "
    "traces of several hosts";
constexpr char kNoFile[] =
    "the workspace says that it keeps the spans of the trace itself (mlflow.trace.spansLocation), "
    "and takes no file";

std::string linked_otherwise(const std::string& stored, const std::string& model_id) {
  return "the workspace has their trace from another sender, " +
         (stored.empty() ? "without a link" : "linked to " + stored) + " in place of " + model_id +
         ", and takes a trace info once. Let the application send its traces here alone; before a "
         "replay, delete the trace in the workspace";
}

bool root_is_elsewhere(const TraceDelivery& delivery) {
  const TraceInfo& info = delivery.trace.info;
  return !info.has_root && !info.name.empty();
}

// Its info is stored, and stays as it is.
bool is_late(const TraceDelivery& delivery) {
  return delivery.mode == DeliveryMode::spans_only || delivery.mode == DeliveryMode::final_info;
}

// The answer came, and is over CurlOptions::max_response_bytes.
bool is_too_long(const Failure& failure) {
  return failure.failure_class == FailureClass::unknown && failure.http_status == 0;
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
  if (is_late(item.delivery)) return look_up(index);
  if (root_is_elsewhere(item.delivery)) return refuse(index, kRootElsewhere);
  const TraceInfo& info = item.delivery.trace.info;
  const auto answered = [this, self, index](const Answer<StoredInfo>& answer) {
    started(index, answer);
  };
  context_.client.start_trace(info.trace_id, context_.trace.model_id,
                              experiment_info_body(info, context_.trace),
                              counted<StoredInfo>(DeliveryStep::info, answered));
}

void ExperimentDelivery::started(std::size_t index, const Answer<StoredInfo>& answer) {
  if (!answer) {
    stop_others(answer.error());
    return fail(index, answer.error());
  }
  Item& item = items_[index];
  item.info_stored = true;
  if (answer->takes_no_file) return refuse(index, kNoFile);
  if (answer->existed) return look_up(index);
  if (item.delivery.trace.span_count == 0) return end(index, delivered_outcome());
  item.volume = answer->volume;
  get_target(index);
}

void ExperimentDelivery::look_up(std::size_t index) {
  const auto self = shared_from_this();
  if (aborted()) return fail(index, *aborted());
  const auto answered = [this, self, index](const Answer<std::optional<StoredInfo>>& answer) {
    if (!answer) return fail(index, answer.error());
    found(index, *answer);
  };
  context_.client.get_info(items_[index].delivery.trace.info.trace_id,
                           counted<std::optional<StoredInfo>>(DeliveryStep::look_up, answered));
}

void ExperimentDelivery::found(std::size_t index, const std::optional<StoredInfo>& info) {
  if (!info) return refuse(index, "their trace was deleted in the workspace");
  Item& item = items_[index];
  item.info_stored = true;
  if (info->takes_no_file) return refuse(index, kNoFile);
  const std::string& model_id = context_.trace.model_id;
  const bool is_linked = model_id.empty() || info->model_id.value_or(model_id) == model_id;
  if (!is_linked && !is_late(item.delivery)) {
    return refuse(index, linked_otherwise(*info->model_id, model_id));
  }
  if (item.delivery.trace.span_count == 0) return end(index, delivered_outcome());
  item.volume = info->volume;
  read_file(index);
}

void ExperimentDelivery::read_file(std::size_t index) {
  const auto self = shared_from_this();
  if (aborted()) return fail(index, *aborted());
  const auto answered = [this, self, index](const Answer<DatabricksClient::File>& answer) {
    if (!answer) return file_refused(index, answer.error());
    items_[index].earlier = answer->value_or("");
    items_[index].asked_again = false;
    get_target(index);
  };
  context_.client.read_file(items_[index].delivery.trace.info.trace_id, items_[index].volume,
                            counted<DatabricksClient::File>(DeliveryStep::read_back, answered));
}

// Where an earlier attempt of ours may have ended, the file is ours or there is none: some stores
// refuse to say so.
void ExperimentDelivery::file_refused(std::size_t index, const Failure& failure) {
  Item& item = items_[index];
  const bool by_signature = item.volume.empty() && refuses_signature(failure);
  if (by_signature && !std::exchange(item.asked_again, true)) return read_file(index);
  if (!by_signature && !is_too_long(failure)) return fail(index, failure);
  if (is_late(item.delivery) || !item.delivery.repeated) {
    return refuse(
        index, "the file with the earlier spans of their trace cannot be read: " + failure.message);
  }
  item.asked_again = false;
  get_target(index);
}

void ExperimentDelivery::get_target(std::size_t index) {
  const auto self = shared_from_this();
  if (aborted()) return fail(index, *aborted());
  const std::string& volume = items_[index].volume;
  if (!volume.empty()) return upload(index, volume_target(volume));
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
  auto file = traces_json(items_[index].delivery.trace, items_[index].earlier);
  if (!file) {
    return refuse(index, "the file with the earlier spans of their trace is not one of MLflow: " +
                             file.error().message);
  }
  const auto answered = [this, self, index](const Answer<void>& answer) {
    uploaded(index, answer);
  };
  context_.client.upload(target, *std::move(file), counted<void>(DeliveryStep::spans, answered));
}

void ExperimentDelivery::uploaded(std::size_t index, const Answer<void>& answer) {
  if (answer) return end(index, delivered_outcome());
  Item& item = items_[index];
  const bool by_url = item.volume.empty();
  const bool again = by_url && refuses_signature(answer.error()) && !item.asked_again;
  if (!again) {
    if (answer.error().http_status == 0) stop_others(answer.error());  // each would wait as long
    return fail(index, answer.error());
  }
  item.asked_again = true;
  get_target(index);
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
