#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/base/random_source.hpp"
#include "daemon/destination/databricks/databricks_client.hpp"

namespace tracelink {

// Where the traces of each experiment are stored: asked once for each, by one request, and again
// after a refusal that may mean that it has changed.
//
// Memory: of at most kMaxExperiments, since clients choose them; the one asked for first goes.
// Threads: the HttpClient's owner. Lifetime: the references outlive this object, and it outlives
// its requests.
class ExperimentStorages {
 public:
  static constexpr std::size_t kMaxExperiments = 4'096;

  // `configured`: of experiments that are bound to no location.
  ExperimentStorages(std::optional<TraceStorage> configured, DatabricksClient& client,
                     const Clock& clock, RandomSource& random);

  // The storage, or why it is not known now; asks for it if it is time to. `link`: told by
  // take_changed_links() once there is an answer.
  Answer<TraceStorage> find(const std::string& experiment_id, const LinkHash& link);
  // It is asked for again before the next delivery.
  void forget(const std::string& experiment_id) { entries_.erase(experiment_id); }
  std::vector<LinkHash> take_changed_links();
  std::optional<SteadyTime> next_due() const;
  // Lets those ask again for whom it is time to.
  void advance();

 private:
  struct Entry {
    std::optional<TraceStorage> storage;
    std::optional<Failure> failure;
    bool asking = false;
    int failures = 0;
    SteadyTime due = SteadyTime::min();
    std::set<LinkHash> waiting;
  };
  Entry& entry(const std::string& experiment_id);
  void ask(const std::string& experiment_id, Entry& entry);
  void answered(const std::string& experiment_id, const Answer<DatabricksClient::Tags>& answer);
  void failed(Entry& entry, const Failure& failure);
  void wake(Entry& entry);

  const std::optional<TraceStorage> configured_;
  DatabricksClient& client_;
  const Clock& clock_;
  RandomSource& random_;
  std::map<std::string, Entry> entries_;
  std::deque<std::string> order_;
  std::vector<LinkHash> changed_;
};

}  // namespace tracelink
