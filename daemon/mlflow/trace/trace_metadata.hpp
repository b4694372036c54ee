#pragma once

#include <string_view>

// The keys of a trace's metadata, and of its tags, that MLflow gives a meaning.
namespace tracelink {

inline constexpr char kModelIdKey[] = "mlflow.modelId";
inline constexpr char kTokenUsageKey[] = "mlflow.trace.tokenUsage";
inline constexpr char kSizeStatsKey[] = "mlflow.trace.sizeStats";
inline constexpr char kSizeBytesKey[] = "mlflow.trace.sizeBytes";
inline constexpr char kSessionKey[] = "mlflow.trace.session";
inline constexpr char kTraceNameTag[] = "mlflow.traceName";  // a tag

// What the server says about itself by a tag. From an application it would be believed later, and
// spans that are not stored would count as delivered.
constexpr bool is_tag_of_server(std::string_view tag) {
  return tag == "mlflow.trace.spansLocation" || tag == "mlflow.artifactLocation";
}

}  // namespace tracelink
