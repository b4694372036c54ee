#include "daemon/destination/databricks/unity_catalog_delivery.hpp"

#include <cstdlib>
#include <utility>

#include "daemon/destination/databricks/span_forms.hpp"
#include "daemon/mlflow/trace/trace_metadata.hpp"

namespace tracelink {
namespace {

// The root, whose daemon writes the info, is not here.
bool root_is_elsewhere(const TraceDelivery& delivery) {
  const TraceInfo& info = delivery.trace.info;
  return !info.has_root && !info.name.empty();
}

bool needs_info(const TraceDelivery& delivery) {
  return delivery.mode != DeliveryMode::spans_only && !root_is_elsewhere(delivery);
}

// An earlier process began it, and what it sent is not known. Of late spans nothing tells.
bool was_sent_before(const TraceDelivery& delivery) {
  return delivery.repeated && delivery.mode == DeliveryMode::whole;
}

}  // namespace

UnityCatalogDelivery::UnityCatalogDelivery(Context context, std::vector<TraceDelivery> batch,
                                           Destination::Done done)
    : BatchDelivery(batch.size(), std::move(done)),
      context_(std::move(context)),
      open_infos_(batch.size()) {
  for (TraceDelivery& delivery : batch) items_.push_back(item_of(std::move(delivery)));
}

UnityCatalogDelivery::Item UnityCatalogDelivery::item_of(TraceDelivery delivery) const {
  Item item;
  const TraceId& trace = delivery.trace.info.trace_id;
  auto otlp = unity_catalog_spans(delivery.trace, context_.storage);
  if (!otlp) std::abort();  // prepare_trace() wrote these bytes
  item.spans = delivery.trace.span_count;
  context_.sent.begin(trace, was_sent_before(delivery), delivery.accepted_at, item.spans);
  item.otlp = context_.sent.remaining(trace, *std::move(otlp), item.spans);
  delivery.trace.otlp.clear();
  if (delivery.mode == DeliveryMode::final_info && !delivery.trace.info.is_of_client) {
    // They are about the late spans, not about the trace.
    delivery.trace.info.metadata.erase(kSizeStatsKey);
    delivery.trace.info.metadata.erase(kSizeBytesKey);
  }
  item.delivery = std::move(delivery);
  return item;
}

void UnityCatalogDelivery::start() {
  const auto self = shared_from_this();
  for (std::size_t i = 0; i < items_.size(); ++i) {
    context_.request_slots.enter([this, self, i] { send_info(i); });
  }
}

void UnityCatalogDelivery::send_info(std::size_t index) {
  const auto self = shared_from_this();
  const TraceDelivery& delivery = items_[index].delivery;
  if (aborted()) {
    fail(index, *aborted(), true);
    return info_finished();
  }
  if (!needs_info(delivery)) return info_finished();
  const TraceInfo& info = delivery.trace.info;
  context_.client.put_info(context_.storage, info.trace_id, context_.trace.model_id,
                           unity_catalog_info_body(info, context_.storage, context_.trace),
                           context_.steps.counted<void>(
                               DeliveryStep::info, [this, self, index](const Answer<void>& answer) {
                                 info_answered(index, answer);
                               }));
}

void UnityCatalogDelivery::info_answered(std::size_t index, const Answer<void>& answer) {
  if (!answer) {
    if (may_be_stored(answer.error())) ++context_.infos_in_doubt;
    stop_others(answer.error());
    fail(index, answer.error(), false);
  } else {
    items_[index].info_stored = true;
  }
  info_finished();
}

void UnityCatalogDelivery::info_finished() {
  const auto self = shared_from_this();  // the last answer may end this delivery
  context_.request_slots.release();
  if (--open_infos_ == 0) post_all();
}

void UnityCatalogDelivery::post_all() {
  const std::optional<Failure> stopped = aborted();
  if (stopped && stopped->http_status == 0) {
    for (std::size_t i = 0; i < items_.size(); ++i) {
      if (is_open(i)) fail(i, *stopped, true);
    }
    return;
  }
  resume();
  std::vector<std::size_t> without_spans;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    if (is_open(i) && items_[i].spans == 0) without_spans.push_back(i);
  }
  for (Post& post : plan_posts()) {
    auto shared = std::make_shared<Post>(std::move(post));
    context_.request_slots.enter([this, self = shared_from_this(), shared] { send_post(shared); });
  }
  for (const std::size_t i : without_spans) delivered(i);
}

