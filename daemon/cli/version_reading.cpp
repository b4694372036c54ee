#include "daemon/cli/version_reading.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "daemon/cli/output.hpp"
#include "daemon/cli/trace_pages.hpp"
#include "daemon/cli/trace_search.hpp"
#include "daemon/mlflow/rest/rest_json.hpp"

namespace tracelink::cli {

namespace {

constexpr std::size_t kPageSize = 500;  // the most that every server accepts

// A line on the terminal that replaces itself; gone when the object is.
class Progress {
 public:
  explicit Progress(std::string name) : name_(std::move(name)) {}
  ~Progress() { show_progress(""); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(std::size_t count, const char* what) const {
    show_progress(name_ + ": " + std::to_string(count) + " " + what);
  }

 private:
  std::string name_;
};

TraceQuery query_of(const LoggedModel& model, const TraceRange& range) {
  TraceQuery query{model.experiment_id, linked_traces_filter(model.model_id), "", 0};
  if (range.since_ms)
    query.filter += " AND trace.timestamp_ms >= " + std::to_string(*range.since_ms);
  query.page_size = static_cast<int>(std::min(kPageSize, range.newest.value_or(kPageSize)));
  return query;
}

std::optional<Failure> read_traces(TrackingSession& session, const LoggedModel& model,
                                   const TraceRange& range, compare::Samples& samples) {
  const Progress progress(model.name);
  const std::size_t most = std::min(compare::kMostTraces, range.newest.value_or(SIZE_MAX));
  TracePages pages(query_of(model, range),
                   [&session](const TraceQuery& query) { return search_traces(session, query); });
  while (true) {
    const auto page = pages.next();
    if (!page) return page.error();
    const auto& traces = *page;
    if (!traces) return std::nullopt;
    for (const TraceSummary& trace : *traces) {
      if (samples.traces.size() == most) {
        samples.is_cut = most == compare::kMostTraces && range.newest != most;
        return std::nullopt;
      }
      compare::add_trace(samples, trace);
    }
    progress.show(samples.traces.size(), "traces");
  }
}

bool is_gone(const Failure& failure) {
  return failure.http_status == 0 && failure.failure_class == FailureClass::transient;
}

Answer<compare::ErrorMessages> read_errors(TrackingSession& session, const LoggedModel& model,
                                           const std::vector<std::string>& traces) {
  const Progress progress(model.name);
  std::vector<std::string> messages;
  std::size_t unknown = 0;
  for (const std::string& trace : traces) {
    const auto answer = read_trace_error(session, model.experiment_id, trace);
    if (!answer && is_gone(answer.error())) return answer.error();
    if (answer && *answer) {
      messages.push_back(**answer);
    } else {
      ++unknown;
    }
    progress.show(messages.size() + unknown, "errors");
  }
  return compare::count_messages(messages, unknown);
}

}  // namespace

Answer<compare::Version> read_version(TrackingSession& session, const LoggedModel& model,
                                      const TraceRange& range) {
  compare::Version version{model, {}, {}};
  if (auto failure = read_traces(session, model, range, version.samples))
    return *std::move(failure);
  auto errors = read_errors(session, model, version.samples.failed);
  if (!errors) return std::move(errors.error());
  version.errors = *std::move(errors);
  return version;
}

}  // namespace tracelink::cli
