#include "daemon/app/queue_sink.hpp"

#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

#include "daemon/codec/run_attribute.hpp"
#include "ipc/server/experiment_header.hpp"

namespace tracelink {

void QueueSink::submit(AcceptedRequest request, Done done) {
  std::vector<Record> records;
  records.reserve(request.slices.size());
  const WallTime now = clock_.wall();
  auto slices =
      stored_ == nullptr ? std::vector<TraceSlice>() : StoredTraces::worth_holding(request.slices);
  const auto [experiment, run] = split_experiment(request.experiment);
  for (TraceSlice& slice : request.slices) {
    if (!run.empty() && slice.info.empty()) slice.otlp = with_run(slice.otlp, run);
    records.push_back(Record{.accepted_at = now,
                             .peer = request.peer,
                             .link = active_.link_for(slice.otlp),
                             .experiment = std::string(experiment),
                             .slice = std::move(slice)});
  }
  const std::size_t traces = records.size();
  Tap::Batch seen = tap_.batch_of(records);
  queue_.append(std::move(records), request.deadline,
                [this, traces, seen = std::move(seen), slices = std::move(slices),
                 done = std::move(done)](Result<void> stored) mutable {
                  watch_.appended(stored);
                  if (stored) {
                    tap_.add(std::move(seen));
                    for (TraceSlice& slice : slices) stored_->add(std::move(slice));
                  }
                  if (stored) spdlog::debug("request accepted traces={}", traces);
                  done(std::move(stored));
                });
}

}  // namespace tracelink
