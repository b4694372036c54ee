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
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "daemon/app/active_links.hpp"
#include "daemon/app/control_commands.hpp"
#include "daemon/app/control_handler.hpp"
#include "daemon/app/delivery.hpp"
#include "daemon/app/descriptors.hpp"
#include "daemon/app/directories.hpp"
#include "daemon/app/history.hpp"
#include "daemon/app/mlflow_front.hpp"
#include "daemon/app/options.hpp"
#include "daemon/app/probes.hpp"
#include "daemon/app/process_stats.hpp"
#include "daemon/app/public_status.hpp"
#include "daemon/app/queue_sink.hpp"
#include "daemon/app/queue_watch.hpp"
#include "daemon/app/reload.hpp"
#include "daemon/app/shutdown.hpp"
#include "daemon/app/state_directory.hpp"
#include "daemon/app/status_json.hpp"
#include "daemon/app/storage_notice.hpp"
#include "daemon/base/clock.hpp"
#include "daemon/base/posix_file_system.hpp"
#include "daemon/base/random_source.hpp"
#include "daemon/control/control_server.hpp"
#include "daemon/queue/queue.hpp"
#include "daemon/report/log_event.hpp"
#include "daemon/report/log_throttle.hpp"
#include "daemon/types/version.hpp"
#include "ipc/server/server.hpp"
#include "systemd/notify.hpp"
#include "systemd/socket_activation.hpp"

namespace tracelink {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds kQueueCheck{1};
// How old the status may be that senders see, so that asking for it all the time costs others
// nothing.
constexpr std::chrono::seconds kSendersStatusAge{1};

std::string mounts() {
  std::ifstream file("/proc/self/mountinfo");
  return {std::istreambuf_iterator<char>(file), {}};
}

void tell_systemd(const Result<void>& told) {
  if (!told) spdlog::warn("systemd was not told: {}", told.error().message);
}

// No core file and no other process of this user gets at the workspace's tokens; root still can.
void keep_memory_private() { (void)::prctl(PR_SET_DUMPABLE, 0); }

class DaemonImpl final : public Daemon {
 public:
  DaemonImpl(LoadedConfig loaded, Reload::Load load, std::shared_ptr<const LogWriter> log,
             Successor own)
      : loaded_(std::move(loaded)),
        load_(std::move(load)),
        log_(std::move(log)),
        own_(std::move(own)) {}

  Result<void> open() {
    if (config().workspace) keep_memory_private();
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
    LogEvent("stopped").number("queued_spans", queue_->stats().queued_spans).info();
    return 0;
  }

  std::optional<Successor> successor() override {
    if (!upgrading_) return std::nullopt;
    return Successor{.program = own_.program,
                     .sockets = server_->keep_listening(),
                     .socket_activated = socket_activated_};
  }

 private:
  // That of the start; what may change since is in reload_.
  const Config& config() const { return loaded_.config; }

  std::optional<Credentials> read_credentials() const {
    const LoadResult again = load_();
    if (!again.loaded) return std::nullopt;
    return credentials_of(again.loaded->config);
  }

