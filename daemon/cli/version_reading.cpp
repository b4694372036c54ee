#include "daemon/cli/version_reading.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/cli/output.hpp"
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

// The pages of a search. MLflow counts them from the newest trace, so one that arrives meanwhile
// moves the last traces of a page to the next one, where they are left out.
class TracePages {
 public:
  TracePages(TrackingSession& session, TraceQuery query)
      : session_(session), query_(std::move(query)) {}

  // The next page without what the one before had; nothing after the last.
  Answer<std::optional<std::vector<TraceSummary>>> next() {
    if (is_over_) return std::optional<std::vector<TraceSummary>>();
    auto answer = search_traces(session_, query_);
    if (!answer) return std::move(answer.error());
    auto& page = *answer;
    query_.page_token = std::move(page.next_page_token);
    is_over_ = query_.page_token.empty();
    return std::optional(without_repeated(std::move(page.traces)));
  }

 private:
  std::vector<TraceSummary> without_repeated(std::vector<TraceSummary> traces) {
    std::set<std::string> ids;
    for (const TraceSummary& trace : traces) ids.insert(trace.trace_id);
    std::erase_if(traces,
                  [&](const TraceSummary& trace) { return last_.contains(trace.trace_id); });
    last_ = std::move(ids);
    return traces;
  }

  TrackingSession& session_;
  TraceQuery query_;
  std::set<std::string> last_;  // the ids of the page before
  bool is_over_ = false;
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
  TracePages pages(session, query_of(model, range));
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
