#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "daemon/base/clock.hpp"
#include "daemon/base/result.hpp"
#include "daemon/http/relay.hpp"
#include "daemon/mlflow/knowledge/provisional_ids.hpp"
#include "daemon/mlflow/knowledge/server_knowledge.hpp"
#include "daemon/mlflow/rest/experiment.hpp"
#include "daemon/types/ids.hpp"
#include "daemon/types/link_definition.hpp"
#include "ipc/server/stored_traces.hpp"

namespace tracelink {

// What the listener for MLflow's SDK needs beside the intake; daemon/app binds it.
// Lifetime: outlives the server. Threads: the functions are called on the io thread.
struct MlflowDoor {
  static constexpr std::size_t kMostLargeReads = 2;

  Relay& relay;
  ServerKnowledge& knowledge;
  StoredTraces& stored;
  const ProvisionalIds& provisional;
  std::string server;  // its address, for messages
  // The version that the server said last to the daemon; empty: none yet.
  std::function<std::string()> current_version;
  // It does not answer the daemon either.
  std::function<bool()> is_server_down;
  std::chrono::seconds silence_while_down{5};
  // How long the file of a trace's spans waits for spans that may be on their way.
  std::chrono::milliseconds spans_within{3'000};
  // The experiment that the daemon is configured with, once its id is known.
  std::function<std::optional<Experiment>()> own_experiment;
  // Whether a model that an application names is made for it (model.from_traces).
  bool obeys_names = false;
  // ProvisionalIds::give(). `done` is called once, on any thread; never if the daemon stops before.
  std::function<void(const LinkDefinition&, std::function<void(Result<std::string>)> done)> give_id;
  // The server's own id of it; nothing: the server does not have it yet.
  std::function<std::optional<std::string>(const LinkDefinition&)> real_id;
  // Waits until nothing of the trace is left here; false: later than that, or the server cannot be
  // reached. `done` is called once, on any thread.
  std::function<void(const TraceId&, SteadyTime deadline, std::function<void(bool)> done)>
      await_delivery;
  // A client waits for the trace, or for all, to be at the server.
  std::function<void(const std::optional<TraceId>&)> hurry;
  // Everything that was stored before is at the server, or waiting does not bring it there.
  std::function<bool(SteadyTime since)> all_delivered;
  // Reads of megabytes that are stored here, each with a copy of them, until its answer is taken.
  std::shared_ptr<std::atomic<std::size_t>> large_reads =
      std::make_shared<std::atomic<std::size_t>>(0);
};

}  // namespace tracelink
