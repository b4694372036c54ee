#include "daemon/app/daemon.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "daemon/app/active_links.hpp"
#include "daemon/app/control_commands.hpp"
#include "daemon/app/control_handler.hpp"
#include "daemon/app/delivery.hpp"
#include "daemon/app/descriptors.hpp"
#include "daemon/app/directories.hpp"
#include "daemon/app/mlflow_front.hpp"
#include "daemon/app/options.hpp"
#include "daemon/app/probes.hpp"
#include "daemon/app/queue_sink.hpp"
#include "daemon/app/queue_watch.hpp"
#include "daemon/app/reload.hpp"
#include "daemon/app/shutdown.hpp"
#include "daemon/app/state_directory.hpp"
#include "daemon/app/storage_notice.hpp"
#include "daemon/base/clock.hpp"
#include "daemon/base/posix_file_system.hpp"
#include "daemon/base/random_source.hpp"
#include "daemon/control/control_server.hpp"
#include "daemon/queue/queue.hpp"
#include "daemon/report/log_throttle.hpp"
#include "daemon/types/version.hpp"
#include "ipc/server/server.hpp"
#include "systemd/notify.hpp"
#include "systemd/socket_activation.hpp"

namespace tracelink {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds kQueueCheck{1};

std::string mounts() {
  std::ifstream file("/proc/self/mountinfo");
  return {std::istreambuf_iterator<char>(file), {}};
}

void tell_systemd(const Result<void>& told) {
  if (!told) spdlog::warn("systemd was not told: {}", told.error().message);
}

class DaemonImpl final : public Daemon {
 public:
  DaemonImpl(LoadedConfig loaded, Reload::Load load, std::shared_ptr<const LogWriter> log)
      : loaded_(std::move(loaded)), load_(std::move(load)), log_(std::move(log)) {}

  Result<void> open() {
    if (auto opened = open_state(); !opened) return opened;
    return open_sockets();
  }

  int run() override {
    log_summary();
    watch_queue();
    queue_->start();
    state_->watch(queue_->held_files());
    delivery_->start();
    server_->start();
    serving_ = true;
    shutdown_.await_signals(shutdown_grace_of(config(), socket_activated_));
    tell_systemd(systemd::ready());
    feed_watchdog();
    io_.run();
    delivery_->stop();
    state_->stop_watching();
    queue_->stop();
    spdlog::info("stopped queued_spans={}", queue_->stats().queued_spans);
    return 0;
  }

 private:
  // That of the start; what may change since is in reload_.
  const Config& config() const { return loaded_.config; }

  std::optional<Credentials> read_credentials() const {
    const LoadResult again = load_();
    if (!again.loaded) return std::nullopt;
    return credentials_of(again.loaded->config);
  }

  Result<void> open_state() {
    auto state = StateDirectory::open(config().state_dir);
    if (!state) return std::move(state).error().within("state_dir");
    state_ = std::move(*state);
    fs_.set_guard([this] { return state_->intact(); });
    auto queue = Queue::open(queue_options_of(config()), fs_, clock_, random_);
    if (!queue) return std::move(queue).error().within("queue");
    queue_ = std::move(*queue);

    auto active = ActiveLinks::open(
        fs_, std::filesystem::path(config().state_dir) / "models/active.json", link_of(config()),
        [this](const LinkDefinition& definition) {
          return Result<LinkHash>(queue_->adopt_link(definition));
        },
        &queue_->held_files());
    if (!active) return std::move(active).error().within("models");
    active_ = std::move(*active);
    auto delivery = Delivery::open(config(), *queue_, fs_, clock_, random_,
                                   [this] { return read_credentials(); });
    if (!delivery) return std::move(delivery).error();
    delivery_ = std::move(*delivery);
    want_active_models();
    reload_.emplace(loaded_, load_, *active_, *delivery_);
    if (!config().listen.mlflow.empty()) {
      mlflow_front_.emplace(config(), fs_, *delivery_, *active_);
    }
    sink_.emplace(*queue_, clock_, *active_, queue_watch_,
                  mlflow_front_ ? &mlflow_front_->stored_spans() : nullptr);
    return {};
  }

