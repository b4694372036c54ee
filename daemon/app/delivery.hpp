#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "daemon/base/clock.hpp"
#include "daemon/base/file_system.hpp"
#include "daemon/base/random_source.hpp"
#include "daemon/base/result.hpp"
#include "daemon/forward/dead_letter_store.hpp"
#include "daemon/forward/forward_status.hpp"
#include "daemon/forward/relinks.hpp"
#include "daemon/mlflow/registration.hpp"
#include "daemon/queue/queue.hpp"
#include "daemon/types/ids.hpp"

namespace tracelink {

// Everything that lives on the forwarder thread, and that thread: HTTP, registration, destination,
// delivery loop.
//
// Threads: start(), stop() from the io thread; call() from the control thread; the others from any.
class Delivery {
 public:
  static Result<std::unique_ptr<Delivery>> open(const Config& config, Queue& queue, FileSystem& fs,
                                                const Clock& clock, RandomSource& random,
                                                CredentialsReader read_credentials);
  virtual ~Delivery() = default;

  virtual void start() = 0;
  // Traces whose root is there go at once; then, or at the deadline, delivery ends.
  virtual void drain(SteadyTime deadline) = 0;
  virtual bool drained() const = 0;
  virtual void stop() = 0;  // ends transfers, syncs the journal, joins the thread

  // Forwarder::relink. `unavailable`: nothing is forwarded; `closed`, `timeout`: as for call().
  virtual Result<std::size_t> relink(const Relink& relink) = 0;
  virtual std::vector<Relink> relinks() const = 0;

  virtual ForwardStatus forward_status() const = 0;
  // Finds or creates the link's model now, not when its first trace comes. Nothing with destination
  // `file`, or if the definition stands for no model or for several (a template).
  virtual void want(const LinkHash& link, const LinkDefinition& definition) = 0;
  // Nothing if the link is not wanted, or with destination `file`.
  virtual std::optional<RegistrationStatus> registration(const LinkHash& link) const = 0;
  // Of every link in use: configured, set at runtime, named by traces.
  virtual std::vector<RegistrationStatus> registrations() const = 0;
  // Runs `work` on the forwarder thread between two rounds (here, if there is none) and waits for
  // it. `closed`: it was not run; `timeout`: it may still be. What it uses is shared with it.
  virtual Result<void> call(std::function<void()> work) = 0;
  virtual const DeadLetterStore& dead_letters() const = 0;
  // DeadLetterCommands, and the errors of call().
  virtual Result<void> replay_dead_letter(const std::string& id) = 0;
  virtual Result<void> remove_dead_letter(const std::string& id) = 0;
  virtual std::vector<std::string> notices() const = 0;  // of open(), for people
};

}  // namespace tracelink
