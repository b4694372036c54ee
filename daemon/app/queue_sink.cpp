#include "daemon/app/queue_sink.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

#include "daemon/types/named_experiment.hpp"

namespace tracelink {

// A record outlives the table of provisional ids, so it has the name that one stands for.
Result<std::string> QueueSink::lasting(std::string_view experiment) const {
  if (provisional_ == nullptr) return std::string(experiment);
  const auto named = provisional_->find(experiment);
  if (!named) return named.error();
  if (!*named || !is_named_experiment(**named)) return std::string(experiment);
  return experiment_by_name((*named)->experiment.name);
}

void QueueSink::submit(AcceptedRequest request, Done done) {
  std::vector<Record> records;
  records.reserve(request.slices.size());
  const WallTime now = clock_.wall();
  auto experiment = lasting(request.experiment);
  if (!experiment) return done(std::move(experiment).error());
  auto slice = request.slices.begin();
  for (const ServiceSlices& of : request.services) {
    const LinkHash link = active_.link_for(of.service);
    for (std::size_t n = 0; n < of.slices; ++n, ++slice) {
      records.push_back(Record{.accepted_at = now,
                               .peer = request.peer,
                               .link = link,
                               .experiment = *experiment,
                               .slice = std::move(*slice)});
    }
  }
  const std::size_t traces = records.size();
  Tap::Batch seen = tap_.batch_of(records);
  queue_.append(
      std::move(records), request.deadline,
      [this, traces, seen = std::move(seen), services = std::move(request.services),
       to_hold = std::move(request.to_hold), done = std::move(done)](Result<void> stored) mutable {
        watch_.appended(stored);
        if (stored) {
          tap_.add(std::move(seen));
          for (const ServiceSlices& of : services) {
            if (of.spans > 0) services_.add(of.service, of.spans);
          }
          for (auto& addition : to_hold) stored_->add(std::move(addition));
          spdlog::debug("request accepted traces={}", traces);
        }
        done(std::move(stored));
      });
}

}  // namespace tracelink
