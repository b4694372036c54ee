#include "daemon/forward/unlinked_traces.hpp"

#include <algorithm>
#include <iterator>
#include <string>

namespace tracelink {

namespace {

std::string scope_of(LinkObstacle obstacle) {
  switch (obstacle) {
    case LinkObstacle::none:
      break;
    case LinkObstacle::no_model:
      return "link (no model named)";
    case LinkObstacle::missing_attribute:
      return "link (attribute missing)";
    case LinkObstacle::unusable_name:
      return "link (unusable name)";
    case LinkObstacle::too_many_models:
      return "link (too many models)";
    case LinkObstacle::not_stored:
      return "link (not stored)";
  }
  return "link";
}

Failure failure(std::string message, std::string_view remedy) {
  return configuration_failure(FailureScope::link, std::move(message), remedy);
}

}  // namespace

Failure link_failure(LinkObstacle obstacle, const LinkHash& accepted, const RecordSource& source) {
  switch (obstacle) {
    case LinkObstacle::none:
      break;
    case LinkObstacle::no_model:
      return failure("the traces name no model, and none is configured",
                     "Name one in the traces (tracelink run --model NAME, which sets the resource "
                     "attribute mlflow.modelName), or set model.name.");
    case LinkObstacle::missing_attribute: {
      const auto link = source.link(accepted);
      return failure("the traces' resource lacks an attribute that model.name \"" +
                         (link ? link->name : accepted.hex()) + "\" is made of",
                     "Set it in the application (OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES), or "
                     "change model.name.");
    }
    case LinkObstacle::unusable_name:
      return failure("the traces name a model by an id or name that no model can have",
                     "mlflow.modelId takes m- and 32 lower-case hex digits, mlflow.modelName at "
                     "most 500 characters: correct them where the application sets them; "
                     "'tracelink models relink none NEW' moves the traces that are kept.");
    case LinkObstacle::too_many_models:
      return failure("the traces name more models than model.max_names allows at a time",
                     "Raise model.max_names, or set model.from_traces to ids or off.");
    case LinkObstacle::not_stored:
      return failure("the models that the traces name cannot be remembered on disk",
                     "Look at the disk of state_dir; it is tried again each minute.");
  }
  return failure("", "");
}

void UnlinkedTraces::add(TraceWork work) {
  const auto [at, is_new] = reasons_.try_emplace({work.link_obstacle, work.accepted_link});
  if (is_new) at->second.since = clock_.wall();
  ++at->second.traces;
  records_ += work.parts.size();
  const std::uint64_t sequence = work.sequence;
  sequence_of_.emplace(work.trace_id, sequence);
  works_.emplace(sequence, std::move(work));
}

TraceWork UnlinkedTraces::remove(Works::iterator at) {
  TraceWork work = std::move(at->second);
  works_.erase(at);
  sequence_of_.erase(work.trace_id);
  records_ -= work.parts.size();
  const auto reason = reasons_.find({work.link_obstacle, work.accepted_link});
  if (--reason->second.traces == 0) reasons_.erase(reason);
  return work;
}

std::optional<TraceWork> UnlinkedTraces::take(const TraceId& id) {
  const auto found = sequence_of_.find(id);
  if (found == sequence_of_.end()) return std::nullopt;
  return remove(works_.find(found->second));
}

std::vector<TraceWork> UnlinkedTraces::take_if(
    const std::function<bool(const TraceWork&)>& wanted) {
  std::vector<TraceWork> taken;
  for (auto at = works_.begin(); at != works_.end();) {
    const auto candidate = at++;
    if (wanted(candidate->second)) taken.push_back(remove(candidate));
  }
  return taken;
}

std::vector<TraceWork> UnlinkedTraces::take_newest(std::size_t records) {
  std::vector<TraceWork> taken;
  for (const std::size_t before = records_; !works_.empty() && before - records_ < records;) {
    taken.push_back(remove(std::prev(works_.end())));
  }
  return taken;
}

std::optional<TraceWork> UnlinkedTraces::take_oldest_that_may_pass() {
  const auto oldest = std::ranges::find_if(
      works_, [](const auto& entry) { return may_pass(entry.second.link_obstacle); });
  if (oldest == works_.end()) return std::nullopt;
  return remove(oldest);
}

std::vector<HeldScope> UnlinkedTraces::held(const RecordSource& source) const {
  std::vector<HeldScope> scopes;
  for (const auto& [reason, waiting] : reasons_) {
    const auto& [obstacle, accepted] = reason;
    const Failure why = link_failure(obstacle, accepted, source);
    scopes.push_back({scope_of(obstacle), why.message, why.remedy, waiting.since, waiting.traces});
  }
  return scopes;
}

}  // namespace tracelink
