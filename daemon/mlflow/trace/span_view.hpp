#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "daemon/mlflow/trace/any_value.hpp"
#include "daemon/types/ids.hpp"

namespace tracelink {

// An OTLP Span (opentelemetry-proto trace/v1) with its fields as views of its encoded bytes.

struct SpanEvent {
  std::string_view name;
  std::uint64_t time_ns = 0;
  std::vector<KeyValue> attributes;
};

struct SpanLink {
  std::string_view trace_id, span_id;
  std::vector<KeyValue> attributes;
};

// A tag of the trace on its root, in OTLP only.
inline constexpr std::string_view kTraceTag = "mlflow.traceTag.";

enum class SpanStatus { unset = 0, ok = 1, error = 2 };

struct SpanView {
  std::string_view encoded;
  SpanId id;
  std::optional<SpanId> parent;    // a parent of zeros is none
  bool has_remote_parent = false;  // by its flags
  std::string_view name, status_message;
  std::uint64_t start_ns = 0, end_ns = 0;  // below 2^63, as prepare_trace() writes them
  int kind = 0;
  SpanStatus status = SpanStatus::unset;
  std::vector<KeyValue> attributes;
  std::vector<SpanEvent> events;
  std::vector<SpanLink> links;

  // The value of the first attribute of that key.
  std::optional<AnyValue> attribute(std::string_view key) const;
  // An MLflow SDK wrote it in OTLP mode: every attribute is JSON text
  // (docs/mlflow-servers.md#attributes-of-mlflow-sdks).
  bool has_json_attributes() const;
};

// Times are int64 columns in MLflow.
inline constexpr std::uint64_t kMaxTimeNs = (std::uint64_t{1} << 63) - 1;

// Throws protozero::exception if the bytes are no Span; nothing if its span id has not 8 bytes.
std::optional<SpanView> read_span(std::string_view encoded);

}  // namespace tracelink
