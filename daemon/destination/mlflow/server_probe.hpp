#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/base/clock.hpp"
#include "daemon/base/random_source.hpp"
#include "daemon/base/retry_delay.hpp"
#include "daemon/destination/destination.hpp"
#include "daemon/mlflow/registration/registration.hpp"
#include "daemon/mlflow/rest/tracking_client.hpp"
#include "daemon/report/reporter.hpp"

namespace tracelink {

// Knows what server is at the other side: asks its version at the start, after every loss of
// connection, after a pause, in which the server may have become another one unseen, and behind a
// new connection, which may lead to another one; reports what it learns. Nothing is sent to a
// server that is not known. After an outage, an answer to a registration has the version asked at
// once, and the version has registrations tried at once: neither waits for the other.
//
// Threads: the HttpClient's owner. Lifetime: the references outlive this object, and it outlives
// its request.
class ServerProbe {
 public:
  ServerProbe(TrackingClient& client, Registrar& registrar, Reporter& reporter, const Clock& clock,
              RandomSource& random);

  // Nothing while the server is unknown, unreachable or too old; failure() says why.
  const std::optional<Capabilities>& capabilities() const { return capabilities_; }
  const Failure& failure() const { return failure_; }
  ServerStatus status() const;

  // Before a delivery. After a pause, and once a connection was made since the version was said,
  // the server is unknown until it has said it again.
  void check_server();

  void advance();                                // asks if it is time to
  std::optional<SteadyTime> next_due() const;    // when advance() has something to do
  void connection_lost(const Failure& failure);  // no answer came to another request
  void moved();                                  // the address is another one: asks at once
  void refused(const Failure& failure);          // an operator is needed for the server
  void heard();                                  // an answer came
  void answered();                               // a request went through

 private:
  bool is_reached_meanwhile() const;
  void received(const Answer<ServerVersion>& answer);
  void failed(const Failure& failure);

  TrackingClient& client_;
  Registrar& registrar_;
  Reporter& reporter_;
  const Clock& clock_;
  RandomSource& random_;
  std::optional<Capabilities> capabilities_;
  Failure failure_;
  std::string version_;
  bool was_connected_ = false;
  bool refusing_ = false;
  bool asking_ = false;
  bool paused_ = false;  // unknown because of a pause or a new connection only
  SteadyTime heard_at_ = SteadyTime::min();
  SteadyTime known_at_ = SteadyTime::min();
  std::uint64_t known_connections_ = 0;  // made until then, or until it failed last
  int failures_ = 0;
  SteadyTime due_ = SteadyTime::min();
};

}  // namespace tracelink
