#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/codec/split_request.hpp"
#include "daemon/types/ids.hpp"

namespace tracelink::otlp {

// What the splitter needs to know about one Span message.
struct SpanScan {
  bool malformed = false;
  std::string_view rejection;  // a kReject* of split_request.hpp; empty = the span is good
  TraceId trace_id;
  bool is_root = false;
  bool end_repaired = false;
  std::size_t messages = 0;              // attributes, values, events, links inside it
  std::size_t replaced_utf8 = 0;         // ill-formed parts of texts
  std::optional<std::string> rewritten;  // the Span to keep, where it differs from the input
};

SpanScan scan_span(std::string_view span, const SplitLimits& limits);

}  // namespace tracelink::otlp
