#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "daemon/mlflow/trace/span_view.hpp"
#include "daemon/mlflow/trace/text_repair.hpp"

namespace tracelink {

// The text of a scalar attribute: a string (without quotes if it is a JSON string), else its JSON.
std::string plain_text(const AnyValue& value);

// The JSON text of an attribute, as MLflow keeps it: a string that is JSON is itself, anything else
// is written as JSON.
std::string json_text(const AnyValue& value);

// A span as MLflow's servers store it truly (docs/mlflow-servers.md#attributes-of-mlflow-sdks,
// docs/mlflow-servers.md#column-limits), or nothing if it is that already:
// - mlflow.traceRequestId is dropped (servers up to 3.12 take it for the trace id);
// - an MLflow SDK's attributes, JSON text each, get their types back (not mlflow.traceTag.*, which
//   on the root is dropped: the trace info has the tag, and the SDK writes the attribute in OTLP
//   only);
// - what one column refuses, or makes the stored trace unreadable, and so would cost the whole
//   request: times from 2^63 ns on, too long types, sessions and users, types that are no text,
//   sums that hold no numbers, integers of more digits than Python reads, and in JSON text those
//   beyond int64 and nesting beyond what protobuf reads (3.17.2: 200, then every read answers 500).
// All other fields keep their bytes. Precondition: repair_texts() has seen the span.
std::optional<std::string> rewrite_span(const SpanView& span, Repairs& repairs);

}  // namespace tracelink
