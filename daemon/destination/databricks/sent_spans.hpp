#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "daemon/base/bounded_map.hpp"
#include "daemon/base/clock.hpp"
#include "daemon/destination/databricks/sent_journal.hpp"
#include "daemon/report/reporter.hpp"
#include "daemon/types/ids.hpp"

namespace tracelink {

// What Unity Catalog has acknowledged, and may have stored unseen, of traces that are not delivered
// as a whole yet. Its tables take a span twice and show it twice, so that what is acknowledged is
// never sent again, also by the next process, and what may be there is counted when it is.
//
// Memory: a small entry for each trace whose delivery has begun, of at most kMaxTraces; the oldest
// goes first. Threads: one. Lifetime: the references outlive this object.
class SentSpans {
 public:
  static constexpr std::size_t kMaxTraces = 100'000;

  SentSpans(SentJournal journal, Reporter& reporter);

  // What an earlier process has left is known from then on. While it cannot be read nothing else
  // may be called but this, again, and the reading functions.
  Result<void> load();

  // A delivery begins. `sent_before`: an earlier process may have sent its spans, unless the
  // journal knows better.
  void begin(const TraceId& trace, bool sent_before, WallTime accepted_at, std::uint32_t spans);
  // What of the spans has not been acknowledged, with their number in `spans`. Precondition: valid
  // OTLP.
  std::string remaining(const TraceId& trace, std::string otlp, std::uint32_t& spans) const;

  // The traces of one request, each with the spans that it holds of it.
  struct Sending {
    TraceId trace;
    std::uint32_t spans = 0;
  };
  struct Sent {
    TraceId trace;
    const std::string& otlp;
  };
  // It goes out now. Durable when it returns, as acknowledged() is; where the disk does not let it,
  // that is reported, and a next process counts its traces as possible duplicates.
  void sending(const std::vector<Sending>& request);
  void acknowledged(const std::vector<Sent>& request);
  // The answer shows that nothing is stored.
  void refused(const std::vector<Sending>& request);
  // No answer came, or one that leaves it open.
  void in_doubt(const std::vector<Sending>& request);
  // Nothing of the trace will be given again, once that is durable.
  void delivered(const TraceId& trace) { delivered_.push_back(trace); }
  void deliveries_are_durable();

  // Spans that were in doubt; each trace's count once until it is delivered.
  std::uint64_t possible_duplicates() const { return possible_duplicates_; }

 private:
  struct Entry {
    std::set<SpanId> acknowledged;
    std::uint32_t in_doubt = 0;
    std::uint32_t sending = 0;  // now; after load(): by the process before
  };
  void doubt(const TraceId& trace, std::uint32_t spans);
  void keep(const std::vector<SentEntry>& entries, bool durably);
  Result<void> rewrite();
  void set_sending(const std::vector<Sending>& request, bool is_sent);
  std::vector<SentEntry> entries() const;

  SentJournal journal_;
  Reporter& reporter_;
  BoundedMap<TraceId, Entry> traces_{kMaxTraces};
  std::vector<TraceId> delivered_;
  std::uint64_t possible_duplicates_ = 0;
  std::uint64_t rewritten_bytes_ = 0;  // the size of the journal when it was written anew
};

}  // namespace tracelink
