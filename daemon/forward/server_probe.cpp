#include "daemon/forward/server_probe.hpp"

#include <algorithm>
#include <variant>

namespace tracelink {

namespace {

constexpr auto kConfigurationWait = std::chrono::milliseconds(60'000);
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
  if (refusing_) return {State::refusing, version_};
  return {capabilities_ ? State::up : State::down, version_};
}

void ServerProbe::advance() {
  if (capabilities_ || asking_ || clock_.steady() < due_) return;
  asking_ = true;
  client_.get_version([this](const Answer<ServerVersion>& answer) { received(answer); });
}

std::optional<SteadyTime> ServerProbe::next_due() const {
  if (capabilities_ || asking_) return std::nullopt;
  return due_;
}

void ServerProbe::received(const Answer<ServerVersion>& answer) {
  asking_ = false;
  if (const auto* failure = std::get_if<Failure>(&answer)) return failed(*failure);
  const auto& version = std::get<ServerVersion>(answer);
  version_ = version.text;
  if (const auto unsupported = unsupported_server(version)) return failed(*unsupported);
  capabilities_ = capabilities_of(version);
  client_.set_capabilities(*capabilities_);
  failures_ = 0;
  refusing_ = false;
  reporter_.recovered(kServerSubject);
  if (was_connected_) registrar_.server_changed();
  was_connected_ = true;
}

void ServerProbe::failed(const Failure& failure) {
  failure_ = failure;
  failure_.scope = FailureScope::server;
  reporter_.failure(kServerSubject, failure.message, failure.remedy);
  refusing_ = failure.failure_class == FailureClass::configuration;
  auto wait = kDelay.after(++failures_, random_, failure.retry_after);
  if (refusing_) wait = std::max(wait, kConfigurationWait);
  due_ = clock_.steady() + wait;
}

void ServerProbe::connection_lost(const Failure& failure) {
  capabilities_.reset();
  failure_ = failure;
  failure_.scope = FailureScope::server;
}

void ServerProbe::refused(const Failure& failure) {
  failure_ = failure;
  refusing_ = true;
}

}  // namespace tracelink
