#pragma once

#include <memory>
#include <string>

#include "daemon/destination/destination.hpp"
#include "daemon/destination/mlflow/server_texts.hpp"
#include "daemon/destination/step_recorder.hpp"
#include "daemon/mlflow/rest/trace_change.hpp"
#include "daemon/mlflow/rest/tracking_client.hpp"

namespace tracelink {

// The change that a delivery of mode `change` is about, for the server that has its experiment
// under `experiment_id`; taken out of it, since it may be large. Failure: poison, what is stored is
// no change.
Answer<TraceChange> take_change(TraceDelivery& delivery, const std::string& experiment_id);

// One change of a trace on its way to MLflow. Servers word a change that is made already, and one
// of a trace that is not there, in ways that differ by version and database
// (docs/mlflow-servers.md#changes-of-a-trace), so that what a refusal means is looked up.
//
// Threads: the HttpClient's owner. Lifetime: kept alive by its requests; the references outlive
// them.
class ChangeDelivery : public std::enable_shared_from_this<ChangeDelivery> {
 public:
  // `done` is called once: the server has the change, or why it has not.
  ChangeDelivery(TrackingClient& client, StepRecorder& steps, ServerTexts& texts,
                 TraceChange change, AnswerHandler<void> done);

  void start();

 private:
  void refused(const Failure& refusal);
  bool replace_nul();
  void look_for_assessment(const Failure& refusal);
  void look_for_trace(const Failure& refusal);

  TrackingClient& client_;
  StepRecorder& steps_;
  ServerTexts& texts_;
  TraceChange change_;
  const AnswerHandler<void> done_;
};

}  // namespace tracelink
