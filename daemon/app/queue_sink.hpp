#pragma once

#include <string>
#include <string_view>

#include "daemon/app/active_links.hpp"
#include "daemon/app/queue_watch.hpp"
#include "daemon/app/service_counters.hpp"
#include "daemon/app/tap.hpp"
#include "daemon/base/clock.hpp"
#include "daemon/mlflow/knowledge/provisional_ids.hpp"
#include "daemon/queue/queue.hpp"
#include "ipc/server/record_sink.hpp"
#include "ipc/server/stored_traces.hpp"

namespace tracelink {

// Binds the intake to the queue: stamps each slice with the time, the peer and the active link, and
// lets the tap and the counters of services see what was stored.
// Threads: submit() on the io thread. Lifetime: the references outlive it.
class QueueSink final : public RecordSink {
 public:
  // `stored`: null if nobody asks what is stored; then no request has anything for it.
  // `provisional`: null if no id is provisional.
  QueueSink(Queue& queue, const Clock& clock, const ActiveLinks& active, QueueWatch& watch,
            Tap& tap, ServiceCounters& services, StoredTraces* stored,
            const ProvisionalIds* provisional)
      : queue_(queue),
        clock_(clock),
        active_(active),
        watch_(watch),
        tap_(tap),
        services_(services),
        stored_(stored),
        provisional_(provisional) {}

  void submit(AcceptedRequest request, Done done) override;

 private:
  Result<std::string> lasting(std::string_view experiment) const;

  Queue& queue_;
  const Clock& clock_;
  const ActiveLinks& active_;
  QueueWatch& watch_;
  Tap& tap_;
  ServiceCounters& services_;
  StoredTraces* const stored_;
  const ProvisionalIds* const provisional_;
};

}  // namespace tracelink
