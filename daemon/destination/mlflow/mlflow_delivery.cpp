#include "daemon/destination/mlflow/mlflow_delivery.hpp"

#include <utility>

#include "daemon/destination/mlflow/change_delivery.hpp"
#include "daemon/mlflow/trace/text_limits.hpp"
#include "daemon/mlflow/trace/trace_metadata.hpp"

namespace tracelink {

namespace {

// Something of the trace was delivered before.
bool is_late(DeliveryMode mode) {
  return mode == DeliveryMode::spans_only || mode == DeliveryMode::final_info;
}

// The next trace would meet it too.
bool concerns_every_trace(const Failure& failure) {
  if (failure.failure_class == FailureClass::configuration) return true;
  if (failure.failure_class != FailureClass::transient) return false;
  return failure.http_status == 0 || failure.http_status == 429 || failure.http_status >= 500;
}

}  // namespace

MlflowDelivery::MlflowDelivery(Context context, std::vector<TraceDelivery> batch,
                               Destination::Done done)
    : context_(std::move(context)), done_(std::move(done)) {
  for (TraceDelivery& delivery : batch) {
    Item item;
    item.delivery = std::move(delivery);
    item.experiment_id = context_.experiment_id;
    item.delivery.trace.info.tags.insert(context_.tags.begin(), context_.tags.end());
    if (context_.texts.refuses_nul) replace_nul(item, !item.delivery.repeated);
    item.in_several_posts = item.delivery.trace.otlp.size() > context_.max_post_bytes;
    item.joins_others = is_late(item.delivery.mode);
    if (item.delivery.mode == DeliveryMode::final_info && !item.delivery.trace.info.is_of_client) {
      // They are about the late spans, not about the trace.
      item.delivery.trace.info.metadata.erase(kSizeStatsKey);
      item.delivery.trace.info.metadata.erase(kSizeBytesKey);
    }
    items_.push_back(std::move(item));
  }
  open_infos_ = open_items_ = items_.size();
}

void MlflowDelivery::start() {
  const auto self = shared_from_this();
  for (std::size_t i = 0; i < items_.size(); ++i) {
    context_.request_slots.enter([self, i] { self->send_info(i); });
  }
}

bool MlflowDelivery::look_first(const TraceDelivery& delivery) const {
  if (delivery.mode == DeliveryMode::without_root) return true;
  // StartTraceV3 is not repeatable there once spans are stored.
  if (context_.capabilities.start_trace_after_spans) return false;
  return delivery.mode == DeliveryMode::final_info ||
         (delivery.mode == DeliveryMode::whole && delivery.repeated);
}

// A sum given by StartTraceV3 is final. A server that sums over the tree gets none, because it
// knows more conventions, unless one POST does not hold the whole trace or holds no span. The sum
// of a late root is not the trace's.
bool MlflowDelivery::gives_token_usage(const TraceDelivery& delivery) const {
  if (delivery.mode == DeliveryMode::final_info || !delivery.trace.info.token_usage) return false;
  if (!context_.capabilities.token_usage_in_start_trace) return false;
  return !context_.capabilities.sums_over_tree || delivery.trace.span_count == 0 ||
         delivery.trace.otlp.size() > context_.max_post_bytes;
}

void MlflowDelivery::send_info(std::size_t index) {
  const TraceDelivery& delivery = items_[index].delivery;
  if (aborted_) {
    fail(index, *aborted_, true);
    info_finished();
  } else if (delivery.mode == DeliveryMode::change) {
    send_change(index);
  } else if (delivery.mode == DeliveryMode::spans_only) {
    info_finished();
  } else if (look_first(delivery)) {
    look_up(index);
  } else {
    start_trace(index);
  }
}

void MlflowDelivery::send_change(std::size_t index) {
  auto change = take_change(items_[index].delivery, context_.experiment_id);
  if (!change) return info_failed(index, change.error());
  const auto self = shared_from_this();
  const auto done = [self, index](const Answer<void>& answer) {
    if (!answer) return self->info_failed(index, answer.error());
    self->finish(index, {});
    self->info_finished();
  };
  std::make_shared<ChangeDelivery>(context_.client, context_.steps, context_.texts,
                                   *std::move(change), done)
      ->start();
}

void MlflowDelivery::look_up(std::size_t index) {
  const auto self = shared_from_this();
  items_[index].looked_up = true;
  const TraceId id = items_[index].delivery.trace.info.trace_id;
  const auto looked_up = [self, index](const Answer<std::optional<KnownTrace>>& answer) {
    if (!answer) {
      return self->info_failed(index, answer.error());
    }
    if (self->aborted_) return self->info_failed(index, *self->aborted_);
    const auto& known = *answer;
    if (known) {
      self->found(index, known->experiment_id);
    } else {
      self->start_trace(index);
    }
  };
  context_.client.get_trace(id,
                            counted<std::optional<KnownTrace>>(DeliveryStep::look_up, looked_up));
}

// Only the daemon that holds the root writes state, times and link of a trace that is there.
void MlflowDelivery::found(std::size_t index, const std::string& experiment_id) {
  Item& item = items_[index];
  item.experiment_id = experiment_id;
  item.joins_others = true;
  item.ends_after_spans = item.delivery.mode != DeliveryMode::without_root;
  info_stored(index);
}

void MlflowDelivery::start_trace(std::size_t index) {
  const auto self = shared_from_this();
  Item& item = items_[index];
  item.gave_token_usage = gives_token_usage(item.delivery);
  const auto answered = [self, index](const Answer<bool>& answer) {
    Item& started = self->items_[index];
    if (!answer && self->cut_request_id(started, answer.error())) return self->start_trace(index);
    if (!answer) {
      const bool exists = says_trace_exists(answer.error()) && !started.looked_up;
      return exists ? self->look_up(index) : self->info_failed(index, answer.error());
    }
    started.joins_others |= *answer;
    self->info_stored(index);
  };
  context_.client.start_trace(item.delivery.trace.info, context_.experiment_id, context_.model_id,
                              item.gave_token_usage, context_.metadata,
                              counted<bool>(DeliveryStep::info, answered));
}

// SQLite keeps a long one, and a database that has a bound says so.
bool MlflowDelivery::cut_request_id(Item& item, const Failure& refusal) {
  auto& id = item.delivery.trace.info.client_request_id;
  if (!refuses_length(refusal) || !id) return false;
  const std::size_t before = id->size();
  id->resize(first_code_points(*id, kMaxClientRequestId).size());
  if (id->size() == before) return false;
  ++context_.texts.repairs.length;
  return true;
}

void MlflowDelivery::info_failed(std::size_t index, const Failure& failure) {
  if (!aborted_ && concerns_every_trace(failure)) aborted_ = failure;
  fail(index, failure, false);
  info_finished();
}

void MlflowDelivery::info_stored(std::size_t index) {
  items_[index].info_stored = true;
  info_finished();
}

void MlflowDelivery::info_finished() {
  const auto self = shared_from_this();  // the last answer may end this delivery
  context_.request_slots.release();
  if (--open_infos_ == 0) post_all();
}

void MlflowDelivery::fail(std::size_t index, const Failure& failure, bool batch) {
  finish(index, {.kind = outcome_kind(failure.failure_class),
                 .failure = failure,
                 .batch = batch,
                 .info_stored = items_[index].info_stored || items_[index].spans_stored,
                 .spans_stored = items_[index].spans_stored});
}

void MlflowDelivery::finish(std::size_t index, Outcome outcome) {
  items_[index].outcome = std::move(outcome);
  if (--open_items_ > 0) return;
  std::vector<Outcome> outcomes;
  outcomes.reserve(items_.size());
  for (Item& item : items_) outcomes.push_back(*std::move(item.outcome));
  done_(std::move(outcomes));
}

}  // namespace tracelink
