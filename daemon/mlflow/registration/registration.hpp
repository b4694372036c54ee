#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/base/file_system.hpp"
#include "daemon/base/held_files.hpp"
#include "daemon/base/random_source.hpp"
#include "daemon/mlflow/registration/registration_counters.hpp"
#include "daemon/mlflow/rest/tracking_client.hpp"
#include "daemon/types/ids.hpp"
#include "daemon/types/link_definition.hpp"

namespace tracelink {

enum class RegistrationState { unresolved, ready, failed };

struct ResolvedModel {
  std::string model_id, name, experiment_id,
      experiment_name;       // model_id empty: the link asks for no model, only an experiment
  std::string version = {};  // its asked_name(); known once the model is verified
};

struct RegistrationStatus {
  LinkHash link;
  LinkDefinition definition;
  RegistrationState state = RegistrationState::unresolved;
  std::optional<ResolvedModel> model;
  std::optional<Failure> failure;  // the last one, with its remedy
  bool created = false;            // the model is one that this process created
  bool verified = false;           // fetched again from this server since the last (re)connection
  // What the server has and the definition says differently, twins left behind, and the like.
  std::vector<std::string> warnings;
  std::string requested_name;  // of the definition; differs from model->name after name policy
};

// Finds or creates the LoggedModel of each link and remembers it durably
// (docs/design.md#registration).
//
// A state machine per link: advance() starts what is due, and each answer starts the next request.
// Nothing is created before our instance tag is durable, and a chain that fails at any step starts
// again from the beginning, so that a crash or a lost answer at any step ends with one READY model.
// Transient failures are retried with capped jittered back-off for ever, permanent ones each
// minute. A model that is ready changes only if it is gone from the server, or if an
// older twin turns up before any trace has it. Links that traces named are forgotten when nobody
// asked for them for `forget_named`.
//
// Threads: one (the HttpClient's owner). Lifetime: like TrackingClient's.
class Registrar {
 public:
  struct Options {
    std::filesystem::path directory;                // state_dir/models
    std::chrono::milliseconds quiet_period{2'000};  // plus up to half; twins show up meanwhile
    bool delete_twins = true;                       // own PENDING ones that lost and have no traces
    std::chrono::minutes forget_named{120};
    std::map<std::string, std::string> creation_tags = {};  // those of the link win
  };
  Registrar(Options options, TrackingClient& client, FileSystem& fs, const Clock& clock,
            RandomSource& random);
  ~Registrar();

  // What earlier runs resolved; call once, before want(). Where `is_known` says no, what is stored
  // of the link is removed. Gives the names of damaged files: they are set aside and their links
  // registered again, as are those of files that cannot be read, which are `held`.
  Result<std::vector<std::string>> load(
      const std::function<bool(const LinkHash&)>& is_known = [](const LinkHash&) { return true; },
      HeldFiles* held = nullptr);
  void want(const LinkHash& hash, const LinkDefinition& link);  // idempotent
  // The model once traces may be sent to it (ready and verified against this server), else nothing.
  // Valid until the next call.
  const ResolvedModel* ready(const LinkHash& hash);
  std::optional<RegistrationStatus> status(const LinkHash& hash) const;  // nothing: not wanted
  RegistrationCounters counters() const;
  void server_changed();     // after a reconnection: verify all again before the next delivery
  void verify_when_asked();  // it may have changed unseen: each link when ready() is next asked
  void verify_again(const LinkHash& hash);     // a delivery was refused for its model or experiment
  void advance();                              // starts what is due
  std::optional<SteadyTime> next_due() const;  // when advance() has something to start
  // The links whose status changed since the last call.
  std::vector<LinkHash> take_changed();
  // Called after each change of a status, from advance() or the HttpClient's poll().
  void set_on_change(std::function<void(const RegistrationStatus&)> callback);
  // Called when a link is forgotten, from advance().
  void set_on_forget(std::function<void(const LinkHash&)> callback);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tracelink
