#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/destination/databricks/batch_delivery.hpp"
#include "daemon/destination/databricks/databricks_client.hpp"
#include "daemon/destination/databricks/trace_bodies.hpp"
#include "daemon/destination/destination.hpp"
#include "daemon/destination/request_slots.hpp"
#include "daemon/destination/step_recorder.hpp"

namespace tracelink {

// One batch on its way into the storage of an experiment: for each trace its info, once, then one
// file with all its spans, at a signed URL or in a volume. Every step but the first may be
// repeated, and the first says that it was done. An info that was there before is looked at: the
// trace of a sender who did not link it as here is refused, since a stored info stays as it is.
//
// A file is written whole. Where the trace was there before, what its file holds is read first and
// stays in it: it may be another sender's. Two senders that do so at the same time would lose
// spans, so that those whose root is known to be elsewhere are refused, with what to do.
// Threads: the HttpClient's owner. Lifetime: kept alive by its requests; the references outlive
// them.
class ExperimentDelivery final : public BatchDelivery {
 public:
  struct Context {
    DatabricksClient& client;
    RequestSlots& request_slots;
    StepRecorder& steps;
    TraceContext trace;
  };
  ExperimentDelivery(Context context, std::vector<TraceDelivery> batch, Destination::Done done);

  void start() override;

 private:
  struct Item {
    TraceDelivery delivery;
    std::string volume;   // of its file; empty: behind signed URLs
    std::string earlier;  // what its file holds
    bool info_stored = false;
    bool asked_again = false;  // for a URL, after one was refused
  };

  template <class T>
  AnswerHandler<T> counted(DeliveryStep step, AnswerHandler<T> handler) const {
    return context_.steps.counted<T>(step, std::move(handler));
  }
  void send(std::size_t index);
  void started(std::size_t index, const Answer<StoredInfo>& answer);
  void look_up(std::size_t index);
  void found(std::size_t index, const std::optional<StoredInfo>& info);
  void read_file(std::size_t index);
  void file_refused(std::size_t index, const Failure& failure);
  void get_target(std::size_t index);
  void upload(std::size_t index, const UploadTarget& target);
  void uploaded(std::size_t index, const Answer<void>& answer);
  void refuse(std::size_t index, std::string reason);
  void fail(std::size_t index, const Failure& failure, bool batch = false);
  void end(std::size_t index, Outcome outcome);

  Context context_;
  std::vector<Item> items_;
};

}  // namespace tracelink
