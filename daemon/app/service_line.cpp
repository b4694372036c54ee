#include "daemon/app/service_line.hpp"

#include "daemon/app/model_json.hpp"
#include "daemon/text/visible_text.hpp"

namespace tracelink {
namespace {

constexpr std::size_t kLongest = 300;

const char* state_of(const std::optional<RegistrationStatus>& registration) {
  return registration ? to_string(registration->state) : "not asked for yet";
}

std::string queued(const QueueStats& queue) {
  if (!queue.totals_known) return "an unknown number of spans queued";
  return std::to_string(queue.queued_spans) + " spans queued" + (queue.full ? " (full)" : "");
}

}  // namespace

std::string service_line(const std::string& model,
                         const std::optional<RegistrationStatus>& registration,
                         const QueueStats& queue, const ForwardStatus& forward) {
  std::string line = model.empty() ? "no model" : "model " + model + " " + state_of(registration);
  line += "; " + queued(queue);
  const bool is_failing = forward.last_error && !forward.last_error->over_at;
  if (is_failing) line += "; " + forward.last_error->message;
  line = visible_text(line);
  return line.size() <= kLongest ? line : line.substr(0, kLongest - 3) + "...";
}

}  // namespace tracelink
