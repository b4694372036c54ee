#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/base/file_system.hpp"
#include "daemon/base/random_source.hpp"
#include "daemon/mlflow/tracking_client.hpp"
#include "daemon/types/ids.hpp"
#include "daemon/types/link_definition.hpp"

namespace tracelink {

enum class RegistrationState { unresolved, ready, failed };

struct ResolvedModel {
  std::string model_id, name, experiment_id,
      experiment_name;  // model_id empty: the link asks for no model, only an experiment
};

struct RegistrationStatus {
  LinkHash link;
  LinkDefinition definition;
  RegistrationState state = RegistrationState::unresolved;
  std::optional<ResolvedModel> model;
  std::optional<Failure> failure;  // the last one, with its remedy
  bool verified = false;           // fetched again from this server since the last (re)connection
};

// Finds or creates the LoggedModel of each link and remembers it durably in models/ (DESIGN section
// 6).
//
// A state machine per link, driven by advance(): each step is one request; what was learnt is
// durable before the next one is sent, so a crash at any step ends with one READY model. Transient
// failures are retried with capped jittered back-off for ever, permanent ones slowly; traces are
// never dropped. Threads: one (the HttpClient's owner).
class Registrar {
 public:
  struct Options {
    std::filesystem::path directory;               // state_dir/models
    std::chrono::milliseconds settle_time{2'000};  // plus jitter; twins become visible meanwhile
  };
  Registrar(Options options, TrackingClient& client, FileSystem& fs, const Clock& clock,
            RandomSource& random);
  ~Registrar();

  Result<void> load();                                          // what earlier runs resolved
  void want(const LinkHash& hash, const LinkDefinition& link);  // idempotent
  // The model once traces may be sent to it (ready and verified against this server), else nothing.
  const ResolvedModel* ready(const LinkHash& hash) const;
  std::optional<RegistrationStatus> status(const LinkHash& hash) const;
  std::vector<RegistrationStatus> all() const;
  void server_changed();  // after a reconnection: verify again before the next delivery
  void model_gone(const LinkHash& hash);       // a delivery found it deleted
  void advance();                              // starts what is due
  std::optional<SteadyTime> next_due() const;  // when advance() has something to start
  void set_on_change(std::function<void(const RegistrationStatus&)> callback);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tracelink
