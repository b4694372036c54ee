#include "daemon/mlflow/trace/span_view.hpp"

#include <algorithm>

#include "daemon/mlflow/trace/wire.hpp"

namespace tracelink {
namespace {

// OTLP's flags: it is known whether the parent is remote, and it is.
constexpr std::uint32_t kRemoteParent = 0x100 | 0x200;

SpanEvent read_event(std::string_view encoded) {
  SpanEvent event;
  protozero::pbf_reader reader = reader_of(encoded);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case fixed64_field(1):
        event.time_ns = reader.get_fixed64();
        break;
      case bytes_field(2):
        event.name = take_bytes(reader);
        break;
      case bytes_field(3):
        event.attributes.push_back(read_key_value(take_bytes(reader)));
        break;
      default:
        reader.skip();
    }
  }
  return event;
}

SpanLink read_link(std::string_view encoded) {
  SpanLink link;
  protozero::pbf_reader reader = reader_of(encoded);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case bytes_field(1):
        link.trace_id = take_bytes(reader);
        break;
      case bytes_field(2):
        link.span_id = take_bytes(reader);
        break;
      case bytes_field(4):
        link.attributes.push_back(read_key_value(take_bytes(reader)));
        break;
      default:
        reader.skip();
    }
  }
  return link;
}

SpanStatus status_of(int code) {
  return code == 1 ? SpanStatus::ok : code == 2 ? SpanStatus::error : SpanStatus::unset;
}

void read_status(std::string_view encoded, SpanView& span) {
  protozero::pbf_reader reader = reader_of(encoded);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case bytes_field(2):
        span.status_message = take_bytes(reader);
        break;
      case varint_field(3):
        span.status = status_of(reader.get_enum());
        break;
      default:
        reader.skip();
    }
  }
}

}  // namespace

std::optional<AnyValue> SpanView::attribute(std::string_view key) const {
  const auto found =
      std::ranges::find_if(attributes, [&](const KeyValue& pair) { return pair.key == key; });
  if (found == attributes.end()) return std::nullopt;
  return read_any_value(found->value);
}

bool SpanView::has_json_attributes() const {
  const auto request_id = attribute("mlflow.traceRequestId");
  return request_id && request_id->kind == ValueKind::string && request_id->data.starts_with('"');
}

std::optional<SpanView> read_span(std::string_view encoded) {
  SpanView span;
  span.encoded = encoded;
  std::string_view id, parent;
  protozero::pbf_reader reader = reader_of(encoded);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case bytes_field(2):
        id = take_bytes(reader);
        break;
      case bytes_field(4):
        parent = take_bytes(reader);
        break;
      case bytes_field(5):
        span.name = take_bytes(reader);
        break;
      case varint_field(6):
        span.kind = reader.get_enum();
        break;
      case fixed64_field(7):
        span.start_ns = std::min(std::uint64_t{reader.get_fixed64()}, kMaxTimeNs);
        break;
      case fixed64_field(8):
        span.end_ns = std::min(std::uint64_t{reader.get_fixed64()}, kMaxTimeNs);
        break;
      case bytes_field(9):
        span.attributes.push_back(read_key_value(take_bytes(reader)));
        break;
      case bytes_field(11):
        span.events.push_back(read_event(take_bytes(reader)));
        break;
      case bytes_field(13):
        span.links.push_back(read_link(take_bytes(reader)));
        break;
      case bytes_field(15):
        read_status(take_bytes(reader), span);
        break;
      case fixed32_field(16):
        span.has_remote_parent = (reader.get_fixed32() & kRemoteParent) == kRemoteParent;
        break;
      default:
        reader.skip();
    }
  }
  const auto span_id = SpanId::from_bytes(id);
  if (!span_id) return std::nullopt;
  span.id = *span_id;
  span.parent = SpanId::from_bytes(parent);
  if (span.parent && span.parent->is_zero()) span.parent.reset();
  span.has_remote_parent &= span.parent.has_value();
  return span;
}

}  // namespace tracelink
