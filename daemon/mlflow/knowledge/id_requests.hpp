#pragma once

#include <functional>
#include <string>
#include <vector>

#include "daemon/base/mutex.hpp"
#include "daemon/base/result.hpp"
#include "daemon/mlflow/knowledge/provisional_ids.hpp"
#include "daemon/types/link_definition.hpp"

namespace tracelink {

// Provisional ids for those who must not wait for a disk. Another thread gives them: all that were
// asked for by the time that it comes to them by one write, however many they are, so that what
// else it has to do goes on.
//
// Threads: any. Lifetime: `ids` outlives it; it outlives what it posts.
class IdRequests {
 public:
  using Done = std::function<void(Result<std::string>)>;
  // Runs work on the thread that gives the ids, later or at once.
  using Post = std::function<void(std::function<void()> work)>;

  IdRequests(ProvisionalIds& ids, Post post);

  // ProvisionalIds::give(). `done` is called once, on that thread; never if it does not run `work`.
  void ask(const LinkDefinition& named, Done done);

 private:
  struct Asked {
    std::vector<LinkDefinition> names;
    std::vector<Done> done;
  };
  void answer();

  ProvisionalIds& ids_;
  const Post post_;
  Mutex mutex_;
  Asked asked_ GUARDED_BY(mutex_);
};

}  // namespace tracelink
