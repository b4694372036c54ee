#include "daemon/mlflow/rest/trace_name.hpp"

#include "daemon/text/hex.hpp"

namespace tracelink {

std::string trace_name(TraceId trace_id) { return std::string(kTraceNamePrefix) + trace_id.hex(); }

std::optional<TraceId> trace_of_name(std::string_view name) {
  if (!name.starts_with(kTraceNamePrefix)) return std::nullopt;
  const auto bytes = parse_hex(name.substr(kTraceNamePrefix.size()));
  const auto id = bytes ? TraceId::from_bytes(*bytes) : std::nullopt;
  return id && !id->is_zero() && trace_name(*id) == name ? id : std::nullopt;
}

}  // namespace tracelink
