#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/forward/span_bisection.hpp"
#include "daemon/links/link_choice.hpp"
#include "daemon/mlflow/rest/failure.hpp"
#include "daemon/queue/queue.hpp"
#include "daemon/types/record.hpp"

namespace tracelink {

// One record of a trace. The payload stays on disk until a batch is built.
struct Part {
  Position position;
  std::uint32_t span_count = 0;
  std::uint32_t bytes = 0;
  std::uint64_t sequence = 0;
  bool has_root = false;
  std::uint32_t cost = 0;     // bytes that it takes in memory when it is read
  bool has_info = false;      // it is the trace info of an MLflow SDK
  bool is_change = false;     // it is a change of the trace
  std::uint32_t changes = 0;  // that the balance counts, of StoredRecord
};

// What may be sent together.
struct GroupKey {
  LinkHash link;
  std::string experiment;  // as Record has it
  auto operator<=>(const GroupKey&) const = default;
};

// Unknown answers to what was sent alone, all about the trace's info or all about its spans.
struct Suspicion {
  bool of_info = false;
  int failures = 0;
  SteadyTime first{};
  std::string first_answer;
};

// The search for the refused spans of a trace, whose info is stored.
struct Bisection {
  SpanBisection search;
  Failure refusal;           // the last one
  bool root_stored = false;  // the stored info is that of the root
};

// What the pieces of a trace have in common.
struct TraceFacts {
  TraceId trace_id;
  GroupKey group;
  LinkRank link_rank = LinkRank::accepted;          // of the group's link
  LinkObstacle link_obstacle = LinkObstacle::none;  // it cannot be sent with that link
  LinkHash accepted_link;                           // of the first part
  std::uint64_t sequence = 0;                       // of the first part: the order of delivery
  std::uint64_t accepted_sequence = 0;              // likewise; StoredRecord has what it is
  WallTime accepted_at{};                           // of the first part
  SteadyTime accepted{};                            // the same, whatever was done to the wall clock
  bool again = false;                               // a part of it was spilled before
  bool replayed = false;                            // the first part was a dead letter
  Peer peer;                                        // of the first part
  bool is_mixed = false;                            // alone, its parts would be of different groups
  bool root_seen = false;                           // of the trace, perhaps in another piece
};

// A trace, the late spans of one, or a change of one, on its way to the destination.
struct TraceWork : TraceFacts {
  std::vector<Part> parts;  // in the order of acceptance
  bool in_pieces = false;   // too large to be held at once: these are some of its parts
  std::uint64_t bytes = 0;
  std::uint64_t cost = 0;

  // What earlier attempts left behind.
  bool repeated = false;          // some of it may be stored
  int failures = 0;               // in a row
  SteadyTime not_before{};        // of the next attempt
  std::uint64_t split_group = 0;  // 0: with anybody; else only with the traces of the same refusal
  Suspicion suspicion;
  std::unique_ptr<Bisection> bisection;

  // Assembly gives a change alone.
  bool is_change() const { return !parts.empty() && parts.front().is_change; }
};

}  // namespace tracelink
