#include "daemon/mlflow/trace/trace_info.hpp"

#include <algorithm>
#include <deque>
#include <ranges>
#include <unordered_set>
#include <utility>

#include <protozero/exception.hpp>
#include <protozero/varint.hpp>

#include "daemon/codec/run_attribute.hpp"
#include "daemon/codec/service_name.hpp"
#include "daemon/mlflow/trace/mlflow_attributes.hpp"
#include "daemon/mlflow/trace/preview.hpp"
#include "daemon/mlflow/trace/resource_repair.hpp"
#include "daemon/mlflow/trace/size_stats.hpp"
#include "daemon/mlflow/trace/span_view.hpp"
#include "daemon/mlflow/trace/text_limits.hpp"
#include "daemon/mlflow/trace/token_usage.hpp"
#include "daemon/mlflow/trace/trace_metadata.hpp"
#include "daemon/mlflow/trace/traces_data.hpp"
#include "daemon/mlflow/trace/wire.hpp"
#include "daemon/types/peer_id_hash.hpp"

namespace tracelink {
namespace {

constexpr std::string_view kInputs = "mlflow.spanInputs";
constexpr std::string_view kOutputs = "mlflow.spanOutputs";

struct Spans {
  std::vector<LocatedSpan> located;  // parallel to `views`
  std::vector<SpanView> views;
};

// Distinct span ids in the order of their last occurrence; nothing if an id has not 8 bytes.
std::optional<Spans> distinct_spans(const std::vector<LocatedSpan>& all) {
  std::unordered_set<SpanId, PeerIdHash> seen;
  Spans spans;
  for (const LocatedSpan& located : all | std::views::reverse) {
    const auto view = read_span(located.encoded);
    if (!view) return std::nullopt;
    if (!seen.insert(view->id).second) continue;
    spans.located.push_back(located);
    spans.views.push_back(*view);
  }
  std::ranges::reverse(spans.located);
  std::ranges::reverse(spans.views);
  return spans;
}

// The earliest span without parent.
const SpanView* find_root(const std::vector<SpanView>& spans) {
  const SpanView* root = nullptr;
  for (const SpanView& span : spans)
    if (!span.parent && (root == nullptr || span.start_ns < root->start_ns)) root = &span;
  return root;
}

std::unordered_set<SpanId, PeerIdHash> ids_of(const std::vector<SpanView>& spans) {
  std::unordered_set<SpanId, PeerIdHash> ids;
  for (const SpanView& span : spans) ids.insert(span.id);
  return ids;
}

// The topmost span of a service that something else called.
const SpanView* find_stand_in(const std::vector<SpanView>& spans) {
  const auto ids = ids_of(spans);
  const SpanView* top = nullptr;
  for (const SpanView& span : spans) {
    if (!span.has_remote_parent || (top != nullptr && span.start_ns >= top->start_ns)) continue;
    if (!ids.contains(*span.parent)) top = &span;
  }
  return top;
}

bool is_whole(const std::vector<SpanView>& spans) {
  const auto ids = ids_of(spans);
  return std::ranges::all_of(
      spans, [&](const SpanView& span) { return !span.parent || ids.contains(*span.parent); });
}

// The JSON text of the root's inputs or outputs, as its application wrote it.
std::optional<std::string> json_attribute(const SpanView& root, std::string_view key) {
  const auto value = root.attribute(key);
  if (!value) return std::nullopt;
  if (root.has_json_attributes() && value->kind == ValueKind::string)
    return std::string(value->data);
  return json_text(*value);
}

std::string text_of_either(const SpanView& span, std::string_view key, std::string_view other) {
  for (const std::string_view candidate : {key, other}) {
    const auto value = span.attribute(candidate);
    if (!value || value->kind == ValueKind::none) continue;
    if (std::string text = plain_text(*value); !text.empty()) return text;
  }
  return {};
}

// Of the first span that has it.
void add_of_first(TraceInfo& info, const std::vector<SpanView>& spans, std::string metadata,
                  std::string_view key, std::string_view other, std::size_t code_points) {
  for (const SpanView& span : spans) {
    const std::string text = text_of_either(span, key, other);
    if (text.empty()) continue;
    info.metadata[std::move(metadata)] = fit_column(text, code_points);
    return;
  }
}

void add_inputs_and_outputs(TraceInfo& info, const SpanView& root) {
  const auto inputs = json_attribute(root, kInputs);
  const auto outputs = json_attribute(root, kOutputs);
  if (inputs) info.request_preview = preview(*inputs, "user");
  if (outputs) info.response_preview = preview(*outputs, "assistant");
  const auto add_metadata = [&](std::string key, const std::optional<std::string>& text) {
    // An MLflow SDK says "" for what is not there; other spans are left to the server.
    if (!text && !root.has_json_attributes()) return;
    info.metadata[std::move(key)] =
        without_nul(cut_with_dots(text.value_or(std::string()), kMaxInputsMetadata));
  };
  add_metadata("mlflow.traceInputs", inputs);
  add_metadata("mlflow.traceOutputs", outputs);
}

void add_tags(TraceInfo& info, const SpanView& root) {
  info.tags[kTraceNameTag] = info.name;
  for (const KeyValue& pair : root.attributes) {
    if (!pair.key.starts_with(kTraceTag) || pair.key.size() == kTraceTag.size()) continue;
    const AnyValue value = read_any_value(pair.value);
    const std::string key = fit_column(pair.key.substr(kTraceTag.size()), kMaxTagKey);
    if (is_tag_of_server(key)) continue;
    const std::size_t limit = key == kTraceNameTag ? kMaxTraceName : kMaxTagValue;
    info.tags[key] = fit_column(
        value.kind == ValueKind::string ? std::string(value.data) : plain_text(value), limit);
  }
}

void add_root(TraceInfo& info, const SpanView& root) {
  info.start_ns = root.start_ns;
  info.end_ns = std::max(root.start_ns, root.end_ns);
  info.state = root.status == SpanStatus::error ? TraceState::error : TraceState::ok;
  info.name = fit_column(root.name, kMaxTraceName);
  add_inputs_and_outputs(info, root);
  add_tags(info, root);
}

void add_times(TraceInfo& info, const std::vector<SpanView>& spans) {
  if (spans.empty()) return;
  info.start_ns = spans.front().start_ns;
  for (const SpanView& span : spans) {
    info.start_ns = std::min(info.start_ns, span.start_ns);
    info.end_ns = std::max({info.end_ns, span.start_ns, span.end_ns});
  }
}

TraceInfo info_of(TraceId trace_id, const std::vector<SpanView>& spans) {
  TraceInfo info;
  info.trace_id = trace_id;
  info.metadata["mlflow.trace_schema.version"] = "3";
  const SpanView* root = find_root(spans);
  const SpanView* top = root != nullptr ? root : find_stand_in(spans);
  info.has_root = root != nullptr;
  if (top != nullptr) {
    add_root(info, *top);
  } else {
    add_times(info, spans);
  }
  add_of_first(info, spans, kSessionKey, "session.id", "gen_ai.conversation.id", kMaxSession);
  add_of_first(info, spans, "mlflow.trace.user", "user.id", "", kMaxUser);
  if (const auto usage = roll_up_usage(spans)) {
    info.token_usage = usage->tokens;
    info.token_usage_from_mlflow = usage->from_mlflow;
  }
  info.may_report_tokens = std::ranges::any_of(spans, may_report_tokens);
  info.token_usage_partial = std::ranges::any_of(
      spans, [](const SpanView& span) { return may_report_tokens(span) && !usage_of(span); });
  if (root != nullptr && is_whole(spans)) {
    const SizeStats stats = size_stats(info, spans);
    info.metadata[kSizeStatsKey] = stats.to_json();
    info.metadata[kSizeBytesKey] = std::to_string(stats.total_bytes);
  }
  return info;
}

Result<PreparedTrace> prepare(TraceId trace_id, const std::vector<std::string_view>& slices) {
  PreparedTrace trace;
  SpanSet set;
  std::deque<std::string> repaired;
  for (std::string_view slice : slices) {
    auto texts = repair_texts(slice, otlp::MessageType::traces_data, Nul::keep, trace.repairs);
    if (texts) slice = repaired.emplace_back(*std::move(texts));
    read_traces_data(slice, set);
  }
  const auto spans = distinct_spans(set.spans);
  if (!spans) return Error{ErrorCode::corrupt, "a span id that has not 8 bytes"};

  trace.info = info_of(trace_id, spans->views);
  for (std::string& resource : set.resources) {
    resource = repair_resource(without_run(resource, trace.run_id), trace.repairs);
  }
  TracesDataBuilder builder;
  std::deque<std::string> rewritten_spans;
  for (std::size_t i = 0; i < spans->views.size(); ++i) {
    const LocatedSpan& located = spans->located[i];
    std::string_view span = located.encoded;
    if (auto rewritten = rewrite_span(spans->views[i], trace.repairs)) {
      span = rewritten_spans.emplace_back(*std::move(rewritten));
    }
    builder.add(*located.resource, *located.scope, span);
  }
  trace.otlp = builder.build();
  trace.span_count = static_cast<std::uint32_t>(spans->views.size());
  trace.service = service_name(trace.otlp);
  return trace;
}

// One past the last span of the piece that take_spans() gives.
std::size_t end_of_piece(const std::vector<LocatedSpan>& spans, std::size_t first,
                         std::size_t max_bytes) {
  const auto framing = [](std::size_t bytes) {  // tag and length of a message
    return 1 + static_cast<std::size_t>(protozero::length_of_varint(bytes));
  };
  const std::size_t of_group = framing(max_bytes);
  std::size_t total = 0;
  std::size_t of_spans = 0;
  std::size_t at = first;
  for (; at < spans.size(); ++at) {
    const LocatedSpan& span = spans[at];
    const bool new_resource = at == first || span.resource != spans[at - 1].resource;
    const bool new_scope = at == first || span.scope != spans[at - 1].scope;
    total += span.encoded.size() + framing(span.encoded.size());
    if (new_resource) total += span.resource->size() + of_group;
    if (new_scope) total += span.scope->size() + of_group;
    if (at > first && total > max_bytes && of_spans + span.encoded.size() > max_bytes / 2) break;
    of_spans += span.encoded.size();
  }
  return at;
}

// Of a span: attributes, events and links, and their counts.
std::string without_details(std::string_view span) {
  std::string bare;
  protozero::pbf_reader reader = reader_of(span);
  for (const char* begin = span.data(); reader.next(); begin = reader.data().data()) {
    const std::uint32_t field = reader.tag();
    reader.skip();
    if (field < 9 || field > 14) bare.append(begin, reader.data().data());
  }
  return bare;
}

// What `read` gives, unless it meets bytes that are no OTLP.
template <class Read>
auto or_corrupt(Read read) -> decltype(read()) {
  try {
    return read();
  } catch (const protozero::exception& error) {
    return Error{ErrorCode::corrupt, std::string("not OTLP: ") + error.what()};
  }
}

}  // namespace

Result<PreparedTrace> prepare_trace(TraceId trace_id, const std::vector<std::string_view>& slices) {
  return or_corrupt([&] { return prepare(trace_id, slices); });
}

Result<std::string> bare_root(std::string_view otlp) {
  return or_corrupt([&]() -> Result<std::string> {
    SpanSet set;
    read_traces_data(otlp, set);
    const auto spans = distinct_spans(set.spans);
    const SpanView* root = spans ? find_root(spans->views) : nullptr;
    if (root == nullptr) return std::string();
    TracesDataBuilder builder;
    const std::string bare = without_details(root->encoded);
    builder.add({}, {}, bare);
    return builder.build();
  });
}

Result<SpanSelection> select_spans(std::string_view otlp,
                                   const std::function<bool(std::size_t)>& wanted) {
  return or_corrupt([&]() -> Result<SpanSelection> {
    SpanSet set;
    read_traces_data(otlp, set);
    TracesDataBuilder builder;
    SpanSelection selection;
    for (std::size_t i = 0; i < set.spans.size(); ++i) {
      if (!wanted(i)) continue;
      builder.add(*set.spans[i].resource, *set.spans[i].scope, set.spans[i].encoded);
      ++selection.span_count;
    }
    selection.otlp = builder.build();
    return selection;
  });
}

Result<SpanSelection> take_spans(std::string_view otlp, std::size_t first, std::size_t max_bytes) {
  return or_corrupt([&]() -> Result<SpanSelection> {
    SpanSet set;
    read_traces_data(otlp, set);
    const std::size_t end = end_of_piece(set.spans, first, max_bytes);
    TracesDataBuilder builder;
    SpanSelection selection;
    for (std::size_t i = first; i < end; ++i, ++selection.span_count) {
      builder.add(*set.spans[i].resource, *set.spans[i].scope, set.spans[i].encoded);
    }
    selection.otlp = builder.build();
    return selection;
  });
}

}  // namespace tracelink
