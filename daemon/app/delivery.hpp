#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "config/config.hpp"
#include "daemon/app/active_links.hpp"
#include "daemon/app/open_destination.hpp"
#include "daemon/app/posted_work.hpp"
#include "daemon/app/registration_log.hpp"
#include "daemon/app/tapped_destination.hpp"
#include "daemon/base/clock.hpp"
#include "daemon/base/file_system.hpp"
#include "daemon/base/mutex.hpp"
#include "daemon/base/random_source.hpp"
#include "daemon/base/result.hpp"
#include "daemon/dead_letters/dead_letter_commands.hpp"
#include "daemon/dead_letters/dead_letter_store.hpp"
#include "daemon/forward/forward_status.hpp"
#include "daemon/forward/forwarder.hpp"
#include "daemon/links/relinks.hpp"
#include "daemon/mlflow/registration/registration.hpp"
#include "daemon/queue/queue.hpp"
#include "daemon/report/reporter.hpp"
#include "daemon/types/ids.hpp"

namespace tracelink {

// Everything that lives on the forwarder thread, and that thread: HTTP, registration, destination,
// delivery loop. If nothing is forwarded, the thread does posted work alone.
//
// Threads: start(), stop() from the io thread; call(), and what uses it, from any but the
// forwarder's, for which it waits; the others from any.
class Delivery {
 public:
  // `tap` sees what is delivered. The references outlive this object.
  static Result<std::unique_ptr<Delivery>> open(const Config& config, Queue& queue, FileSystem& fs,
                                                const Clock& clock, RandomSource& random,
                                                CredentialReaders readers,
                                                const ActiveLinks& active, Tap& tap);
  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;

  void start();
  // Traces whose root is there go at once; then, or at the deadline, delivery ends.
  void drain(SteadyTime deadline);
  bool drained() const;
  void stop();  // ends transfers, syncs the journal, joins the thread

  // Forwarder::relink. `unavailable` also: nothing is forwarded. `closed`, `timeout`: as for
  // call().
  Result<std::size_t> relink(const Relink& relink);
  std::vector<Relink> relinks() const;

  ForwardStatus forward_status() const;
  // Finds or creates the link's model now, not when its first trace comes. Nothing with destination
  // `file`, or if the definition stands for no model or for several (a template).
  void want(const LinkHash& link, const LinkDefinition& definition);
  // `link` is the configured one from now on, and wanted.
  void configure(const LinkHash& link, const LinkDefinition& definition);
  // Traces go to the tracking server at config.tracking.uri from now on, with its credentials.
  // Nothing where none was used so far.
  void move_server(const Config& config);
  // Nothing if the link is not wanted, or with destination `file`.
  std::optional<RegistrationStatus> registration(const LinkHash& link) const;
  // The id of an experiment that a client named; nothing: it was not asked for, or is not there.
  std::optional<std::string> experiment_id(const std::string& name) const;
  // The id of the model of that name in that experiment; nothing: it is not registered yet.
  std::optional<std::string> model_id(const std::string& name,
                                      const ExperimentRef& experiment) const;
  // Of every link in use: configured, set at runtime, named by traces.
  std::vector<RegistrationStatus> registrations() const;
  // Traces delivered under the link since the start, and when the last was, as the wall clock
  // counts now.
  struct DeliveredTraces {
    std::uint64_t traces = 0;
    WallTime last_at{};  // of traces, if there are any
  };
  DeliveredTraces delivered(const LinkHash& link) const;
  // Runs `work` on the forwarder thread between two rounds and waits for it. `closed`: it was not
  // run; `timeout`: it may still be. What it uses is shared with it.
  Result<void> call(std::function<void()> work);
  // Runs `work` on the forwarder thread without waiting, also for the disk. False: delivery has
  // ended, and it is not run.
  bool post(std::function<void()> work);
  Forwarder* forwarder() const { return forwarder_.get(); }  // null: nothing is forwarded
  const DeadLetterStore& dead_letters() const;
  // DeadLetterCommands, and the errors of call().
  Result<void> replay_dead_letter(const std::string& id);
  Result<void> remove_dead_letter(const std::string& id);
  std::vector<std::string> notices() const;  // for people; logged when they arose

 private:
  Delivery(const Config& config, Queue& queue, FileSystem& fs, const Clock& clock,
           RandomSource& random, CredentialReaders readers, const ActiveLinks& active, Tap& tap);
  Result<void> open();
  void open_dead_letters(const std::filesystem::path& directory);
  void hold_unread_letters();
  void take_up_letters();
  Result<void> load_letter(const std::string& id);
  Result<void> on_forwarder(const std::function<Result<void>()>& load);
  void open_relinks(const std::filesystem::path& file);
  Result<void> load_late(const std::function<Result<void>()>& load);
  Result<void> load_relinks();
  void note_relinks();
  void note(std::string text);
  Result<void> with_letters(std::function<Result<void>(DeadLetterCommands&)> command);
  void registered(RegistrationStatus status);
  void forgotten(const LinkHash& link);

  const Config& config_;
  Queue& queue_;
  FileSystem& fs_;
  const Clock& clock_;
  RandomSource& random_;
  const CredentialReaders readers_;
  const ActiveLinks& active_;
  Tap& tap_;
  Reporter reporter_;  // of the forwarder thread
  RegistrationLog registration_log_{reporter_};

  std::unique_ptr<DeadLetterStore> dead_letters_;
  std::optional<DeadLetterCommands> letter_commands_;
  std::unique_ptr<Relinks> relinks_;  // changed on the forwarder thread
  OpenedDestination opened_;
  std::optional<TappedDestination> tapped_;
  std::unique_ptr<Forwarder> forwarder_;
  PostedWork without_forwarder_;  // what is posted then
  std::jthread thread_;

  mutable Mutex mutex_;
  std::vector<Relink> relinks_seen_ GUARDED_BY(mutex_);
  std::vector<std::string> notices_ GUARDED_BY(mutex_);
  std::map<LinkHash, RegistrationStatus> registrations_ GUARDED_BY(mutex_);
};

}  // namespace tracelink
