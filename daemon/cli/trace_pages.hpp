#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/destination/databricks/databricks_client.hpp"
#include "daemon/mlflow/rest/answer.hpp"
#include "daemon/mlflow/rest/queries.hpp"

// Searches for traces come to an end, whatever the server answers.
namespace tracelink::cli {

// The pages of a search. MLflow counts them from the newest trace, so one that arrives meanwhile
// moves the last traces of a page to the next one, where they are left out. Pages without an end
// (one that is named a second time, or kMostEmptyPages without a trace in a row) are a Failure.
class TracePages {
 public:
  using Read = std::function<Answer<TracePage>(const TraceQuery&)>;
  static constexpr int kMostEmptyPages = 1'000;

  TracePages(TraceQuery query, Read read);

  // The next page without what the one before had; nothing after the last.
  Answer<std::optional<std::vector<TraceSummary>>> next();

 private:
  bool has_no_end(const TracePage& page);
  std::vector<TraceSummary> without_repeated(std::vector<TraceSummary> traces);

  TraceQuery query_;
  const Read read_;
  std::set<std::string> last_;    // the ids of the page before
  std::set<std::string> tokens_;  // of the pages that were named
  int empty_pages_ = 0;           // in a row
  bool is_over_ = false;
};

// A SQL warehouse that stood still starts in less.
inline constexpr std::chrono::minutes kLongestSearch{15};

// The page of a search that runs in a SQL warehouse: asks for its end, after a pause each time, for
// kLongestSearch by `clock`; then it is a Failure.
Answer<TracePage> wait_for_search(
    Answer<TraceSearch> search, const Clock& clock,
    const std::function<Answer<TraceSearch>(const std::string& operation)>& ask,
    const std::function<void()>& pause);

}  // namespace tracelink::cli
