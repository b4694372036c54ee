#include "daemon/app/queue_sink.hpp"

#include <utility>
#include <vector>

namespace tracelink {

void QueueSink::submit(AcceptedRequest request, Done done) {
  std::vector<Record> records;
  records.reserve(request.slices.size());
  const WallTime now = clock_.wall();
  for (TraceSlice& slice : request.slices) {
    records.push_back(Record{.accepted_at = now,
                             .peer = request.peer,
                             .link = active_.link_for(slice.otlp),
                             .experiment = request.experiment,
                             .slice = std::move(slice)});
  }
  queue_.append(std::move(records), request.deadline, std::move(done));
}

}  // namespace tracelink
