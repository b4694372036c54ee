#include "daemon/mlflow/rest/queued_trace.hpp"

#include <algorithm>
#include <ranges>
#include <string_view>
#include <tuple>
#include <utility>

#include "daemon/codec/otlp_json.hpp"
#include "daemon/mlflow/rest/client_trace_info.hpp"
#include "daemon/mlflow/rest/rest_json.hpp"
#include "daemon/mlflow/rest/trace_change.hpp"
#include "daemon/mlflow/trace/trace_info.hpp"
#include "daemon/text/base64.hpp"
#include "daemon/text/hex.hpp"

namespace tracelink {
namespace {

const TraceSlice* last_info(const std::vector<TraceSlice>& slices) {
  const auto newest_first = std::views::reverse(slices);
  const auto found = std::ranges::find_if(
      newest_first, [](const TraceSlice& slice) { return !slice.info.empty(); });
  return found == newest_first.end() ? nullptr : &*found;
}

// OTLP's JSON has ids in hex, protobuf's has bytes in base64, which is what SDKs parse.
void write_ids_as_bytes(Json& of) {
  for (const char* key : {"traceId", "spanId", "parentSpanId"}) {
    const auto id = of.find(key);
    if (id == of.end() || !id->is_string()) continue;
    if (const auto bytes = parse_hex(id->get<std::string>())) *id = base64(*bytes);
  }
}

void add_spans(const Json& otlp, Json& spans) {
  for (const Json& resource : member(otlp, "resourceSpans")) {
    for (const Json& scope : member(resource, "scopeSpans")) {
      for (Json span : member(scope, "spans")) {
        write_ids_as_bytes(span);
        if (const auto links = span.find("links"); links != span.end()) {
          for (Json& link : *links) write_ids_as_bytes(link);
        }
        spans.push_back(std::move(span));
      }
    }
  }
}

// A decimal number without leading zeros is later than a shorter one.
std::tuple<std::size_t, std::string, bool> place_of(const Json& span) {
  std::string start = text_at(span, "startTimeUnixNano");
  const std::size_t digits = start.size();
  return {digits, std::move(start), !text_at(span, "parentSpanId").empty()};
}

// As servers show them: an application takes the first one for the root.
void order_by_start(Json& spans) {
  const auto is_before = [](const Json& a, const Json& b) { return place_of(a) < place_of(b); };
  std::ranges::stable_sort(spans.get_ref<Json::array_t&>(), is_before);
}

std::optional<std::string> spans_of(const TraceId& id, const std::vector<TraceSlice>& slices) {
  std::vector<std::string_view> stored;
  stored.reserve(slices.size());
  for (const TraceSlice& slice : slices) stored.push_back(slice.otlp);
  const auto prepared = prepare_trace(id, stored);
  if (!prepared) return std::nullopt;
  const auto json = otlp_protobuf_to_json(prepared->otlp);
  if (!json) return std::nullopt;
  Json spans = Json::array();
  add_spans(parse_answer(*json), spans);
  order_by_start(spans);
  return to_text(spans);
}

}  // namespace

std::string QueuedTrace::json() const {
  std::string text = "{\"trace_info\":" + info;
  if (!spans.empty()) text += ",\"spans\":" + spans;
  return text + "}";
}

std::optional<QueuedTrace> queued_trace(const std::vector<TraceSlice>& slices,
                                        const std::string& artifact_root, bool with_spans) {
  const TraceSlice* const told = last_info(slices);
  if (told == nullptr) return std::nullopt;
  Json info = parse_shallow(told->info);
  leave_out_explanation(info);
  tell_location(info, artifact_root, true);
  QueuedTrace trace;
  const bool has_spans =
      std::ranges::any_of(slices, [](const TraceSlice& slice) { return !slice.otlp.empty(); });
  bool has_file = false;
  for (const TraceSlice& slice : slices) {
    if (slice.change.empty()) continue;
    const auto change = stored_trace_change(slice.trace_id, slice.change);
    if (!change) continue;
    apply_change(*change, info);
    trace.is_deleted |= change->kind == TraceChange::Kind::delete_trace;
    has_file |= change->kind == TraceChange::Kind::put_artifact &&
                is_spans_file(text_at(parse_shallow(change->body), "path"));
  }
  // An SDK that sends its spans as a file looks for them there.
  if (has_file && !has_spans) info["tags"].erase("mlflow.trace.spansLocation");
  trace.info = to_text(info);
  if (!with_spans) return trace;
  auto spans = spans_of(told->trace_id, slices);
  if (!spans) return std::nullopt;
  trace.spans = *std::move(spans);
  return trace;
}

std::string experiment_of(const std::vector<TraceSlice>& slices) {
  const TraceSlice* const told = last_info(slices);
  return told == nullptr ? std::string() : experiment_of_client_info(told->info);
}

std::string assessment_in(const std::string& info, const std::string& assessment_id) {
  const Json json = parse_shallow(info);
  for (const Json& assessment : member(json, "assessments")) {
    if (text_at(assessment, "assessment_id") == assessment_id) return to_text(assessment);
  }
  return {};
}

std::string assessment_in_answer(std::string_view answer) {
  const Json json = parse_shallow(answer);
  const Json& assessment = member(json, "assessment");
  return assessment.is_object() ? to_text(assessment) : std::string();
}

}  // namespace tracelink
