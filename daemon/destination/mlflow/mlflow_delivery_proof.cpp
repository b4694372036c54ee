#include <algorithm>
#include <unordered_set>
#include <utility>

#include "daemon/codec/span_ids.hpp"
#include "daemon/destination/mlflow/mlflow_delivery.hpp"
#include "daemon/mlflow/rest/remedies.hpp"
#include "daemon/mlflow/rest/rest_json.hpp"
#include "daemon/mlflow/rest/trace_name.hpp"
#include "daemon/mlflow/trace/trace_metadata.hpp"
#include "daemon/types/peer_id_hash.hpp"

// Whether spans that were answered with success are on the server (SpansProof says when to look).
namespace tracelink {

namespace {

// The server shows such a trace only once so many spans are stored. An application may promise more
// than are posted here.
bool shows_once_posted(const PreparedTrace& trace) {
  const auto stats = trace.info.metadata.find(kSizeStatsKey);
  if (stats == trace.info.metadata.end()) return false;
  const auto promised = number_at(parse_shallow(stats->second), "num_spans");
  return promised > 0 && static_cast<std::uint64_t>(promised) <= trace.span_count;
}

bool shows_all(const StoredTrace& stored, const std::string& otlp) {
  const auto posted = span_ids(otlp);
  if (!posted) return true;
  std::unordered_set<SpanId, PeerIdHash> shown;
  for (const UsageNode& span : stored.spans) shown.insert(span.id);
  return std::ranges::all_of(*posted, [&](const SpanId& id) { return shown.contains(id); });
}

}  // namespace

// Of a trace that had no spans before, the info tells whether it has some now. Of others the spans
// have to be read, unless it is large. A small trace is as good a witness as any.
void MlflowDelivery::read_back(const std::shared_ptr<Post>& post) {
  const auto cost = [this](std::size_t index) {
    const Item& candidate = items_[index];
    return std::pair(candidate.joins_others, candidate.delivery.trace.otlp.size());
  };
  const std::size_t witness = *std::ranges::min_element(post->items, {}, cost);
  const Item& item = items_[witness];
  // The answer with the spans of a large trace would be longer than an answer may be.
  const bool by_spans = item.joins_others && !item.in_several_posts;
  if (by_spans) {
    read_back_spans(post, witness);
  } else {
    read_back_info(post, witness);
  }
}

void MlflowDelivery::read_back_info(const std::shared_ptr<Post>& post, std::size_t index) {
  const auto self = shared_from_this();
  const TraceId id = items_[index].delivery.trace.info.trace_id;
  const auto read = [self, post, index](const Answer<std::optional<KnownTrace>>& answer) {
    if (!answer) {
      return self->read_back_failed(post, answer.error());
    }
    const auto& known = *answer;
    if (!known || !known->has_spans) return self->post_refuted(post, index);
    self->context_.proof.proven();
    self->post_stored(post);
  };
  context_.client.get_trace(id, counted<std::optional<KnownTrace>>(DeliveryStep::read_back, read));
}

// A trace that is not shown proves nothing where somebody may have promised more spans.
void MlflowDelivery::read_back_spans(const std::shared_ptr<Post>& post, std::size_t index) {
  const auto self = shared_from_this();
  const TraceId id = items_[index].delivery.trace.info.trace_id;
  const auto read = [self, post, index](const Answer<std::optional<StoredTrace>>& answer) {
    if (!answer) {
      // A server without this route shows at least the trace's info.
      if (answer.error().http_status == 404) return self->read_back_info(post, index);
      return self->read_back_failed(post, answer.error());
    }
    const Item& item = self->items_[index];
    const auto& stored = *answer;
    const bool shown = stored && shows_all(*stored, item.delivery.trace.otlp);
    const bool is_told = item.info_stored && !item.ends_after_spans;  // else it has another's info
    const bool ought = stored || (is_told && shows_once_posted(item.delivery.trace));
    if (!shown && ought) return self->post_refuted(post, index);
    if (shown) self->context_.proof.proven();
    self->post_stored(post);
  };
  context_.client.read_trace(id,
                             counted<std::optional<StoredTrace>>(DeliveryStep::read_back, read));
}

// Some traces cannot be read although they are stored; the next POST has another witness.
void MlflowDelivery::read_back_failed(const std::shared_ptr<Post>& post, const Failure& failure) {
  const bool inconclusive = failure.failure_class == FailureClass::unknown ||
                            failure.failure_class == FailureClass::poison;
  if (inconclusive && !aborted_) return post_stored(post);
  post_answered(post, failure);
}

void MlflowDelivery::post_refuted(const std::shared_ptr<Post>& post, std::size_t index) {
  const std::string name = trace_name(items_[index].delivery.trace.info.trace_id);
  Failure failure = configuration_failure(
      FailureScope::server,
      "POST /v1/traces took the spans of " + name + ", and the server does not show them",
      remedy::kSpansElsewhere);
  failure.http_status = 200;
  post_answered(post, failure);
}

}  // namespace tracelink