std::vector<UnityCatalogDelivery::Post> UnityCatalogDelivery::plan_posts() const {
  std::vector<Post> posts;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    if (!is_open(i) || items_[i].spans == 0) continue;
    const std::uint64_t size = items_[i].otlp.size();
    if (posts.empty() || bytes + size > context_.max_post_bytes) {
      posts.emplace_back();
      bytes = 0;
    }
    posts.back().items.push_back(i);
    bytes += size;
  }
  return posts;
}

bool UnityCatalogDelivery::in_pieces(const Post& post) const {
  return items_[post.items.front()].otlp.size() > context_.max_post_bytes;
}

// Written when it is sent: bodies that wait would be copies of the trace.
std::string UnityCatalogDelivery::next_body(Post& post) const {
  if (in_pieces(post)) {
    auto piece =
        take_spans(items_[post.items.front()].otlp, post.next_span, context_.max_post_bytes);
    if (!piece) std::abort();  // item_of() wrote these bytes
    post.next_span += piece->span_count;
    post.piece_spans = piece->span_count;
    post.piece = std::move(piece->otlp);
    return post.piece;
  }
  std::string body;
  for (const std::size_t i : post.items) body += items_[i].otlp;
  return body;
}

void UnityCatalogDelivery::send_post(const std::shared_ptr<Post>& post) {
  const auto self = shared_from_this();
  if (aborted()) {
    context_.request_slots.release();
    for (const std::size_t i : post->items) fail(i, *aborted(), post->items.size() > 1);
    return;
  }
  std::string body = next_body(*post);
  context_.sent.sending(sending(*post));
  context_.client.post_spans(
      context_.storage, std::move(body),
      context_.steps.counted<void>(
          DeliveryStep::spans,
          [this, self, post](const Answer<void>& answer) { post_answered(post, answer); }));
}

void UnityCatalogDelivery::post_answered(const std::shared_ptr<Post>& post,
                                         const Answer<void>& answer) {
  const auto self = shared_from_this();
  if (!answer) {
    if (answer.error().http_status == 0) stop_others(answer.error());
    context_.request_slots.release();
    return post_failed(*post, answer.error());
  }
  context_.sent.acknowledged(sent(*post));
  if (in_pieces(*post) && post->next_span < items_[post->items.front()].spans) {
    return send_post(post);
  }
  context_.request_slots.release();
  for (const std::size_t i : post->items) delivered(i);
}

std::vector<SentSpans::Sending> UnityCatalogDelivery::sending(const Post& post) const {
  std::vector<SentSpans::Sending> request;
  for (const std::size_t i : post.items) {
    const std::uint32_t spans = in_pieces(post) ? post.piece_spans : items_[i].spans;
    request.push_back({items_[i].delivery.trace.info.trace_id, spans});
  }
  return request;
}

std::vector<SentSpans::Sent> UnityCatalogDelivery::sent(const Post& post) const {
  std::vector<SentSpans::Sent> request;
  for (const std::size_t i : post.items) {
    const std::string& otlp = in_pieces(post) ? post.piece : items_[i].otlp;
    request.push_back({items_[i].delivery.trace.info.trace_id, otlp});
  }
  return request;
}

void UnityCatalogDelivery::post_failed(const Post& post, const Failure& failure) {
  if (may_be_stored(failure)) {
    context_.sent.in_doubt(sending(post));
  } else {
    context_.sent.refused(sending(post));
  }
  for (const std::size_t i : post.items) fail(i, failure, post.items.size() > 1);
}

void UnityCatalogDelivery::delivered(std::size_t index) { finish(index, delivered_outcome()); }

void UnityCatalogDelivery::fail(std::size_t index, const Failure& failure, bool batch) {
  finish(index, {.kind = outcome_kind(failure.failure_class),
                 .failure = failure,
                 .batch = batch,
                 .info_stored = items_[index].info_stored || !needs_info(items_[index].delivery),
                 .spans_stored = false,
                 .indivisible = false});
}

}  // namespace tracelink
