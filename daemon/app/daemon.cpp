#include "daemon/app/daemon.hpp"

#include <algorithm>
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
#include <sysexits.h>
#include <unistd.h>

#include "config/key_table.hpp"
#include "config/value.hpp"
#include "daemon/app/active_links.hpp"
#include "daemon/app/answers.hpp"
#include "daemon/app/delivery.hpp"
#include "daemon/app/health.hpp"
#include "daemon/app/history.hpp"
#include "daemon/app/listeners.hpp"
#include "daemon/app/mlflow_front.hpp"
#include "daemon/app/options.hpp"
#include "daemon/app/queue_sink.hpp"
#include "daemon/app/queue_watch.hpp"
#include "daemon/app/reload.hpp"
#include "daemon/app/service_line.hpp"
#include "daemon/app/shutdown.hpp"
#include "daemon/app/state_directory.hpp"
#include "daemon/app/storage_notice.hpp"
#include "daemon/app/tell_systemd.hpp"
#include "daemon/base/clock.hpp"
#include "daemon/base/posix_file_system.hpp"
#include "daemon/base/random_source.hpp"
#include "daemon/control/control_server.hpp"
#include "daemon/queue/queue.hpp"
#include "daemon/report/log_event.hpp"
#include "daemon/report/log_throttle.hpp"
#include "daemon/types/version.hpp"
#include "systemd/notify.hpp"

namespace tracelink {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds kQueueCheck{1};
// A watchdog that could not be fed: long before it bites.
constexpr std::chrono::microseconds kTellAgain{1'000'000};
std::string mounts() {
  std::ifstream file("/proc/self/mountinfo");
  return {std::istreambuf_iterator<char>(file), {}};
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
    if (auto shared = listeners_.share_files(notices_); !shared) return shared;
    if (config().workspace) keep_memory_private();
    if (auto opened = open_state(); !opened) return opened;
    return open_listeners();
  }

  void run() override {
    log_summary();
    watch_queue();
    queue_->start();
    state_->watch(queue_->held_files());
    delivery_->start();
    listeners_.start();
    serving_ = true;
    shutdown_.await_signals(shutdown_grace_of(config(), listeners_.socket_activated()));
    tell_systemd(systemd::ready());
    feed_watchdog();
    io_.run();
    delivery_->stop();
    if (mlflow_front_) mlflow_front_->save_rest();
    state_->stop_watching();
    queue_->stop();
    LogEvent("stopped").number("queued_spans", queue_->stats().queued_spans).info();
  }

  std::optional<Successor> successor() override {
    // Whoever ends the daemon wants it ended, before an upgrade and during one.
    if (!upgrading_ || shutdown_.was_signalled()) return std::nullopt;
    return Successor{.program = own_.program,
                     .sockets = listeners_.keep_listening(),
                     .socket_activated = listeners_.socket_activated()};
  }

 private:
  // That of the start; what may change since is in reload_.
  const Config& config() const { return loaded_.config; }

  // On the forwarder's thread, before each request after a refusal: a mistake is logged once.
  std::optional<Config> read_again() {
    LoadResult again = load_();
    const std::string mistake = again.loaded ? "" : again.errors.front().to_string();
    if (std::exchange(mistake_, mistake) != mistake && !mistake.empty()) {
      spdlog::error("the credentials are not read again: {}", mistake);
    }
    if (!again.loaded) return std::nullopt;
    return std::move(again.loaded->config);
  }

  // What the file has for another server by now is not told to this one.
  std::optional<Credentials> read_credentials(const std::string& uri) {
    const auto now = read_again();
    if (!now || server_uri(*now) != uri) return std::nullopt;
    return credentials_of(*now);
  }

  std::optional<DatabricksWorkspace> read_workspace() {
    const auto now = read_again();
    if (!now) return std::nullopt;
    return now->workspace;
  }

