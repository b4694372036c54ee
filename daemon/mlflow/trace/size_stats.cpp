#include "daemon/mlflow/trace/size_stats.hpp"

#include <algorithm>
#include <numeric>
#include <string_view>

#include "daemon/codec/otlp_schema.hpp"
#include "daemon/mlflow/trace/python_json.hpp"
#include "daemon/mlflow/trace/text_limits.hpp"

namespace tracelink {
namespace {

constexpr std::size_t kQuotedBase64Id = 26;               // of 16 bytes
constexpr std::size_t kQuotedBase64SpanId = 14;           // of 8 bytes
constexpr std::size_t kHexTraceId = 35, kHexSpanId = 16;  // "tr-" and 32 digits; 16 digits

std::size_t json_size(std::string_view text) { return json_string_size(text, NonAscii::escaped); }

// `n` items of a list or object are separated by ", ".
std::size_t separators(std::size_t n) { return n == 0 ? 0 : 2 * (n - 1); }

// MLflow keeps the JSON text of each attribute as a string.
std::size_t text_attributes_size(const SpanView& span) {
  const bool json_texts = span.has_json_attributes();
  std::size_t size = std::string_view("{}").size();
  std::size_t count = 0;
  for (const KeyValue& pair : span.attributes) {
    if (json_texts && !span.parent && pair.key.starts_with(kTraceTag)) continue;
    ++count;
    const AnyValue value = read_any_value(pair.value);
    std::string text;
    if (!json_texts || value.kind != ValueKind::string)
      append_json_value(text, value, NonAscii::as_is);
    size += json_size(pair.key) + std::string_view(": ").size() +
            json_size(text.empty() ? value.data : std::string_view(text));
  }
  return size + separators(count);
}

// Attributes of events and links keep their types.
std::size_t typed_attributes_size(const std::vector<KeyValue>& attributes) {
  std::size_t size = std::string_view("{}").size() + separators(attributes.size());
  for (const KeyValue& pair : attributes) {
    std::string text;
    append_json_value(text, read_any_value(pair.value), NonAscii::escaped);
    size += json_size(pair.key) + std::string_view(": ").size() + text.size();
  }
  return size;
}

std::size_t events_size(const std::vector<SpanEvent>& events) {
  constexpr std::string_view kFrame = R"({"name": , "time_unix_nano": , "attributes": })";
  std::size_t size = separators(events.size());
  for (const SpanEvent& event : events)
    size += kFrame.size() + json_size(event.name) + std::to_string(event.time_ns).size() +
            typed_attributes_size(event.attributes);
  return size;
}

std::size_t links_size(const std::vector<SpanLink>& links) {
  constexpr std::string_view kFrame = R"({"trace_id": "", "span_id": "", "attributes": })";
  constexpr std::string_view kNone = "null";
  std::size_t size = separators(links.size());
  for (const SpanLink& link : links)
    size += kFrame.size() + kHexTraceId + kHexSpanId +
            (link.attributes.empty() ? kNone.size() : typed_attributes_size(link.attributes));
  return size;
}

std::size_t map_size(const std::map<std::string, std::string>& map) {
  std::size_t size = std::string_view("{}").size() + separators(map.size());
  for (const auto& [key, value] : map)
    size += json_size(key) + std::string_view(": ").size() + json_size(value);
  return size;
}

std::size_t preview_size(const std::string& preview) {
  return json_size(cut_with_dots(preview, kMaxPreview));
}

std::size_t info_json_size(const TraceInfo& info) {
  constexpr std::string_view kFrame =
      R"({"info": {"trace_id": "", "trace_location": {}, "request_time": "2026-11-23T11:54:31.043Z", )"
      R"("state": "OK", "trace_metadata": , "tags": , "execution_duration_ms": }, )"
      R"("data": {"spans": []}})";
  constexpr std::string_view kRequest = R"("request_preview": , )";
  constexpr std::string_view kResponse = R"("response_preview": , )";
  constexpr std::string_view kUsage = R"("mlflow.trace.tokenUsage": , )";
  std::size_t size = kFrame.size() + kHexTraceId + map_size(info.metadata) + map_size(info.tags) +
                     std::to_string((info.end_ns - info.start_ns) / 1'000'000).size();
  if (info.request_preview) size += kRequest.size() + preview_size(*info.request_preview);
  if (info.response_preview) size += kResponse.size() + preview_size(*info.response_preview);
  if (info.token_usage) size += kUsage.size() + json_size(info.token_usage->to_json());
  return size;
}

// Between the two nearest by linear interpolation, truncated.
std::uint64_t percentile(const std::vector<std::uint64_t>& sorted, double fraction) {
  const double index = fraction * static_cast<double>(sorted.size() - 1);
  const auto lower = static_cast<std::size_t>(index);
  if (lower + 1 >= sorted.size()) return sorted.back();
  const double weight = index - static_cast<double>(lower);
  return static_cast<std::uint64_t>(static_cast<double>(sorted[lower]) * (1 - weight) +
                                    static_cast<double>(sorted[lower + 1]) * weight);
}

}  // namespace

std::uint64_t span_json_size(const SpanView& span) {
  constexpr std::string_view kFrame =
      R"({"trace_id": , "span_id": , "parent_span_id": , "name": , "kind": "", )"
      R"("start_time_unix_nano": , "end_time_unix_nano": , "events": [], )"
      R"("status": {"code": "", "message": }, "attributes": , "links": []})";
  constexpr std::string_view kNoParent = "null";
  return kFrame.size() + kQuotedBase64Id + kQuotedBase64SpanId +
         (span.parent ? kQuotedBase64SpanId : kNoParent.size()) + json_size(span.name) +
         otlp::span_kind_name(span.kind).size() + std::to_string(span.start_ns).size() +
         std::to_string(span.end_ns).size() + events_size(span.events) +
         otlp::status_code_name(static_cast<int>(span.status)).size() +
         json_size(span.status_message) + text_attributes_size(span) + links_size(span.links);
}

SizeStats size_stats(const TraceInfo& info, const std::vector<SpanView>& spans) {
  std::vector<std::uint64_t> sizes;
  sizes.reserve(spans.size());
  for (const SpanView& span : spans) sizes.push_back(span_json_size(span));
  std::ranges::sort(sizes);
  SizeStats stats;
  stats.num_spans = sizes.size();
  stats.max = sizes.back();
  stats.p25 = percentile(sizes, 0.25);
  stats.p50 = percentile(sizes, 0.50);
  stats.p75 = percentile(sizes, 0.75);
  stats.total_bytes = std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0}) +
                      info_json_size(info) + separators(sizes.size());
  return stats;
}

std::string SizeStats::to_json() const {
  return "{\"total_size_bytes\": " + std::to_string(total_bytes) +
         ", \"num_spans\": " + std::to_string(num_spans) + ", \"max\": " + std::to_string(max) +
         ", \"p25\": " + std::to_string(p25) + ", \"p50\": " + std::to_string(p50) +
         ", \"p75\": " + std::to_string(p75) + "}";
}

}  // namespace tracelink
