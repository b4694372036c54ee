#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/destination/destination.hpp"
#include "daemon/destination/finished_batches.hpp"
#include "daemon/destination/mlflow/mlflow_delivery.hpp"
#include "daemon/destination/mlflow/server_probe.hpp"
#include "daemon/destination/mlflow/server_texts.hpp"
#include "daemon/destination/mlflow/spans_proof.hpp"
#include "daemon/destination/request_slots.hpp"
#include "daemon/destination/step_recorder.hpp"
#include "daemon/http/http_client.hpp"
#include "daemon/mlflow/registration/registration.hpp"
#include "daemon/mlflow/rest/tracking_client.hpp"
#include "daemon/types/link_definition.hpp"

namespace tracelink {

// Traces to an MLflow tracking server, linked to the LoggedModel of their link.
//
// Drives the HttpClient and the Registrar. Threads: the forwarder's, except wakeup(). Lifetime: the
// references outlive this object; cancel() before it is destroyed.
class MlflowDestination final : public Destination {
 public:
  struct Options {
    std::size_t connections = 2;  // requests for traces under way at once
    std::uint64_t max_batch_bytes = 8u << 20;
    std::map<std::string, std::string> metadata;  // stamped on traces that do not have the key
    std::string version_tag;                      // key of the tag on linked traces; empty: none
  };

  MlflowDestination(Options options, HttpClient& http, TrackingClient& client, Registrar& registrar,
                    LinkLookup lookup, Reporter& reporter, const Clock& clock,
                    RandomSource& random);
  ~MlflowDestination() override;

  std::optional<Failure> refusal(const LinkHash& link, const std::string& experiment) override;
  std::vector<LinkHash> take_changed_links() override { return registrar_.take_changed(); }
  void deliver(std::vector<TraceDelivery> batch, Done done) override;
  void poll(std::chrono::milliseconds timeout) override;
  void wakeup() override { http_.wakeup(); }
  void cancel() override;
  ServerStatus server() const override;
  // The tracking server's address is another one from now on. What is under way ends as if its
  // answer were lost; then the server is asked its version and every model is verified, as after a
  // reconnection. Not from a handler of the HttpClient.
  void move_to(std::string uri, Credentials credentials);

 private:
  void learn_from(const LinkHash& link, const std::string& experiment,
                  const std::vector<Outcome>& outcomes);
  void run_refused(const std::string& run_id, const Failure& failure);
  void end_requests(const std::string& why);

  const Options options_;
  HttpClient& http_;
  Registrar& registrar_;
  TrackingClient& client_;
  const LinkLookup lookup_;
  Reporter& reporter_;
  const Clock& clock_;
  ServerProbe probe_;
  RequestSlots request_slots_;
  SpansProof proof_;
  ServerTexts texts_;
  StepRecorder steps_;
  std::uint64_t run_links_refused_ = 0;
  std::vector<std::weak_ptr<MlflowDelivery>> deliveries_;
  FinishedBatches finished_;
};

}  // namespace tracelink
