#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "config/config.hpp"
#include "daemon/app/active_links.hpp"
#include "daemon/app/delivery.hpp"
#include "daemon/base/clock.hpp"
#include "daemon/base/file_system.hpp"
#include "daemon/base/held_files.hpp"
#include "daemon/http/relay.hpp"
#include "daemon/mlflow/knowledge/id_requests.hpp"
#include "daemon/mlflow/knowledge/provisional_ids.hpp"
#include "daemon/mlflow/knowledge/server_knowledge.hpp"
#include "ipc/server/mlflow_door.hpp"
#include "ipc/server/stored_traces.hpp"

namespace tracelink {

// What the listener for MLflow's SDK stands on: the relay to the tracking server, what is known of
// that, and what is stored of the last traces.
//
// What is learned is saved as a whole, at most every kSaveEach whatever the clients ask for, on the
// forwarder thread. Lifetime: the references outlive this object, and it outlives the server.
class MlflowFront {
 public:
  static constexpr std::chrono::seconds kSaveEach{10};

  MlflowFront(const Config& config, FileSystem& fs, const Clock& clock, HeldFiles& held,
              Delivery& delivery, const ActiveLinks& active);

  // `relayed`: how many requests are passed on at a time. `on_notice` gets what an operator should
  // know.
  std::shared_ptr<MlflowDoor> open(std::size_t relayed,
                                   const std::function<void(std::string)>& on_notice);
  StoredTraces& stored() { return stored_; }
  const ProvisionalIds& provisional() const { return provisional_; }

  // To be called once in a while, by one thread.
  void save_if_due();
  // At the end, when nothing learns any more.
  void save_rest();

 private:
  void save();
  void load_knowledge(const std::function<void(std::string)>& on_notice);
  void load_names(const std::function<void(std::string)>& on_notice);
  std::optional<Experiment> own_experiment() const;
  std::optional<std::string> real_id(const LinkDefinition& named) const;

  const Config& config_;
  HeldFiles& held_;
  Delivery& delivery_;
  const ActiveLinks& active_;
  const Clock& clock_;
  std::atomic<bool> unsaved_ = false;
  bool save_fails_ = false;  // of the forwarder thread
  SteadyTime save_from_{};
  StoredTraces stored_;
  ServerKnowledge knowledge_;
  ProvisionalIds provisional_;
  IdRequests id_requests_;
  std::unique_ptr<Relay> relay_;
};

}  // namespace tracelink
