#include "daemon/destination/databricks/sent_spans.hpp"

#include <cstdlib>
#include <utility>
#include <vector>

#include "daemon/destination/databricks/span_forms.hpp"
#include "daemon/mlflow/trace/span_view.hpp"
#include "daemon/mlflow/trace/traces_data.hpp"

namespace tracelink {

SentSpans::Entry& SentSpans::entry(const TraceId& trace) {
  const auto [at, is_new] = traces_.try_emplace(trace);
  if (!is_new) return at->second;
  order_.push_back(trace);
  while (order_.size() > kMaxTraces) {
    if (order_.front() != trace) traces_.erase(order_.front());
    order_.pop_front();
  }
  return at->second;
}

void SentSpans::begin(const TraceId& trace, bool sent_before, std::uint32_t spans) {
  const bool is_known = traces_.contains(trace);
  entry(trace);
  if (sent_before && !is_known) in_doubt(trace, spans);
}

std::string SentSpans::remaining(const TraceId& trace, std::string otlp,
                                 std::uint32_t& spans) const {
  const auto known = traces_.find(trace);
  if (known == traces_.end() || known->second.acknowledged.empty()) return otlp;
  SpanSet set;
  read_traces_data(otlp, set);
  TracesDataBuilder builder;
  spans = 0;
  for (const LocatedSpan& span : set.spans) {
    const auto view = read_span(span.encoded);
    if (view && known->second.acknowledged.contains(view->id)) continue;
    builder.add(*span.resource, *span.scope, span.encoded);
    ++spans;
  }
  return builder.build();
}

void SentSpans::acknowledged(const TraceId& trace, const std::string& otlp) {
  auto ids = span_ids_of(otlp);
  if (!ids) std::abort();  // it was written here
  entry(trace).acknowledged.merge(*std::move(ids));
}

void SentSpans::in_doubt(const TraceId& trace, std::uint32_t spans) {
  Entry& known = entry(trace);
  if (spans <= known.in_doubt) return;
  possible_duplicates_ += spans - known.in_doubt;
  known.in_doubt = spans;
}

}  // namespace tracelink
