#pragma once

#include "daemon/base/clock.hpp"
#include "daemon/queue/queue.hpp"
#include "daemon/types/ids.hpp"
#include "ipc/server/record_sink.hpp"

namespace tracelink {

// Binds the intake to the queue: stamps each slice with the time, the peer and the active link.
// Threads: submit() on the io thread. Lifetime: the queue and the clock outlive it.
class QueueSink final : public RecordSink {
 public:
  QueueSink(Queue& queue, const Clock& clock, LinkHash active_link)
      : queue_(queue), clock_(clock), active_link_(active_link) {}

  void submit(AcceptedRequest request, Done done) override;

 private:
  Queue& queue_;
  const Clock& clock_;
  LinkHash active_link_;
};

}  // namespace tracelink
