#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "daemon/mlflow/trace/span_view.hpp"
#include "daemon/mlflow/trace/tokens.hpp"

namespace tracelink {

inline constexpr std::string_view kMlflowTokenUsage = "mlflow.chat.tokenUsage";

// The tokens that one span reports.
struct SpanUsage {
  TokenUsage tokens;
  bool from_mlflow = false;  // in mlflow.chat.tokenUsage, else in the keys of another convention
};

// mlflow.chat.tokenUsage (typed or JSON text), else the OpenTelemetry, older OpenTelemetry or
// OpenInference keys. Counts are at least 0. Nothing: the span reports none.
std::optional<SpanUsage> usage_of(const SpanView& span);

// Whether MLflow reads the attribute as a token count, and so must be able to hold it.
bool is_token_key(std::string_view key);

// Whether the span looks as if it reported tokens, in whatever convention: MLflow reads more of
// them than usage_of().
bool may_report_tokens(const SpanView& span);

// What the sum over a trace needs of a span.
struct UsageNode {
  SpanId id;
  std::optional<SpanId> parent;
  std::optional<SpanUsage> usage;
};

// The sum over the spans none of whose ancestors reports tokens: a parent's usage contains its
// children's. Saturates. Nothing if no span reports any.
std::optional<SpanUsage> roll_up_usage(const std::vector<UsageNode>& spans);
std::optional<SpanUsage> roll_up_usage(const std::vector<SpanView>& spans);

}  // namespace tracelink
