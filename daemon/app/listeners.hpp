#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "config/load.hpp"
#include "daemon/app/descriptors.hpp"
#include "daemon/app/mlflow_front.hpp"
#include "daemon/app/status_json.hpp"
#include "daemon/app/successor.hpp"
#include "daemon/base/clock.hpp"
#include "daemon/base/held_files.hpp"
#include "daemon/control/control_server.hpp"
#include "ipc/server/server.hpp"

namespace tracelink {

// Everything that the daemon listens at: the intake, the control socket, and control.http where it
// is configured; and how many connections each may have of the files that the process may open.
//
// Threads: the io thread's, except take_limits(). Lifetime: the references outlive this object.
class Listeners {
 public:
  struct Answers {
    std::function<std::string()> describe;  // body of the intake's `GET /`
    std::function<std::string()> status;    // and of `GET /status`
    std::function<void(const std::string&)> on_warning;
    ControlServer::Handler control;
    ControlServer::Handler probe;
  };

  Listeners(const LoadedConfig& loaded, const Successor& own, boost::asio::io_context& io,
            const Clock& clock)
      : loaded_(loaded), own_(own), io_(io), clock_(clock) {}

  // Shares out the files that may be open. `notices` gets what an operator should know of it, here
  // and below. Error: `invalid`, there are too few.
  Result<void> share_files(std::vector<std::string>& notices);
  // Binds and listens. `front`: with listen.mlflow.
  Result<void> open(RecordSink& sink, MlflowFront* front, Answers answers,
                    std::vector<std::string>& notices);
  void start() { server_->start(); }
  // To be called about each second: a socket file that was removed is made again.
  void watch(HeldFiles& held);
  // Of a configuration that is taken up while all of this runs. Any thread.
  void take_limits(const Config& changed);
  void stop(std::chrono::milliseconds patience, std::function<void()> on_closed);
  // For the process that comes next.
  KeptSockets keep_listening() { return server_->keep_listening(); }

  ServerStats intake() const { return server_->stats(); }
  ControlStats control() const { return control_->stats(); }
  ControlStats probes() const { return probes_ ? probes_->stats() : ControlStats{}; }
  bool socket_activated() const { return socket_activated_; }
  const StatusPlaces& places() const { return places_; }

 private:
  const Config& config() const { return loaded_.config; }
  Result<DescriptorShares> share(std::size_t clients) const;
  Result<ServerOptions> server_options();
  void note_places(const std::optional<int>& from_systemd);
  Result<void> open_control(ControlServer::Handler answer);
  Result<void> open_probes(ControlServer::Handler answer);

  const LoadedConfig& loaded_;
  const Successor& own_;
  boost::asio::io_context& io_;
  const Clock& clock_;
  DescriptorShares shares_;
  bool socket_activated_ = false;
  StatusPlaces places_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<ControlServer> control_;
  std::unique_ptr<ControlServer> probes_;  // none without control.http
};

}  // namespace tracelink
