#include <utility>

#include "daemon/destination/mlflow/mlflow_delivery.hpp"
#include "daemon/mlflow/trace/trace_metadata.hpp"

// What MlflowDelivery tells about a trace after its spans.
namespace tracelink {

namespace {

Outcome delivered() {
  Outcome outcome;
  outcome.info_stored = true;
  return outcome;
}

bool brings_root(DeliveryMode mode) {
  return mode == DeliveryMode::whole || mode == DeliveryMode::final_info;
}

// Asking again may help. Not so for an answer that is too long for us.
bool may_pass(const Failure& failure) {
  if (failure.failure_class == FailureClass::transient) return true;
  return failure.failure_class == FailureClass::unknown && failure.http_status != 0;
}

bool says_nothing_of_run(const Failure& failure) {
  constexpr int kUnauthorized = 401;  // what may be done to the run was not looked at
  return failure.failure_class == FailureClass::transient || failure.http_status == kUnauthorized;
}

}  // namespace

// The server's sum, and ours, are of some of the spans only.
bool MlflowDelivery::needs_stored_sum(const Item& item) const {
  const TraceInfo& info = item.delivery.trace.info;
  if (!info.token_usage && !info.may_report_tokens) return false;
  if (item.joins_others) return true;
  const bool ours_is_partial = info.token_usage && info.token_usage_partial;
  if (ours_is_partial && (item.gave_token_usage || needs_own_sum(item))) return true;
  return item.in_several_posts && !info.token_usage;
}

// Older servers add the spans' tokens to what StartTraceV3 gave, flat, and again at a re-send.
bool MlflowDelivery::needs_own_sum(const Item& item) const {
  return item.delivery.trace.info.token_usage && !context_.capabilities.token_usage_in_start_trace;
}

MlflowDelivery::Metadata MlflowDelivery::end_metadata(const Item& item) const {
  if (!item.ends_after_spans) return {};
  Metadata metadata = item.delivery.trace.info.metadata;
  metadata.insert(context_.metadata.begin(), context_.metadata.end());
  if (!context_.model_id.empty()) metadata[kModelIdKey] = context_.model_id;
  return metadata;
}

void MlflowDelivery::spans_stored(std::size_t index) {
  const auto self = shared_from_this();
  Item& item = items_[index];
  item.spans_stored = true;
  if (needs_stored_sum(item)) {
    context_.request_slots.enter([self, index] { self->sum_stored_tokens(index); });
  } else if (item.ends_after_spans || needs_own_sum(item)) {
    context_.request_slots.enter([self, index] { self->write_after_spans(index, std::nullopt); });
  } else {
    link_to_run(index);
  }
}

// The last step. A direct POST links what has its root, and says nothing of a run that does not
// take it: the trace is no worse for that.
void MlflowDelivery::link_to_run(std::size_t index) {
  const auto self = shared_from_this();
  const TraceDelivery& delivery = items_[index].delivery;
  if (delivery.trace.run_id.empty() || !brings_root(delivery.mode)) {
    return finish(index, delivered());
  }
  context_.request_slots.enter([self, index] {
    if (self->aborted_) return self->after_spans_failed(index, *self->aborted_);
    const PreparedTrace& trace = self->items_[index].delivery.trace;
    const auto answered = [self, index](const Answer<void>& answer) {
      if (!answer && says_nothing_of_run(answer.error())) {
        return self->after_spans_failed(index, answer.error());
      }
      if (!answer && self->context_.run_refused) {
        self->context_.run_refused(self->items_[index].delivery.trace.run_id, answer.error());
      }
      self->context_.request_slots.release();
      self->finish(index, delivered());
    };
    self->context_.client.link_to_run(trace.info.trace_id, trace.run_id,
                                      self->counted<void>(DeliveryStep::run, answered));
  });
}

// Over the tree of all that the server holds, however many daemons and deliveries brought it.
void MlflowDelivery::sum_stored_tokens(std::size_t index) {
  const auto self = shared_from_this();
  if (aborted_) return after_spans_failed(index, *aborted_);
  const TraceId id = items_[index].delivery.trace.info.trace_id;
  const auto read = [self, index](const Answer<std::optional<StoredTrace>>& answer) {
    if (!answer && (self->aborted_ || may_pass(answer.error()))) {
      return self->after_spans_failed(index, answer.error());
    }
    self->write_after_spans(index, answer ? *answer : std::nullopt);
  };
  context_.client.read_trace(id,
                             counted<std::optional<StoredTrace>>(DeliveryStep::read_back, read));
}

// Precondition: holds a request slot. Nothing to write is success.
void MlflowDelivery::write_after_spans(std::size_t index,
                                       const std::optional<StoredTrace>& stored) {
  const auto self = shared_from_this();
  const Item& item = items_[index];
  const bool is_ours = brings_root(item.delivery.mode) || !item.joins_others;
  TraceInfo info = item.delivery.trace.info;
  Metadata metadata = end_metadata(item);
  if (stored && !is_ours) info = stored->unchanged_info();
  const auto sum = stored ? roll_up_usage(stored->spans) : std::nullopt;
  if (sum) {
    const auto known = stored->metadata.find(kTokenUsageKey);
    const std::string text = sum->tokens.to_json();
    const bool is_right = known != stored->metadata.end() && known->second == text;
    if (!is_right) metadata[kTokenUsageKey] = text;
  } else if (is_ours && needs_own_sum(item)) {
    metadata[kTokenUsageKey] = info.token_usage->to_json();
  }
  const auto answered = [self, index](const Answer<void>& answer) {
    if (!answer) {
      return self->after_spans_failed(index, answer.error());
    }
    self->context_.request_slots.release();
    self->link_to_run(index);
  };
  if (metadata.empty()) return answered({});
  if (aborted_) return answered(*aborted_);
  context_.client.end_trace(info, metadata, counted<void>(DeliveryStep::end, answered));
}

void MlflowDelivery::after_spans_failed(std::size_t index, const Failure& failure) {
  const auto self = shared_from_this();
  context_.request_slots.release();
  fail(index, failure, false);
}

}  // namespace tracelink
