#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/base/file_system.hpp"
#include "daemon/base/mutex.hpp"
#include "daemon/mlflow/trace/model_naming.hpp"
#include "daemon/types/link_definition.hpp"

namespace tracelink {

// The model of that name in an experiment, as an application names it. An empty `experiment` is
// that of the daemon's own model.
LinkDefinition named_model(std::string name, ExperimentRef experiment);

// The id that stands for one of these, or for a named_experiment(), until the server has given its
// own: it follows from the definition, and looks like an id of MLflow's ("m-" and 32 hex digits; 18
// digits).
std::string provisional_id(const LinkDefinition& named);
// Whether an id has the form of one of these.
bool may_be_provisional(std::string_view id);

// The models and experiments that applications named while the tracking server could not be
// reached. Each was answered with a provisional id, which its application goes on using; this table
// tells what the id stands for.
//
// Durability: an id is on stable storage when it is given.
// Bounded: kMaxNames. A full table forgets the name that was unused for longest, if that is
// kUnused or more, and gives no further id otherwise.
// Threads: any; load() before the others, giving where a disk may be waited for, on one thread.
class ProvisionalIds {
 public:
  static constexpr std::size_t kMaxNames = 1'000;
  static constexpr std::chrono::hours kUnused{7 * 24};

  ProvisionalIds(FileSystem& fs, std::filesystem::path file, const Clock& clock);

  // Errors: `io`, then nothing is known or given until it succeeds; `corrupt`, the file was set
  // aside, and no name is known.
  Result<void> load();

  // An id for each name, in their order; those that are new are stored by one write. Errors: `io`,
  // `no_space`; `rejected` where the table is full; `invalid` for a name that no model and no
  // experiment can have.
  std::vector<Result<std::string>> give_all(const std::vector<LinkDefinition>& names);
  Result<std::string> give(const LinkDefinition& named);
  // What the id stands for; nothing if it is none of these. Error: `unavailable`, the table could
  // not be read.
  Result<std::optional<LinkDefinition>> find(std::string_view id) const;
  bool empty() const;

 private:
  struct Entry {
    LinkDefinition named;
    SteadyTime used_at{};
  };
  using Entries = std::map<std::string, Entry, std::less<>>;
  struct Change {
    Entries added;
    std::set<std::string> forgotten;
    bool is_full = false;  // the table has no room for another one
    void apply_to(Entries& entries) const;
  };

  void note_use(const std::vector<Result<std::string>>& ids) REQUIRES(mutex_);
  Result<void> note(const std::string& id, const LinkDefinition& named, Change& change) const
      REQUIRES(mutex_);
  bool make_room(Change& change) const REQUIRES(mutex_);
  Result<void> store(const Change& change);
  Result<void> write(const Entries& entries) const;
  Error unreadable() const;

  FileSystem& fs_;
  const std::filesystem::path file_;
  const Clock& clock_;
  mutable Mutex mutex_;
  mutable Entries entries_ GUARDED_BY(mutex_);
  bool known_ GUARDED_BY(mutex_) = false;
};

}  // namespace tracelink
