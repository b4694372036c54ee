#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/file_system.hpp"
#include "daemon/destination/databricks/batch_delivery.hpp"
#include "daemon/destination/databricks/databricks_client.hpp"
#include "daemon/destination/databricks/experiment_storages.hpp"
#include "daemon/destination/databricks/sent_spans.hpp"
#include "daemon/destination/databricks/trace_bodies.hpp"
#include "daemon/destination/destination.hpp"
#include "daemon/destination/finished_batches.hpp"
#include "daemon/destination/request_slots.hpp"
#include "daemon/destination/step_recorder.hpp"
#include "daemon/http/http_client.hpp"
#include "daemon/mlflow/registration/registration.hpp"

namespace tracelink {

// Traces to a Databricks workspace, linked to the LoggedModel of their link. Each experiment's own
// tags say where its traces are stored: in Unity Catalog tables, or beside the experiment.
//
// Drives the HttpClient and the Registrar. Threads: the forwarder's, except wakeup(). Lifetime: the
// references outlive this object; cancel() before it is destroyed.
class DatabricksDestination final : public Destination {
 public:
  struct Options {
    std::size_t connections = 2;  // requests for traces under way at once
    std::uint64_t max_batch_bytes = 8u << 20;
    std::string version_tag{};                     // key of the tag on linked traces; empty: none
    std::optional<TraceStorage> trace_location{};  // of experiments that are bound to none
    std::filesystem::path sent_spans{};            // the file of SentJournal
  };

  // `http` drives every request of `client`.
  DatabricksDestination(Options options, HttpClient& http, DatabricksClient& client,
                        Registrar& registrar, LinkLookup lookup, FileSystem& fs, Reporter& reporter,
                        const Clock& clock, RandomSource& random);

  std::optional<Failure> refusal(const LinkHash& link, const std::string& experiment) override;
  std::vector<LinkHash> take_changed_links() override;
  void deliver(std::vector<TraceDelivery> batch, Done done) override;
  void poll(std::chrono::milliseconds timeout) override;
  void wakeup() override { http_.wakeup(); }
  void deliveries_are_durable() override { sent_.deliveries_are_durable(); }
  void cancel() override;
  ServerStatus server() const override;

 private:
  struct Addressee {
    std::string experiment_id;
    LinkHash link;
    std::string requested_experiment;  // by the client; empty: the link's
  };
  std::shared_ptr<BatchDelivery> delivery_to(const TraceStorage& storage, TraceContext context,
                                             std::vector<TraceDelivery> batch, Done done);
  Done learning(Addressee to, std::vector<TraceId> whole, Done done);
  Done telling(std::vector<TraceId> whole, Done done);
  void note_refusal(const Failure& failure);
  void learn_from(const Addressee& to, const Outcome& outcome);
  std::optional<SteadyTime> next_due() const;
  bool ensure_sent_known();

  const Options options_;
  HttpClient& http_;
  DatabricksClient& client_;
  Registrar& registrar_;
  const LinkLookup lookup_;
  const Clock& clock_;
  ExperimentStorages storages_;
  RequestSlots request_slots_;
  StepRecorder steps_;
  SentSpans sent_;
  std::optional<Error> sent_unread_{Error{ErrorCode::io, ""}};  // nothing once it was read
  SteadyTime sent_due_{};
  std::uint64_t infos_in_doubt_ = 0;
  Repairs repairs_;
  ServerStatus::State state_ = ServerStatus::State::none;
  std::vector<std::weak_ptr<BatchDelivery>> deliveries_;
  FinishedBatches finished_;
};

}  // namespace tracelink
