#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>

#include "daemon/types/ids.hpp"

namespace tracelink {

// What Unity Catalog has acknowledged, and may have stored unseen, of traces that are not delivered
// as a whole yet. Its tables take a span twice and show it twice, so that what is acknowledged is
// never sent again, and what may be there is counted when it is.
//
// Memory: a small entry for each trace whose delivery has begun, of at most kMaxTraces; the oldest
// goes first. Threads: one.
class SentSpans {
 public:
  static constexpr std::size_t kMaxTraces = 100'000;

  // A delivery begins. `sent_before`: an earlier process may have sent its spans.
  void begin(const TraceId& trace, bool sent_before, std::uint32_t spans);
  // What of the spans has not been acknowledged, with their number in `spans`. Precondition: valid
  // OTLP.
  std::string remaining(const TraceId& trace, std::string otlp, std::uint32_t& spans) const;
  void acknowledged(const TraceId& trace, const std::string& otlp);
  // No answer came, or one that leaves it open, to a request that held so many spans of the trace.
  void in_doubt(const TraceId& trace, std::uint32_t spans);
  void delivered(const TraceId& trace) { traces_.erase(trace); }

  // Spans that were in doubt; each trace's count once until it is delivered.
  std::uint64_t possible_duplicates() const { return possible_duplicates_; }

 private:
  struct Entry {
    std::set<SpanId> acknowledged;
    std::uint32_t in_doubt = 0;
  };
  Entry& entry(const TraceId& trace);

  std::map<TraceId, Entry> traces_;
  std::deque<TraceId> order_;
  std::uint64_t possible_duplicates_ = 0;
};

}  // namespace tracelink
