#include "daemon/cli/trace_pages.hpp"

#include <utility>

#include "daemon/mlflow/rest/failure.hpp"

namespace tracelink::cli {

namespace {

Failure no_end() {
  return configuration_failure(
      FailureScope::experiment,
      "the search for traces has no end: the server goes on naming further pages",
      "report it to those who run the server; --since, where the command has it, asks for fewer");
}

Failure too_long(const std::string& operation) {
  return configuration_failure(
      FailureScope::experiment,
      "the search " + operation + " did not end within " + std::to_string(kLongestSearch.count()) +
          " minutes",
      "see in the workspace, under SQL Warehouses, whether the one of databricks.warehouse_id "
      "(MLFLOW_TRACING_SQL_WAREHOUSE_ID) starts, and what its query history says");
}

}  // namespace

TracePages::TracePages(TraceQuery query, Read read)
    : query_(std::move(query)), read_(std::move(read)) {}

Answer<std::optional<std::vector<TraceSummary>>> TracePages::next() {
  if (is_over_) return std::optional<std::vector<TraceSummary>>();
  auto answer = read_(query_);
  if (!answer) return std::move(answer.error());
  auto& page = *answer;
  if (has_no_end(page)) return no_end();
  query_.page_token = std::move(page.next_page_token);
  is_over_ = query_.page_token.empty();
  return std::optional(without_repeated(std::move(page.traces)));
}

bool TracePages::has_no_end(const TracePage& page) {
  if (page.next_page_token.empty()) return false;
  empty_pages_ = page.traces.empty() ? empty_pages_ + 1 : 0;
  return empty_pages_ == kMostEmptyPages || !tokens_.insert(page.next_page_token).second;
}

std::vector<TraceSummary> TracePages::without_repeated(std::vector<TraceSummary> traces) {
  std::set<std::string> ids;
  for (const TraceSummary& trace : traces) ids.insert(trace.trace_id);
  std::erase_if(traces, [&](const TraceSummary& trace) { return last_.contains(trace.trace_id); });
  last_ = std::move(ids);
  return traces;
}

Answer<TracePage> wait_for_search(
    Answer<TraceSearch> search, const Clock& clock,
    const std::function<Answer<TraceSearch>(const std::string& operation)>& ask,
    const std::function<void()>& pause) {
  const SteadyTime end = clock.steady() + kLongestSearch;
  while (search && !search->is_done) {
    const std::string operation = search->operation;
    if (clock.steady() >= end) return too_long(operation);
    pause();
    search = ask(operation);
  }
  if (!search) return std::move(search.error());
  return std::move(search->page);
}

}  // namespace tracelink::cli
