#pragma once

#include <functional>
#include <string>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/base/result.hpp"
#include "daemon/types/record.hpp"

namespace tracelink {

// One export call of a client, split at the door: what the server hands inwards.
struct AcceptedRequest {
  Peer peer;
  std::string experiment;          // x-mlflow-experiment-id and, behind a line break, the
                                   // x-mlflow-run-id header (experiment_header.hpp), or empty
  std::vector<TraceSlice> slices;  // never empty
  SteadyTime deadline;             // after it nobody waits for the answer any more
};

// Where accepted requests go; daemon/app binds it to the queue, so sockets and disk never meet.
class RecordSink {
 public:
  using Done = std::function<void(Result<void>)>;

  virtual ~RecordSink() = default;

  // Takes the request. `done` is called exactly once, on any thread, possibly before submit()
  // returns: success only when every slice is on stable storage (then it may be acknowledged);
  // `no_space` (the bound is reached and on_full is reject), `timeout` (no room before the
  // deadline), `io`, `closed`: nothing of the request will be stored; the client may retry.
  // Threads: called on the io thread.
  virtual void submit(AcceptedRequest request, Done done) = 0;
};

}  // namespace tracelink