  std::optional<DatabricksWorkspace> read_workspace() const {
    const LoadResult again = load_();
    if (!again.loaded) return std::nullopt;
    return again.loaded->config.workspace;
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
                                   {.server = [this] { return read_credentials(); },
                                    .workspace = [this] { return read_workspace(); }});
    if (!delivery) return std::move(delivery).error();
    delivery_ = std::move(*delivery);
    want_active_models();
    reload_.emplace(loaded_, load_, *active_, *delivery_);
    if (!config().listen.mlflow.empty()) {
      mlflow_front_.emplace(config(), fs_, *delivery_, *active_);
    }
    sink_.emplace(*queue_, clock_, *active_, queue_watch_, tap_,
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
    options.kept = own_.sockets;
    if (!descriptors->empty()) {
      options.listening_fd = descriptors->front();
    } else if (own_.socket_activated) {
      options.listening_fd = own_.sockets.local;
    } else if (auto made = make_socket_directory(options.socket.path); !made) {
      return std::move(made).error().within("listen.socket.path");
    }
    socket_activated_ = options.listening_fd.has_value();
    note_places(options.listening_fd);
    options.describe = [this] { return describe_intake(*reload_->config(), *active_, *delivery_); };
    options.status = [this] { return senders_status(); };
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

  void note_places(const std::optional<int>& from_systemd) {
    places_ = {.intake = config().listen.socket.path,
               .from_systemd = from_systemd.has_value(),
               .tcp = config().listen.tcp,
               .control = config().control.socket,
               .http = config().control.http,
               .state_dir = config().state_dir,
               .config_file = loaded_.file};
    if (from_systemd) places_.intake = systemd::socket_path(*from_systemd);
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
                      .models = model_states(delivery_->registrations()),
                      .server = server_address(server_uri(*reload_->config())),
                      .process =
                          request.target == "/metrics" ? process_stats("/proc") : ProcessStats(),
                      .now = clock_.wall(),
                      .uptime = clock_.steady() - started_},
          .serving = serving,
          .delivers = !is_tracking_server(config().destination) || !config().tracking.uri.empty(),
          .now = clock_.steady(),
          .status =
              [&] {
                const auto config = reload_->config();
                return public_status(status_json(status_inputs(*config, intake)));
              },
          .history = [this] { return history_.json(); }};
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
                               .clock = clock_,
                               .upgrade = [this] { return upgrade(); }};
      if (request.method != "GET") return handle_command(request, parts);
      return handle_control(request.target, status_inputs(*config, intake));
    };
    return {std::move(run), slow};
  }

  // What is installed by now takes over, unless it could not start. Any thread.
  Result<void> upgrade() {
    if (::access(own_.program.c_str(), X_OK) != 0) {
      return Error{ErrorCode::invalid, own_.program + " is no program that can be run"};
    }
    const LoadResult again = load_();
    if (!again.loaded) return Error{ErrorCode::invalid, again.errors.front().to_string()};
    asio::post(io_, [this] {
      upgrading_ = true;
      shutdown_.begin("upgrade", std::chrono::milliseconds{0});
    });
    return {};
  }

  StatusInputs status_inputs(const Config& config, const ServerStats& intake) {
    return {.config = config,
            .queue = *queue_,
            .intake = intake,
            .active = *active_,
            .delivery = *delivery_,
            .now = clock_.wall(),
            .uptime = clock_.steady() - started_,
            .queue_watch = queue_watch_,
            .notices = notices_,
            .places = places_,
            .tap = tap_};
  }

  std::string senders_status() {
    const SteadyTime now = clock_.steady();
    if (!senders_status_.empty() && now - senders_status_at_ < kSendersStatusAge) {
      return senders_status_;
    }
    senders_status_ = status_for_senders(status_inputs(*reload_->config(), server_->stats()));
    senders_status_at_ = now;
    return senders_status_;
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
    LogEvent(std::string("tracelinkd ") + kVersion)
        .number("pid", static_cast<std::uint64_t>(::getpid()))
        .word("config", loaded_.file.empty() ? "defaults" : loaded_.file)
        .word("socket", socket_activated_ ? "systemd" : config().listen.socket.path)
        .word("state_dir", config().state_dir)
        .word("destination", to_string(config().destination))
        .word("model", link.display_name())
        .word("server", config().tracking.uri.empty() ? "none" : server_uri(config()))
        .number("queued_spans", queue_->stats().queued_spans)
        .info();
  }

  void warn_of_client(const std::string& message) {
    if (const auto times = client_warnings_.due(message)) {
      LogEvent(message).number("times", *times).warn();
    }
  }

  void watch_queue() {
    const QueueStats stats = queue_->stats();
    queue_watch_.look(stats);
    if (history_.is_due()) history_.look(stats, delivery_->forward_status());
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
              if (!upgrading_) tell_systemd(systemd::stopping());
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
  const Successor own_;
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
  bool upgrading_ = false;
  StatusPlaces places_;
  std::string senders_status_;  // as it was asked for last
  SteadyTime senders_status_at_{};

  QueueWatch queue_watch_{clock_};
  Tap tap_{clock_};
  History history_{clock_};
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
                                             std::shared_ptr<const LogWriter> log, Successor own) {
  auto daemon = std::make_unique<DaemonImpl>(std::move(loaded), std::move(load), std::move(log),
                                             std::move(own));
  if (auto opened = daemon->open(); !opened) return std::move(opened).error();
  return std::unique_ptr<Daemon>(std::move(daemon));
}

}  // namespace tracelink
