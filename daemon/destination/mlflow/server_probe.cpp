#include "daemon/destination/mlflow/server_probe.hpp"

#include <algorithm>
#include <utility>

#include "daemon/base/retry_delay.hpp"

namespace tracelink {

namespace {

// A server closes connections that are idle for some seconds (uvicorn: 5 s), so one that is used
// again later is a new one, and so may the server be.
constexpr auto kPause = std::chrono::seconds(5);
constexpr RetryDelay kDelay{};

Failure not_asked_yet() {
  Failure failure;
  failure.message = "the tracking server has not answered yet";
  return failure;
}

}  // namespace

ServerProbe::ServerProbe(TrackingClient& client, Registrar& registrar, Reporter& reporter,
                         const Clock& clock, RandomSource& random)
    : client_(client),
      registrar_(registrar),
      reporter_(reporter),
      clock_(clock),
      random_(random),
      failure_(not_asked_yet()) {}

ServerStatus ServerProbe::status() const {
  using State = ServerStatus::State;
  const bool was_heard_of = was_connected_ || failures_ > 0;
  if (!was_heard_of) return {State::none, version_};
  if (refusing_) return {State::refusing, version_};
  return {capabilities_ || paused_ ? State::up : State::down, version_};
}

// Some servers take one request a connection, so that it is asked at most once in a while.
void ServerProbe::check_server() {
  if (!capabilities_) return;
  const SteadyTime now = clock_.steady();
  const bool reconnected = client_.connections() != known_connections_ && now - known_at_ >= kPause;
  const bool paused = now - heard_at_ >= kPause;
  if (!paused && !reconnected) return;
  capabilities_.reset();
  paused_ = true;
  failure_ = not_asked_yet();
  due_ = now;
}

void ServerProbe::heard() { heard_at_ = clock_.steady(); }

void ServerProbe::answered() {
  heard();
  refusing_ = false;
}

// A server that was away has answered another request, a registration's for example.
bool ServerProbe::is_reached_meanwhile() const {
  const bool was_away = failures_ > 0 && failure_.http_status == 0;
  return was_away && client_.connections() != known_connections_;
}

void ServerProbe::advance() {
  if (capabilities_ || asking_) return;
  if (clock_.steady() < due_ && !is_reached_meanwhile()) return;
  asking_ = true;
  client_.get_version([this](const Answer<ServerVersion>& answer) { received(answer); });
}

std::optional<SteadyTime> ServerProbe::next_due() const {
  if (capabilities_ || asking_) return std::nullopt;
  return due_;
}

void ServerProbe::received(const Answer<ServerVersion>& answer) {
  asking_ = false;
  if (!answer) return failed(answer.error());
  const auto& version = *answer;
  const bool is_same = std::exchange(version_, version.text) == version.text;
  if (const auto unsupported = unsupported_server(version)) return failed(*unsupported);
  capabilities_ = capabilities_of(version);
  client_.set_capabilities(*capabilities_);
  const bool was_away = std::exchange(failures_, 0) > 0;
  known_at_ = clock_.steady();
  known_connections_ = client_.connections();
  heard();
  if (std::exchange(paused_, false) && is_same) return registrar_.verify_when_asked();
  refusing_ = false;
  reporter_.recovered(kServerSubject);
  if (std::exchange(was_connected_, true) || was_away) registrar_.server_changed();
}

void ServerProbe::failed(const Failure& failure) {
  paused_ = false;
  known_connections_ = client_.connections();
  failure_ = failure;
  failure_.scope = FailureScope::server;
  reporter_.failure(kServerSubject, failure.message, failure.remedy);
  refusing_ = failure.failure_class == FailureClass::configuration;
  auto wait = kDelay.after(++failures_, random_, failure.retry_after);
  if (refusing_) wait = std::max(wait, kOperatorWait);
  due_ = clock_.steady() + wait;
}

void ServerProbe::connection_lost(const Failure& failure) {
  paused_ = false;
  capabilities_.reset();
  failure_ = failure;
  failure_.scope = FailureScope::server;
}

void ServerProbe::moved() {
  connection_lost(not_asked_yet());
  refusing_ = false;
  failures_ = 0;
  due_ = clock_.steady();
}

void ServerProbe::refused(const Failure& failure) {
  failure_ = failure;
  refusing_ = true;
}

}  // namespace tracelink
