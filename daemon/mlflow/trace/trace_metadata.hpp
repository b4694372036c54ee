#pragma once

// The keys of a trace's metadata that MLflow gives a meaning.
namespace tracelink {

inline constexpr char kModelIdKey[] = "mlflow.modelId";
inline constexpr char kTokenUsageKey[] = "mlflow.trace.tokenUsage";
inline constexpr char kSizeStatsKey[] = "mlflow.trace.sizeStats";
inline constexpr char kSizeBytesKey[] = "mlflow.trace.sizeBytes";

}  // namespace tracelink
