#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "daemon/base/clock.hpp"
#include "daemon/mlflow/rest/tracking_client.hpp"

namespace tracelink {

// Whether spans that were answered with success are known to be where the REST API shows them. A
// Collector behind the same host answers as MLflow does, so that a trace is read back: the first
// one, the first over each new connection, and one every ten seconds, since a proxy may change its
// mind without a word. Threads: one. Lifetime: the references outlive this object.
class SpansProof {
 public:
  SpansProof(const TrackingClient& client, const Clock& clock) : client_(client), clock_(clock) {}

  bool is_fresh() const {
    return proven_at_ && connections_ == client_.connections() &&
           clock_.steady() - *proven_at_ < kLasts;
  }
  void proven() {
    proven_at_ = clock_.steady();
    connections_ = client_.connections();
  }

 private:
  static constexpr auto kLasts = std::chrono::seconds(10);

  const TrackingClient& client_;
  const Clock& clock_;
  std::optional<SteadyTime> proven_at_;
  std::uint64_t connections_ = 0;  // made until then
};

}  // namespace tracelink
