#include "daemon/app/tapped_destination.hpp"

#include <memory>
#include <utility>

namespace tracelink {
namespace {

// The spans are stored also where only a repair behind them was refused.
bool is_delivered(const Outcome& outcome) {
  return outcome.kind == OutcomeKind::delivered ||
         (outcome.kind == OutcomeKind::poison && outcome.spans_stored);
}

Tap::Entry entry_of(const TraceDelivery& delivery) {
  return {.number = 0,
          .at = {},
          .link = delivery.link,
          .trace_id = delivery.trace.info.trace_id,
          .spans = delivery.trace.span_count,
          .peer = std::nullopt,
          .accepted_at = delivery.accepted_at,
          .otlp = Tap::kept_spans(delivery.trace.otlp)};
}

}  // namespace

void TappedDestination::deliver(std::vector<TraceDelivery> batch, Done done) {
  const bool is_watched = tap_.is_watched();
  const auto sent = std::make_shared<std::vector<Sent>>(sent_of(batch, is_watched));
  destination_.deliver(std::move(batch), [this, sent, is_watched,
                                          done = std::move(done)](std::vector<Outcome> outcomes) {
    tap_.add(delivered_of(std::move(*sent), outcomes, is_watched));
    done(std::move(outcomes));
  });
}

std::vector<TappedDestination::Sent> TappedDestination::sent_of(
    const std::vector<TraceDelivery>& batch, bool is_watched) const {
  std::vector<Sent> sent;
  sent.reserve(batch.size());
  for (const TraceDelivery& delivery : batch) {
    sent.push_back({.has_spans = delivery.mode != DeliveryMode::change,
                    .entry = is_watched ? entry_of(delivery) : Tap::Entry()});
  }
  return sent;
}

Tap::Batch TappedDestination::delivered_of(std::vector<Sent> sent,
                                           const std::vector<Outcome>& outcomes,
                                           bool is_watched) const {
  Tap::Batch delivered;
  for (std::size_t i = 0; i < sent.size(); ++i) {
    if (!sent[i].has_spans || !is_delivered(outcomes[i])) continue;
    ++delivered.count;
    if (!is_watched) continue;
    sent[i].entry.at = clock_.wall();
    delivered.entries.push_back(std::move(sent[i].entry));
  }
  return delivered;
}

}  // namespace tracelink
