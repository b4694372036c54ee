#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/base/result.hpp"
#include "daemon/types/record.hpp"
#include "ipc/server/stored_traces.hpp"

namespace tracelink {

// Slices that follow each other and are of one service.
struct ServiceSlices {
  std::string service;  // `service.name`, or empty
  std::size_t slices = 0;
  std::uint64_t spans = 0;
};

// One export call of a client, split at the door: what the server hands inwards. What takes time
// by the size of the slices was done where they were decoded.
struct AcceptedRequest {
  Peer peer;
  std::string experiment;          // the x-mlflow-experiment-id header, or empty
  std::vector<TraceSlice> slices;  // never empty; with the run that was named (run_attribute.hpp)
  SteadyTime deadline;             // after it nobody waits for the answer any more
  std::vector<ServiceSlices> services;          // all of the slices, in their order
  std::vector<StoredTraces::Addition> to_hold;  // once they are stored; empty: nobody asks for it
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
