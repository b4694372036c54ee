#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/base/mutex.hpp"
#include "daemon/types/ids.hpp"
#include "daemon/types/peer_id_hash.hpp"
#include "daemon/types/record.hpp"

namespace tracelink {

// What is on stable storage of the traces that came last: an MLflow SDK that asks is told whether
// all spans of its trace are here, what it does with the trace waits until the server has it, and
// while that cannot be reached, it is told what it has sent.
//
// Bounded: the oldest traces are forgotten, and before that what they hold. Threads: any.
class StoredTraces {
 public:
  static constexpr std::size_t kMaxTraces = 65'536;
  static constexpr std::size_t kMaxBytes = 16u << 20;      // of what traces hold
  static constexpr std::size_t kMaxTraceBytes = 2u << 20;  // of one
  static constexpr std::size_t kMaxExperimentBytes = 256;  // of the id of its experiment
  struct Limits {
    std::size_t traces = kMaxTraces;
    std::size_t bytes = kMaxBytes;
    std::size_t trace_bytes = kMaxTraceBytes;
  };
  StoredTraces() : StoredTraces(Limits{}) {}
  explicit StoredTraces(Limits limits) : limits_(limits) {}

  struct Addition {
    TraceSlice slice;
    bool is_whole = true;  // false: its content is too large, and is not there
  };
  void add(Addition addition);
  // The same for what nobody announces: an info is read here.
  void add(TraceSlice slice);
  // Of what is to be added what can be held, in kMaxBytes.
  static std::vector<Addition> worth_holding(const std::vector<TraceSlice>& slices);
  static std::size_t bytes_of(const TraceSlice& slice);  // in memory
  // The server has all of it: it can tell the trace itself.
  void delivered(const TraceId& id);

  // What the info of the trace says: how many spans it has (0: that it does not say), and its
  // experiment. An id of more than kMaxExperimentBytes is not kept.
  void announce(const TraceId& id, std::uint64_t spans, std::string experiment);
  // Whether all that were announced are here, or any if none were.
  bool has_all_spans(const TraceId& id) const;
  bool knows(const TraceId& id) const;
  // As its last info says, also when its content is not held any more; empty: not known.
  std::string experiment(const TraceId& id) const;
  // That content() of them has.
  std::size_t bytes(const std::vector<TraceId>& ids) const;
  // All that came of the trace since it was delivered, or ever; empty if some of that is not held
  // any more. An artifact that did not fit is there without its bytes.
  std::vector<TraceSlice> content(const TraceId& id) const;
  // What came of each trace that was told and is not delivered yet; nothing if some of that is not
  // held any more.
  std::optional<std::vector<std::vector<TraceSlice>>> undelivered() const;

 private:
  struct Stored {
    std::uint64_t spans = 0;
    std::uint64_t announced = 0;
    std::string experiment;
    std::vector<TraceSlice> slices;
    std::size_t bytes = 0;  // of the slices
    bool is_partial = false;
  };
  void tell_experiment(Stored& stored, std::string experiment) REQUIRES(mutex_);
  Stored& stored_of(const TraceId& id) REQUIRES(mutex_);
  void hold(Stored& stored, Addition addition) REQUIRES(mutex_);
  void let_go(Stored& stored) REQUIRES(mutex_);
  void keep_bounds() REQUIRES(mutex_);

  const Limits limits_;
  mutable Mutex mutex_;
  std::unordered_map<TraceId, Stored, PeerIdHash> traces_ GUARDED_BY(mutex_);
  std::deque<TraceId> order_ GUARDED_BY(mutex_);    // of the traces
  std::deque<TraceId> holding_ GUARDED_BY(mutex_);  // those that began to hold something
  std::size_t bytes_ GUARDED_BY(mutex_) = 0;
};

}  // namespace tracelink
