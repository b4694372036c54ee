#include "daemon/forward/trace_loader.hpp"

#include <string_view>
#include <utility>

#include "daemon/mlflow/rest/client_trace_info.hpp"
#include "daemon/mlflow/trace/trace_metadata.hpp"

namespace tracelink {

namespace {

// MLflow shows no trace that has fewer spans than its info says.
void leave_out_span_count(TraceInfo& info) {
  const auto stats = info.metadata.find(kSizeStatsKey);
  if (stats == info.metadata.end()) return;
  const auto bytes = info.metadata.find(kSizeBytesKey);
  if (bytes == info.metadata.end()) {
    info.metadata.erase(stats);
  } else {
    stats->second = "{\"total_size_bytes\": " + bytes->second + "}";
  }
}

// They are of one piece, not of the trace.
void leave_out_sizes(TraceInfo& info) {
  info.metadata.erase(kSizeStatsKey);
  info.metadata.erase(kSizeBytesKey);
}

// Spans are named by their place in the trace, and that changes when a part goes.
void keep_parts(TraceWork& work, std::vector<Part> kept) {
  if (kept.size() != work.parts.size()) work.bisection.reset();
  work.parts = std::move(kept);
  work.bytes = 0;
  for (const Part& part : work.parts) work.bytes += part.bytes;
}

}  // namespace

Result<Payloads> load_payloads(const RecordSource& source, TraceWork& work) {
  std::vector<Part> kept;
  Payloads payloads;
  for (auto at = work.parts.begin(); at != work.parts.end(); ++at) {
    const Part& part = *at;
    auto stored = source.read(part.position);
    if (stored) {
      kept.push_back(part);
      payloads.slices.push_back(std::move(stored->record.slice.otlp));
      if (part.has_info) payloads.info = std::move(stored->record.slice.info);
      if (part.is_change) payloads.change = std::move(stored->record.slice.change);
    } else if (stored.error().code == ErrorCode::io) {
      kept.insert(kept.end(), at, work.parts.end());
      keep_parts(work, std::move(kept));
      return std::move(stored).error();
    }
  }
  keep_parts(work, std::move(kept));
  if (work.parts.empty()) return Error{ErrorCode::closed, "no record of the trace is left"};
  return payloads;
}

Result<LoadedTrace> load_trace(const RecordSource& source, TraceWork& work) {
  auto payloads = load_payloads(source, work);
  if (!payloads) return std::move(payloads).error();
  if (work.is_change()) {
    LoadedTrace change;
    change.prepared.info.trace_id = work.trace_id;
    change.payloads = *std::move(payloads);
    return change;
  }
  const std::vector<std::string_view> views(payloads->slices.begin(), payloads->slices.end());
  auto prepared = prepare_trace(work.trace_id, views);
  if (!prepared) return Error{ErrorCode::corrupt, prepared.error().message};
  if (!payloads->info.empty()) tell_as_client(payloads->info, prepared->info);
  if (work.in_pieces) leave_out_sizes(prepared->info);
  return LoadedTrace{*std::move(prepared), *std::move(payloads)};
}

Result<PreparedTrace> select_spans(const PreparedTrace& trace,
                                   const std::function<bool(std::size_t)>& wanted) {
  auto spans = select_spans(std::string_view(trace.otlp), wanted);
  if (!spans) return std::move(spans).error();
  PreparedTrace selected;
  selected.info = trace.info;
  leave_out_span_count(selected.info);
  selected.service = trace.service;
  selected.otlp = std::move(spans->otlp);
  selected.span_count = spans->span_count;
  return selected;
}

}  // namespace tracelink
