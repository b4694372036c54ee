#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "daemon/types/ids.hpp"

namespace tracelink::otlp {

// What the splitter needs to know about one Span message.
struct SpanScan {
  bool malformed = false;
  std::string_view rejection;  // a kReject* of split_request.hpp; empty = the span is good
  TraceId trace_id;
  bool is_root = false;
  bool end_repaired = false;
  std::optional<std::string> rewritten;  // the Span to keep, where it differs from the input
};

SpanScan scan_span(std::string_view span, int max_depth);

}  // namespace tracelink::otlp
