#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/dead_letters/dead_letter_store.hpp"
#include "daemon/forward/delivery_ledger.hpp"
#include "daemon/forward/trace_work.hpp"
#include "daemon/queue/record_source.hpp"
#include "daemon/report/reporter.hpp"

namespace tracelink {

// Brings traces that cannot be delivered to the dead letters: first the file, then the journals. A
// crash in between leaves a file that says how its records end (DeadLetterStore). What cannot be
// written (the bound, the disk) stays parked in the queue and is tried again each minute; of many,
// a few a minute by turns, until one finds room.
//
// Threads: one. Lifetime: the references outlive this object.
class DeadLetterWriter {
 public:
  using Finished = std::function<void(const TraceId&)>;  // completed, nothing of it is left

  DeadLetterWriter(RecordSource& source, DeadLetterStore& store, DeliveryLedger& ledger,
                   Reporter& reporter, const Clock& clock, Finished finished);

  // With a bisection in `work` its bad spans, the others being delivered; else all its spans.
  void dead_letter(TraceWork work, std::string reason, Failure answer);
  // The next one that is parked.
  void retry_due();
  // For every record that is read. True: a letter of an earlier run has it, it is completed.
  bool complete_if_dead_lettered(const StoredRecord& stored);
  // Whether a letter that cannot be read may have the record, which is then not to be sent.
  bool waits_for_letter(const StoredRecord& stored);
  // Every record of earlier runs has been read.
  void all_read();
  bool knows_all() const { return all_read_; }
  // Every parked trace.
  void for_each(const std::function<void(TraceWork&)>& change);

  std::optional<SteadyTime> next_due() const;  // of retry_due(); nothing is parked, nothing is due
  std::size_t parked_traces() const { return parked_.size(); }
  std::size_t parked_records() const { return parked_records_; }
  void add_links(LinkSet& to) const;  // of the parked traces
  std::uint64_t dead_lettered() const { return dead_lettered_; }

 private:
  struct DeadTrace {
    TraceWork work;
    std::string reason;
    Failure answer;
  };
  struct DeadSpans {
    std::string otlp;
    std::string info;    // that of an MLflow SDK, refused like the spans
    std::string change;  // refused in place of spans
    std::uint32_t spans = 0;
    std::uint32_t changes = 0;
    std::string service;
    std::vector<Completion> completions;
    bool is_empty() const { return spans == 0 && info.empty() && change.empty(); }
  };

  Result<void> try_to_dead_letter(DeadTrace& dead);
  Result<DeadSpans> dead_spans_of(TraceWork& work) const;
  void finish_pending_letters();
  void tell(const DeadTrace& dead, std::uint64_t spans);
  DeadLetter letter(const DeadTrace& dead, DeadSpans& content) const;
  void park(DeadTrace dead, const Error& error);

  RecordSource& source_;
  DeadLetterStore& store_;
  DeliveryLedger& ledger_;
  Reporter& reporter_;
  const Clock& clock_;
  const Finished finished_;
  std::deque<DeadTrace> parked_;
  std::size_t parked_records_ = 0;
  SteadyTime due_{};  // of those that are parked
  std::uint64_t dead_lettered_ = 0;
  bool all_read_ = false;
};

}  // namespace tracelink
