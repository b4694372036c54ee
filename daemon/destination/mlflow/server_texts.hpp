#pragma once

#include "daemon/mlflow/trace/text_repair.hpp"

namespace tracelink {

// What the server's database takes, and what was changed in traces for it. Deliveries share it.
// Lifetime: that of the destination. Threads: the forwarder's.
struct ServerTexts {
  bool refuses_nul = false;  // it did once: PostgreSQL
  Repairs repairs;
};

}  // namespace tracelink
