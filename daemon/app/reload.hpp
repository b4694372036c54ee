#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "config/load.hpp"
#include "config/reload.hpp"
#include "daemon/app/active_links.hpp"
#include "daemon/app/delivery.hpp"
#include "daemon/base/mutex.hpp"

namespace tracelink {

// The configuration of a daemon that runs, and how it changes: loaded again, checked whole, and
// only then taken up, as far as that goes without a restart (docs/configuration.md). A
// configuration with errors changes nothing. Sockets and queue are not touched.
//
// Threads: any; run() waits for the disk, request() does not.
class Reload {
 public:
  using Load = std::function<LoadResult()>;
  using TakeLimits = std::function<void(const Config&)>;  // from the thread of run()
  struct Report {
    ConfigChange change;
    std::vector<std::string> errors;  // any: nothing was changed
  };

  // Lifetime: the references outlive this object.
  Reload(LoadedConfig running, Load load, ActiveLinks& active, Delivery& delivery,
         TakeLimits take_limits);

  Report run();
  // run(), soon, on a thread of its own; requests that come meanwhile are one more. systemd is told
  // when it begins and when it is over.
  void request();
  // As it is now.
  std::shared_ptr<const Config> config() const;

 private:
  void serve(const std::stop_token& stop);
  Report take_up(LoadedConfig loaded) REQUIRES(run_mutex_);
  Result<void> change_link(const Config& config) REQUIRES(run_mutex_);

  const Load load_;
  ActiveLinks& active_;
  Delivery& delivery_;
  const TakeLimits take_limits_;
  Mutex run_mutex_;  // one at a time
  LoadedConfig running_ GUARDED_BY(run_mutex_);
  mutable Mutex mutex_;
  std::shared_ptr<const Config> config_ GUARDED_BY(mutex_);
  bool requested_ GUARDED_BY(mutex_) = false;
  std::condition_variable_any wake_;
  std::jthread thread_;
};

}  // namespace tracelink
