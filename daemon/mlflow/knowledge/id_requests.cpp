#include "daemon/mlflow/knowledge/id_requests.hpp"

#include <cstddef>
#include <utility>

namespace tracelink {

IdRequests::IdRequests(ProvisionalIds& ids, Post post) : ids_(ids), post_(std::move(post)) {}

void IdRequests::ask(const LinkDefinition& named, Done done) {
  {
    const MutexLock lock(mutex_);
    asked_.names.push_back(named);
    asked_.done.push_back(std::move(done));
    if (asked_.names.size() > 1) return;  // the first one has posted it
  }
  post_([this] { answer(); });
}

void IdRequests::answer() {
  Asked asked;
  {
    const MutexLock lock(mutex_);
    asked = std::exchange(asked_, {});
  }
  auto ids = ids_.give_all(asked.names);
  for (std::size_t i = 0; i < ids.size(); ++i) asked.done[i](std::move(ids[i]));
}

}  // namespace tracelink
