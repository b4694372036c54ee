#include "daemon/app/listeners.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>

#include "daemon/app/directories.hpp"
#include "daemon/app/options.hpp"
#include "daemon/base/listening_socket.hpp"
#include "daemon/report/log_event.hpp"
#include "systemd/socket_activation.hpp"

namespace tracelink {
namespace {

// Who asks for the status may be in another folder than the daemon was started in.
std::string absolute(const std::string& path) {
  std::error_code unknown;
  const std::string from_root = std::filesystem::absolute(path, unknown).string();
  return path.empty() || unknown ? path : from_root;
}

// What an operator should know of it, if anything.
std::string fewer_clients(std::size_t wanted, const DescriptorShares& shares) {
  if (shares.clients >= wanted) return {};
  return "limits.connections: at most " + std::to_string(shares.clients) +
         " clients are served at a time, since the process may open " +
         std::to_string(raised_descriptor_limit()) +
         " files; raise that (LimitNOFILE= of the unit)";
}

// Without its file nobody finds the socket; whoever is connected notices nothing.
void keep_found(const std::string& path, const Result<bool>& made_again, HeldFiles& held) {
  if (!made_again) {
    held.hold(StateFile::socket, path, made_again.error());
    (void)make_socket_directory(path).has_value();  // for the next try; what fails is told then
    return;
  }
  held.release(path);
  if (!*made_again) return;
  LogEvent("the socket was removed and is made again").word("socket", path).warn();
}

std::string key_and_address(const std::string& key, const std::string& address) {
  return key + " (" + (address.empty() ? "not set" : address) + ")";
}

// The first is the intake, the others are loopback listeners. Whatever nobody served would let its
// clients wait for ever.
Result<void> take_activated(const std::vector<int>& descriptors, const ListenConfig& listen,
                            ServerOptions& options) {
  options.listening_fd = descriptors.front();
  for (std::size_t i = 1; i < descriptors.size(); ++i) {
    const int fd = descriptors[i];
    if (!options.kept.tcp && is_bound_to(fd, listen.tcp)) {
      options.kept.tcp = fd;
    } else if (!options.kept.mlflow && is_bound_to(fd, listen.mlflow)) {
      options.kept.mlflow = fd;
    } else {
      return Error{ErrorCode::invalid,
                   "systemd handed over " + std::to_string(descriptors.size()) +
                       " sockets, the first for the intake; number " + std::to_string(i + 1) +
                       " is neither at " + key_and_address("listen.tcp", listen.tcp) + " nor at " +
                       key_and_address("listen.mlflow", listen.mlflow) +
                       "; correct ListenStream= of the socket unit, or the configuration"};
    }
  }
  return {};
}

// The kernel chooses the port where 0 is asked for.
void name_port(std::string& address, std::uint16_t bound) {
  address.replace(address.rfind(':') + 1, std::string::npos, std::to_string(bound));
}

}  // namespace

Result<DescriptorShares> Listeners::share(std::size_t clients) const {
  return share_descriptors(raised_descriptor_limit(), {.clients = clients,
                                                       .deliveries = config().forward.connections,
                                                       .relays = !config().listen.mlflow.empty()});
}

Result<void> Listeners::share_files(std::vector<std::string>& notices) {
  const auto wanted = config().limits.connections;
  auto shares = share(wanted);
  if (!shares) return std::move(shares).error();
  shares_ = *shares;
  if (auto notice = fewer_clients(wanted, shares_); !notice.empty()) {
    notices.push_back(std::move(notice));
  }
  return {};
}

Result<void> Listeners::open(RecordSink& sink, MlflowFront* front, Answers answers,
                             std::vector<std::string>& notices) {
  auto options = server_options();
  if (!options) return std::move(options).error();
  options->describe = std::move(answers.describe);
  options->status = std::move(answers.status);
  options->on_warning = std::move(answers.on_warning);
  if (front != nullptr) {
    options->mlflow = front->open(
        shares_.relayed, [&](std::string notice) { notices.push_back(std::move(notice)); });
  }
  auto server = Server::open(*std::move(options), io_, sink, clock_);
  if (!server) return std::move(server).error();
  server_ = std::move(*server);
  if (!places_.tcp.empty()) name_port(places_.tcp, server_->tcp_port());
  if (!places_.mlflow.empty()) name_port(places_.mlflow, server_->mlflow_port());
  if (auto opened = open_control(std::move(answers.control)); !opened) return opened;
  return open_probes(std::move(answers.probe));
}

Result<ServerOptions> Listeners::server_options() {
  auto descriptors = systemd::listen_fds();
  if (!descriptors) return std::move(descriptors).error();
  ServerOptions options = server_options_of(config());
  options.limits.connections = shares_.clients;
  options.kept = own_.sockets;
  if (!descriptors->empty()) {
    if (auto taken = take_activated(*descriptors, config().listen, options); !taken) {
      return std::move(taken).error();
    }
  } else if (own_.socket_activated) {
    options.listening_fd = own_.sockets.local;
  } else if (auto made = make_socket_directory(options.socket.path); !made) {
    return std::move(made).error().within("listen.socket.path");
  }
  socket_activated_ = options.listening_fd.has_value();
  note_places(options.listening_fd);
  return options;
}

void Listeners::note_places(const std::optional<int>& from_systemd) {
  places_ = {.intake = config().listen.socket.path,
             .from_systemd = from_systemd.has_value(),
             .tcp = config().listen.tcp,
             .mlflow = config().listen.mlflow,
             .control = config().control.socket,
             .http = config().control.http,
             .state_dir = config().state_dir,
             .config_file = absolute(loaded_.file)};
  if (from_systemd) places_.intake = socket_path(*from_systemd);
}

Result<void> Listeners::open_control(ControlServer::Handler answer) {
  if (auto made = make_socket_directory(config().control.socket); !made) {
    return std::move(made).error().within("control.socket");
  }
  auto control = ControlServer::open(io_, config().control.socket, std::move(answer),
                                     {.connections = shares_.control});
  if (!control) return std::move(control).error();
  control_ = std::move(*control);
  return {};
}

Result<void> Listeners::open_probes(ControlServer::Handler answer) {
  if (config().control.http.empty()) return {};
  auto probes = ControlServer::open_tcp(io_, config().control.http, std::move(answer),
                                        {.connections = shares_.probes, .body_bytes = 1u << 10});
  if (!probes) return std::move(probes).error();
  probes_ = std::move(*probes);
  return {};
}

void Listeners::watch(HeldFiles& held) {
  keep_found(config().listen.socket.path, server_->ensure_found(), held);
  keep_found(config().control.socket, control_->ensure_found(), held);
}

void Listeners::take_limits(const Config& changed) {
  boost::asio::post(io_, [this, limits = changed.limits]() mutable {
    const auto shares = share(limits.connections);
    if (!shares) return spdlog::warn("limits.connections: {}", shares.error().message);
    if (const auto notice = fewer_clients(limits.connections, *shares); !notice.empty()) {
      spdlog::warn("{}", notice);
    }
    limits.connections = shares->clients;
    server_->set_limits(limits);
  });
}

void Listeners::stop(std::chrono::milliseconds patience, std::function<void()> on_closed) {
  control_->stop();
  if (probes_) probes_->stop();
  server_->stop(patience, std::move(on_closed));
}

}  // namespace tracelink