  Result<void> open_state() {
    auto state = StateDirectory::open(config().state_dir);
    if (!state) return std::move(state).error().within("state_dir");
    state_ = std::move(*state);
    fs_.set_guard([this](const auto& path) { return state_->intact(path); });
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
    auto delivery =
        Delivery::open(config(), *queue_, fs_, clock_, random_,
                       {.server = [this](const std::string& uri) { return read_credentials(uri); },
                        .workspace = [this] { return read_workspace(); }},
                       *active_, delivered_tap_);
    if (!delivery) return std::move(delivery).error();
    delivery_ = std::move(*delivery);
    want_active_models();
    reload_.emplace(loaded_, load_, *active_, *delivery_,
                    [this](const Config& changed) { listeners_.take_limits(changed); });
    if (!config().listen.mlflow.empty()) {
      mlflow_front_.emplace(config(), fs_, clock_, queue_->held_files(), *delivery_, *active_);
    }
    sink_.emplace(*queue_, clock_, *active_, queue_watch_, tap_, services_,
                  mlflow_front_ ? &mlflow_front_->stored() : nullptr,
                  mlflow_front_ ? &mlflow_front_->provisional() : nullptr);
    answers_.emplace(Answers::Parts{.config = config(),
                                    .reload = *reload_,
                                    .queue = *queue_,
                                    .active = *active_,
                                    .delivery = *delivery_,
                                    .queue_watch = queue_watch_,
                                    .history = history_,
                                    .tap = tap_,
                                    .delivered_tap = delivered_tap_,
                                    .services = services_,
                                    .listeners = listeners_,
                                    .notices = notices_,
                                    .log = *log_,
                                    .clock = clock_,
                                    .started = started_,
                                    .serving = serving_,
                                    .upgrade = [this] { return upgrade(); }});
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

  Result<void> open_listeners() {
    Listeners::Answers answers{
        .describe = [this] { return answers_->intake_description(); },
        .status = [this] { return answers_->senders_status(); },
        .on_warning = [this](const std::string& message) { warn_of_client(message); },
        .control = [this](ControlRequest request) { return answers_->control(std::move(request)); },
        .probe = [this](ControlRequest request) { return answers_->probe(std::move(request)); }};
    return listeners_.open(*sink_, mlflow_front_ ? &*mlflow_front_ : nullptr, std::move(answers),
                           notices_);
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
      shutdown_.begin("upgrade", std::chrono::milliseconds{0}, EX_TEMPFAIL);
    });
    return {};
  }

  void log_summary() {
    for (const ConfigProblem& warning : loaded_.warnings) notices_.push_back(warning.to_string());
    std::error_code unknown;
    const std::filesystem::path state_dir = config().state_dir;
    for (const auto& path : {state_dir, state_dir / "queue"}) {  // which may be a mount of its own
      auto notice = storage_notice(std::filesystem::canonical(path, unknown), mounts());
      if (notice.empty()) continue;
      notices_.push_back(std::move(notice));
      break;
    }
    for (const std::string& notice : notices_) spdlog::warn("{}", notice);
    const LinkDefinition link = link_of(config());
    LogEvent(std::string("tracelinkd ") + kVersion)
        .number("pid", static_cast<std::uint64_t>(::getpid()))
        .word("config", loaded_.file.empty() ? "defaults" : loaded_.file)
        .word("socket", listeners_.socket_activated() ? "systemd" : config().listen.socket.path)
        .word("state_dir", config().state_dir)
        .word("destination", display(*find_key("destination"), config()))
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
    listeners_.watch(queue_->held_files());
    if (mlflow_front_) mlflow_front_->save_if_due();
    if (history_.is_due()) {
      const ForwardStatus forward = delivery_->forward_status();
      history_.look(stats, forward);
      tell_service_manager(stats, forward);
    }
    queue_timer_.expires_after(kQueueCheck);
    queue_timer_.async_wait([this](auto error) {
      if (!error) watch_queue();
    });
  }

  void tell_service_manager(const QueueStats& queue, const ForwardStatus& forward) {
    const auto config = reload_->config();
    std::string line = service_line(link_of(*config).display_name(),
                                    delivery_->registration(active_->configured()), queue, forward);
    if (line == service_line_) return;
    if (tell_systemd(systemd::status(line))) service_line_ = std::move(line);
  }

  // From the io thread, and only while the forwarder thread makes progress: if either hangs,
  // systemd restarts us.
  void feed_watchdog() {
    const auto interval = systemd::watchdog_interval();
    if (!interval) return;
    const bool hangs =
        delivers(config()) && forwarder_hangs(delivery_->forward_status(), clock_.steady());
    const bool told = !hangs && tell_systemd(systemd::watchdog());
    watchdog_timer_.expires_after(told ? *interval : std::min(*interval, kTellAgain));
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
    listeners_.stop(patience, [this] { io_.stop(); });
  }

  LoadedConfig loaded_;
  const Reload::Load load_;
  std::string mistake_;  // that the last reading for credentials met
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
  bool serving_ = false;
  bool upgrading_ = false;
  std::string service_line_;  // as systemd was told

  QueueWatch queue_watch_{clock_};
  Tap tap_{clock_};
  Tap delivered_tap_{clock_};
  ServiceCounters services_;
  History history_{clock_};
  std::unique_ptr<Queue> queue_;
  std::unique_ptr<ActiveLinks> active_;
  std::unique_ptr<Delivery> delivery_;
  std::optional<Reload> reload_;
  std::optional<MlflowFront> mlflow_front_;  // with listen.mlflow
  std::optional<QueueSink> sink_;
  std::optional<Answers> answers_;
  Listeners listeners_{loaded_, own_, io_, clock_};
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