  void want_active_models() {
    if (!active_->configured().is_zero()) {
      delivery_->want(active_->configured(), link_of(config()));
    }
    for (const ActiveOverride* entry : active_->overrides()->entries()) {
      delivery_->want(entry->link, entry->definition);
    }
  }

  Result<void> open_sockets() {
    auto descriptors = systemd::listen_fds();
    if (!descriptors) return std::move(descriptors).error();
    ServerOptions options = server_options_of(config());
    keep_descriptors(options);
    if (!descriptors->empty()) {
      options.listening_fd = descriptors->front();
    } else if (auto made = make_socket_directory(options.socket.path); !made) {
      return std::move(made).error().within("listen.socket.path");
    }
    socket_activated_ = !descriptors->empty();
    options.describe = [this] { return describe_intake(*reload_->config(), *active_, *delivery_); };
    options.on_warning = [this](const std::string& message) { warn_of_client(message); };
    if (mlflow_front_) {
      options.mlflow = mlflow_front_->open(
          [this](std::string notice) { notices_.push_back(std::move(notice)); });
    }
    auto server = Server::open(std::move(options), io_, *sink_, clock_);
    if (!server) return std::move(server).error();
    server_ = std::move(*server);

    if (auto made = make_socket_directory(config().control.socket); !made) {
      return std::move(made).error().within("control.socket");
    }
    auto control = ControlServer::open(
        io_, config().control.socket,
        [this](ControlRequest request) { return control_work(std::move(request)); },
        {.connections = kControlConnections});
    if (!control) return std::move(control).error();
    control_ = std::move(*control);
    return open_probes();
  }

  void keep_descriptors(ServerOptions& options) {
    const std::size_t limit = raised_descriptor_limit();
    const std::size_t clients =
        clients_within(limit, options.max_connections, config().forward.connections);
    if (clients < options.max_connections) {
      notices_.push_back("limits.connections: at most " + std::to_string(clients) +
                         " clients are served at a time, since the process may open " +
                         std::to_string(limit) + " files; raise that (LimitNOFILE= of the unit)");
    }
    options.max_connections = clients;
  }

  Result<void> open_probes() {
    if (config().control.http.empty()) return {};
    auto probes = ControlServer::open_tcp(
        io_, config().control.http,
        [this](ControlRequest request) { return probe_work(std::move(request)); },
        {.connections = kProbeConnections, .body_bytes = 1u << 10});
    if (!probes) return std::move(probes).error();
    probes_ = std::move(*probes);
    return {};
  }

  ControlWork probe_work(ControlRequest request) {
    return {[this, request = std::move(request), intake = server_->stats(), serving = serving_,
             control = control_->stats(), probes = probes_->stats()] {
      const auto registration = delivery_->registration(active_->configured());
      const ProbeInputs inputs{
          .metrics = {.queue = queue_->stats(),
                      .intake = intake,
                      .forward = delivery_->forward_status(),
                      .control = control,
                      .probes = probes,
                      .log_lines_dropped = {.room = log_->dropped_for_room(),
                                            .error = log_->dropped_by_errors()},
                      .model_ready =
                          registration && registration->state == RegistrationState::ready,
                      .now = clock_.wall(),
                      .uptime = clock_.steady() - started_},
          .serving = serving,
          .delivers = !is_tracking_server(config().destination) || !config().tracking.uri.empty(),
          .now = clock_.steady()};
      return handle_probe(request, inputs);
    }};
  }

  ControlWork control_work(ControlRequest request) {
    const bool slow = may_be_slow(request);
    auto run = [this, request = std::move(request), intake = server_->stats()] {
      const auto config = reload_->config();
      const ControlParts parts{.config = *config,
                               .active = *active_,
                               .queue = *queue_,
                               .delivery = *delivery_,
                               .reload = *reload_,
                               .clock = clock_};
      if (request.method != "GET") return handle_command(request, parts);
      const StatusInputs inputs{.config = *config,
                                .queue = *queue_,
                                .intake = intake,
                                .active = *active_,
                                .delivery = *delivery_,
                                .now = clock_.wall(),
                                .uptime = clock_.steady() - started_,
                                .queue_watch = queue_watch_,
                                .notices = notices_};
      return handle_control(request.target, inputs);
    };
    return {std::move(run), slow};
  }

