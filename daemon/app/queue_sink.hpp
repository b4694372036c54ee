#pragma once

#include "daemon/app/active_links.hpp"
#include "daemon/app/queue_watch.hpp"
#include "daemon/app/service_counters.hpp"
#include "daemon/app/tap.hpp"
#include "daemon/base/clock.hpp"
#include "daemon/queue/queue.hpp"
#include "ipc/server/record_sink.hpp"
#include "ipc/server/stored_traces.hpp"

namespace tracelink {

// Binds the intake to the queue: stamps each slice with the time, the peer and the active link, and
// lets the tap and the counters of services see what was stored.
// Threads: submit() on the io thread. Lifetime: the references outlive it.
class QueueSink final : public RecordSink {
 public:
  // `stored`: null if nobody asks what is stored.
  QueueSink(Queue& queue, const Clock& clock, const ActiveLinks& active, QueueWatch& watch,
            Tap& tap, ServiceCounters& services, StoredTraces* stored)
      : queue_(queue),
        clock_(clock),
        active_(active),
        watch_(watch),
        tap_(tap),
        services_(services),
        stored_(stored) {}

  void submit(AcceptedRequest request, Done done) override;

 private:
  Queue& queue_;
  const Clock& clock_;
  const ActiveLinks& active_;
  QueueWatch& watch_;
  Tap& tap_;
  ServiceCounters& services_;
  StoredTraces* const stored_;
};

}  // namespace tracelink
