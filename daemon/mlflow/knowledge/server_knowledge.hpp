#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/base/file_system.hpp"
#include "daemon/base/mutex.hpp"

namespace tracelink {

// How an SDK asks for an experiment.
struct ExperimentQuery {
  bool by_name = false;
  std::string value;  // id or name
};

// What the tracking server said that MLflow SDKs ask for before each trace: its version, and
// experiments, as the JSON of its own answers. Kept in one file, so that they are known while the
// server is away.
//
// Bounded: kMaxExperiments of kMaxBytes in all, the ones learned first are forgotten first.
// Threads: any; load() and save() where a disk may be waited for.
class ServerKnowledge {
 public:
  static constexpr std::size_t kMaxExperiments = 1'000;
  static constexpr std::size_t kMaxAnswerBytes = 64u << 10;
  static constexpr std::size_t kMaxBytes = 4u << 20;
  static constexpr std::chrono::seconds kRefreshEach{30};

  // `uri`: the server that it is about. `on_change`: something is to be saved, all of it at once,
  // so not for each change; on the thread of whoever learned it.
  ServerKnowledge(FileSystem& fs, std::filesystem::path file, std::string uri,
                  std::function<void()> on_change);

  // What is of another server is left out; what was learned before is newer than the file. Errors:
  // `io`, call it again later; `corrupt`, what is learned takes its place. Nothing comes from it
  // then.
  Result<void> load();
  // Error: `io`; also until load() has told what is there, which is not replaced unread.
  Result<void> save();

  // The server's; before it was ever reached that of the oldest server that is served, so that an
  // SDK sends spans at all.
  std::string version() const;
  void learn_version(const std::string& version);

  // The server's answer to the query, as it would be repeated.
  std::optional<std::string> experiment(const ExperimentQuery& query) const;
  // `answer`: the body of a 200 to the query. What is no experiment, or larger than
  // kMaxAnswerBytes, is not learned.
  void learn_experiment(std::string_view answer);
  // At most every kRefreshEach for one experiment: whoever gets a yes asks the server.
  bool is_refresh_due(const ExperimentQuery& query, SteadyTime now);
  void forget_experiment(const ExperimentQuery& query);
  // Where the experiment's artifacts are; MLflow's own place if it is not known.
  std::string artifact_root(const std::string& experiment_id) const;

 private:
  struct Entry {
    std::string name;
    std::string artifact_location;
    std::string json;  // the object
    std::uint64_t age = 0;
    SteadyTime asked_at{};
  };
  bool learn(std::string_view experiment) REQUIRES(mutex_);
  std::vector<std::string> experiments() const REQUIRES(mutex_);  // learned first first
  using Entries = std::map<std::string, Entry>;
  void forget_oldest() REQUIRES(mutex_);
  void erase(Entries::iterator entry) REQUIRES(mutex_);
  const Entry* find(const ExperimentQuery& query) const REQUIRES(mutex_);

  FileSystem& fs_;
  const std::filesystem::path file_;
  const std::string uri_;
  const std::function<void()> on_change_;
  mutable Mutex mutex_;
  bool loaded_ GUARDED_BY(mutex_) = false;  // what is in the file is known
  std::string version_ GUARDED_BY(mutex_);
  Entries by_id_ GUARDED_BY(mutex_);
  std::map<std::string, std::string> id_of_name_ GUARDED_BY(mutex_);
  std::size_t bytes_ GUARDED_BY(mutex_) = 0;  // of the objects
  std::uint64_t next_age_ GUARDED_BY(mutex_) = 0;
};

// MLflow's answer about an experiment of which no more is known than its id and name.
std::string experiment_answer(const std::string& id, const std::string& name);

}  // namespace tracelink
