#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/forward/dead_letter_writer.hpp"
#include "daemon/forward/delivery_ledger.hpp"
#include "daemon/forward/holds.hpp"
#include "daemon/forward/trace_reader.hpp"
#include "daemon/queue/record_source.hpp"

namespace tracelink {

// What is done each minute about traces that are held: links that nobody uses are forgotten, traces
// without a usable link get another chance, and what a peer chose is given up when it was held too
// long. Works in small portions, so that no round takes long. Threads: one. Lifetime: the
// references outlive this object.
class HoldMaintenance {
 public:
  using Admit = std::function<void(TraceWork)>;  // its link is usable now, or it still waits
  struct Parts {
    RecordSource& source;
    TraceReader& reader;
    DeliveryLedger& ledger;
    DeadLetterWriter& dead_letter_writer;
    Backlog& backlog;
    Holds& holds;
    const Clock& clock;
  };
  HoldMaintenance(std::chrono::milliseconds hold_max, Parts parts, Admit admit);

  void run_if_due();
  SteadyTime next_due() const { return std::min(next_, next_give_up_); }

 private:
  void forget_unused_links();
  void retry_unlinked();
  void admit_those_waiting_for(const LinkHash& link);
  bool give_up_overdue();  // false: there may be more
  // Whether there was one.
  bool give_up_unlinked(std::vector<TraceWork> overdue);
  bool give_up(std::vector<TraceWork> overdue, const Failure& failure);

  const std::chrono::milliseconds hold_max_;
  const Parts parts_;
  const Admit admit_;
  SteadyTime next_ = SteadyTime::min();
  SteadyTime next_give_up_ = SteadyTime::min();
  std::uint64_t retry_from_ = 0;  // a sequence: unlinked traces before it could not be read
};

}  // namespace tracelink
