#include <algorithm>
#include <cstdlib>
#include <utility>

#include "daemon/destination/mlflow/mlflow_delivery.hpp"

// The second step: POSTs that have the spans.
namespace tracelink {
namespace {

// MLflow 3.6 gives no reason, whatever its database refuses.
bool may_refuse_nul(const Failure& failure) {
  return refuses_nul(failure) ||
         (failure.http_status == 422 && failure.message == "Failed to log OpenTelemetry spans");
}

}  // namespace

void MlflowDelivery::post_all() {
  const bool unreachable = aborted_ && aborted_->http_status == 0;
  if (unreachable) {
    for (std::size_t i = 0; i < items_.size(); ++i) {
      if (!items_[i].outcome) fail(i, *aborted_, true);
    }
    return;
  }
  aborted_.reset();
  auto posts = plan_posts();
  const auto without_spans = infos_alone();
  for (Post& post : posts) {
    auto shared = std::make_shared<Post>(std::move(post));
    context_.request_slots.enter([self = shared_from_this(), shared] { self->send_post(shared); });
  }
  for (const std::size_t i : without_spans) spans_stored(i);
}

// What is open and has nothing to post.
std::vector<std::size_t> MlflowDelivery::infos_alone() const {
  std::vector<std::size_t> alone;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    if (!items_[i].outcome && items_[i].delivery.trace.span_count == 0) alone.push_back(i);
  }
  return alone;
}

// Sorted by trace id within each POST: the server locks in the order it reads.
std::vector<MlflowDelivery::Post> MlflowDelivery::plan_posts() {
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    if (!items_[i].outcome && items_[i].delivery.trace.span_count > 0) open.push_back(i);
  }
  std::ranges::sort(open, [this](std::size_t a, std::size_t b) {
    return items_[a].delivery.trace.info.trace_id < items_[b].delivery.trace.info.trace_id;
  });
  std::vector<Post> posts;
  std::vector<std::uint64_t> bytes;
  for (const std::size_t i : open) {
    const std::uint64_t size = items_[i].delivery.trace.otlp.size();
    std::size_t at = 0;
    while (at < posts.size() && (posts[at].experiment_id != items_[i].experiment_id ||
                                 bytes[at] + size > context_.max_post_bytes)) {
      ++at;
    }
    if (at == posts.size()) {
      posts.push_back({.experiment_id = items_[i].experiment_id, .items = {}});
      bytes.push_back(0);
    }
    posts[at].items.push_back(i);
    bytes[at] += size;
  }
  return posts;
}

// From 3.12 on, spans with tokens do not move the times of a trace that StartTraceV3 began.
std::string MlflowDelivery::roots_for_times(const Post& post) const {
  std::string roots;
  if (!context_.capabilities.token_usage_in_start_trace) return roots;
  for (const std::size_t i : post.items) {
    if (!items_[i].ends_after_spans) continue;
    if (const auto root = bare_root(items_[i].delivery.trace.otlp)) roots += *root;
  }
  return roots;
}

// Written when it is sent: bodies that wait would be copies of the trace.
std::string MlflowDelivery::next_body(Post& post) const {
  if (!std::exchange(post.roots_sent, true)) {
    if (std::string roots = roots_for_times(post); !roots.empty()) return roots;
  }
  if (items_[post.items.front()].in_several_posts) return next_piece(post);  // a trace of its own
  post.is_last = true;
  std::size_t bytes = 0;
  for (const std::size_t i : post.items) bytes += items_[i].delivery.trace.otlp.size();
  std::string body;
  body.reserve(bytes);
  for (const std::size_t i : post.items) body += items_[i].delivery.trace.otlp;
  return body;
}

std::string MlflowDelivery::next_piece(Post& post) const {
  const PreparedTrace& trace = items_[post.items.front()].delivery.trace;
  auto piece = take_spans(trace.otlp, post.next_span, context_.max_post_bytes);
  if (!piece) std::abort();  // prepare_trace() wrote these bytes
  post.next_span += piece->span_count;
  post.is_last = post.next_span >= trace.span_count;
  return std::move(piece->otlp);
}

void MlflowDelivery::send_post(const std::shared_ptr<Post>& post) {
  const auto self = shared_from_this();
  if (aborted_) return post_answered(post, *aborted_);
  const auto answered = [self, post](const Answer<void>& answer) {
    self->post_answered(post, answer);
  };
  context_.client.post_spans(post->experiment_id, next_body(*post),
                             counted<void>(DeliveryStep::spans, answered));
}

void MlflowDelivery::post_answered(const std::shared_ptr<Post>& post, const Answer<void>& answer) {
  const auto self = shared_from_this();
  if (!answer) {
    if (answer.error().http_status == 0) aborted_ = answer.error();
    const bool alone = post->items.size() == 1;
    if (alone && says_trace_exists(answer.error()) && !items_[post->items.front()].looked_up) {
      return post_where_it_lives(post, answer.error());
    }
    context_.texts.refuses_nul |= refuses_nul(answer.error());
    if (may_refuse_nul(answer.error()) && replace_nul(*post)) return post_again(post);
    context_.request_slots.release();
    for (const std::size_t i : post->items) fail(i, answer.error(), !alone);
    return;
  }
  if (!post->is_last) return send_post(post);
  if (context_.proof.is_fresh()) {
    post_stored(post);
  } else {
    read_back(post);
  }
}

void MlflowDelivery::post_stored(const std::shared_ptr<Post>& post) {
  context_.request_slots.release();
  for (const std::size_t i : post->items) spans_stored(i);
}

// From its first request on: what is stored already is stored once.
void MlflowDelivery::post_again(const std::shared_ptr<Post>& post) {
  post->roots_sent = post->is_last = false;
  post->next_span = 0;
  send_post(post);
}

// True if there was one.
bool MlflowDelivery::replace_nul(Item& item, bool count) {
  Repairs repairs;
  std::string& spans = item.delivery.trace.otlp;
  auto texts = repair_texts(spans, otlp::MessageType::traces_data, Nul::replace, repairs);
  if (!texts) return false;
  spans = *std::move(texts);
  if (count) context_.texts.repairs += repairs;
  return true;
}

bool MlflowDelivery::replace_nul(const Post& post) {
  bool replaced = false;
  for (const std::size_t i : post.items) replaced |= replace_nul(items_[i], true);
  return replaced;
}

// Late spans whose client names another experiment than that of the trace.
void MlflowDelivery::post_where_it_lives(const std::shared_ptr<Post>& post,
                                         const Failure& refusal) {
  const auto self = shared_from_this();
  Item& item = items_[post->items.front()];
  item.looked_up = true;
  const TraceId id = item.delivery.trace.info.trace_id;
  const auto looked_up = [self, post, refusal](const Answer<std::optional<KnownTrace>>& answer) {
    if (!answer) {
      return self->post_answered(post, answer.error());
    }
    const auto& known = *answer;
    if (!known) return self->post_answered(post, refusal);
    post->experiment_id = known->experiment_id;
    self->post_again(post);
  };
  context_.client.get_trace(id,
                            counted<std::optional<KnownTrace>>(DeliveryStep::look_up, looked_up));
}

}  // namespace tracelink