  void log_summary() {
    for (const ConfigProblem& warning : loaded_.warnings) notices_.push_back(warning.to_string());
    std::error_code unknown;
    const auto real = std::filesystem::canonical(config().state_dir, unknown);
    if (std::string notice = storage_notice(real, mounts()); !notice.empty()) {
      notices_.push_back(std::move(notice));
    }
    for (const std::string& notice : active_->notices()) notices_.push_back(notice);
    for (const std::string& notice : delivery_->notices()) notices_.push_back(notice);
    for (const std::string& notice : notices_) spdlog::warn("{}", notice);
    const LinkDefinition link = link_of(config());
    spdlog::info(
        "tracelinkd {} pid={} config={} socket={} state_dir={} destination={} model={} server={} "
        "queued_spans={}",
        kVersion, ::getpid(), loaded_.file.empty() ? "defaults" : loaded_.file,
        socket_activated_ ? "systemd" : config().listen.socket.path, config().state_dir,
        to_string(config().destination), link.display_name(),
        config().tracking.uri.empty() ? "none" : config().tracking.uri,
        queue_->stats().queued_spans);
  }

  void warn_of_client(const std::string& message) {
    if (const auto times = client_warnings_.due(message)) {
      spdlog::warn("{} times={}", message, *times);
    }
  }

  void watch_queue() {
    queue_watch_.look(queue_->stats());
    queue_timer_.expires_after(kQueueCheck);
    queue_timer_.async_wait([this](auto error) {
      if (!error) watch_queue();
    });
  }

  // From the io thread: if it hangs, systemd restarts us.
  void feed_watchdog() {
    const auto interval = systemd::watchdog_interval();
    if (!interval) return;
    tell_systemd(systemd::watchdog());
    watchdog_timer_.expires_after(*interval);
    watchdog_timer_.async_wait([this](auto error) {
      if (!error) feed_watchdog();
    });
  }

  Shutdown::Steps stop_steps() {
    return {
        .reload = [this] { reload_->request(); },
        .drain =
            [this](SteadyTime deadline) {
              tell_systemd(systemd::stopping());
              delivery_->drain(deadline);
            },
        .drained = [this] { return delivery_->drained(); },
        .close_sockets = [this](std::chrono::milliseconds patience) { close_sockets(patience); }};
  }

  void close_sockets(std::chrono::milliseconds patience) {
    serving_ = false;
    control_->stop();
    if (probes_) probes_->stop();
    server_->stop(patience, [this] { io_.stop(); });
  }

  LoadedConfig loaded_;
  const Reload::Load load_;
  std::shared_ptr<const LogWriter> log_;
  SystemClock clock_;
  SystemRandomSource random_;
  std::unique_ptr<StateDirectory> state_;
  PosixFileSystem fs_;
  SteadyTime started_ = clock_.steady();
  std::vector<std::string> notices_;
  LogThrottle client_warnings_{clock_};
  asio::io_context io_{1};
  Shutdown shutdown_{io_, clock_, stop_steps()};
  asio::steady_timer watchdog_timer_{io_};
  asio::steady_timer queue_timer_{io_};
  bool socket_activated_ = false;
  bool serving_ = false;

  QueueWatch queue_watch_{clock_};
  std::unique_ptr<Queue> queue_;
  std::unique_ptr<ActiveLinks> active_;
  std::unique_ptr<Delivery> delivery_;
  std::optional<Reload> reload_;
  std::optional<MlflowFront> mlflow_front_;  // with listen.mlflow
  std::optional<QueueSink> sink_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<ControlServer> control_;
  std::unique_ptr<ControlServer> probes_;  // none without control.http
};

}  // namespace

Result<std::unique_ptr<Daemon>> Daemon::open(LoadedConfig loaded, Reload::Load load,
                                             std::shared_ptr<const LogWriter> log) {
  auto daemon = std::make_unique<DaemonImpl>(std::move(loaded), std::move(load), std::move(log));
  if (auto opened = daemon->open(); !opened) return std::move(opened).error();
  return std::unique_ptr<Daemon>(std::move(daemon));
}

}  // namespace tracelink
