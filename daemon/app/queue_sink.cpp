#include "daemon/app/queue_sink.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

#include "daemon/codec/run_attribute.hpp"
#include "daemon/codec/service_name.hpp"
#include "daemon/types/named_experiment.hpp"
#include "ipc/server/experiment_header.hpp"

namespace tracelink {
namespace {

// Of each service; slices of one service mostly come together.
std::vector<std::pair<std::string, std::uint64_t>> spans_by_service(
    const std::vector<Record>& records) {
  std::vector<std::pair<std::string, std::uint64_t>> counts;
  for (const Record& record : records) {
    if (record.slice.span_count == 0) continue;
    const std::string_view service = service_name(record.slice.otlp);
    if (counts.empty() || counts.back().first != service) counts.emplace_back(service, 0);
    counts.back().second += record.slice.span_count;
  }
  return counts;
}

}  // namespace

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
  auto slices =
      stored_ == nullptr ? std::vector<TraceSlice>() : StoredTraces::worth_holding(request.slices);
  const auto [named, run] = split_experiment(request.experiment);
  auto experiment = lasting(named);
  if (!experiment) return done(std::move(experiment).error());
  for (TraceSlice& slice : request.slices) {
    if (!run.empty() && slice.info.empty()) slice.otlp = with_run(slice.otlp, run);
    records.push_back(Record{.accepted_at = now,
                             .peer = request.peer,
                             .link = active_.link_for(slice.otlp),
                             .experiment = *experiment,
                             .slice = std::move(slice)});
  }
  const std::size_t traces = records.size();
  Tap::Batch seen = tap_.batch_of(records);
  auto services = spans_by_service(records);
  queue_.append(std::move(records), request.deadline,
                [this, traces, seen = std::move(seen), services = std::move(services),
                 slices = std::move(slices), done = std::move(done)](Result<void> stored) mutable {
                  watch_.appended(stored);
                  if (stored) {
                    tap_.add(std::move(seen));
                    for (const auto& [service, spans] : services) services_.add(service, spans);
                    for (TraceSlice& slice : slices) stored_->add(std::move(slice));
                    spdlog::debug("request accepted traces={}", traces);
                  }
                  done(std::move(stored));
                });
}

}  // namespace tracelink
