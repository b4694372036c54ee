#include "daemon/app/reload.hpp"

#include <string_view>
#include <utility>

#include <spdlog/spdlog.h>

#include "daemon/app/logging.hpp"
#include "daemon/app/options.hpp"
#include "daemon/app/tell_systemd.hpp"
#include "daemon/report/log_event.hpp"
#include "systemd/notify.hpp"

namespace tracelink {
namespace {

std::string list_of(const std::vector<std::string>& keys) {
  std::string text;
  for (const std::string& key : keys) text += (text.empty() ? "" : ",") + key;
  return text;
}

void log_report(const Reload::Report& report) {
  for (const std::string& error : report.errors) {
    spdlog::error("configuration not reloaded: {}", error);
  }
  if (!report.errors.empty()) return;
  const ConfigChange& change = report.change;
  LogEvent("configuration reloaded").word("taken_up", list_of(change.taken_up)).info();
  if (!change.restart.empty()) {
    LogEvent("changed keys need a restart (nothing acknowledged is lost)")
        .word("keys", list_of(change.restart))
        .warn();
  }
  if (!change.overridden.empty()) {
    LogEvent("changed keys of the file have no effect: variables set them")
        .word("keys", list_of(change.overridden))
        .warn();
  }
}

}  // namespace

Reload::Reload(LoadedConfig running, Load load, ActiveLinks& active, Delivery& delivery,
               TakeLimits take_limits)
    : load_(std::move(load)),
      active_(active),
      delivery_(delivery),
      take_limits_(std::move(take_limits)),
      running_(std::move(running)),
      config_(std::make_shared<const Config>(running_.config)),
      thread_([this](const std::stop_token& stop) { serve(stop); }) {}

void Reload::request() {
  const MutexLock lock(mutex_);
  requested_ = true;
  wake_.notify_one();
}

void Reload::serve(const std::stop_token& stop) {
  for (;;) {
    {
      const MutexLock lock(mutex_);
      if (!wake_.wait(mutex_, stop, [this]() REQUIRES(mutex_) { return requested_; })) return;
      requested_ = false;
    }
    tell_systemd(systemd::reloading());
    (void)run();  // logged
    tell_systemd(systemd::ready());
  }
}

Reload::Report Reload::run() {
  const MutexLock one(run_mutex_);
  LoadResult result = load_();
  Report report = result.loaded ? take_up(*std::move(result.loaded)) : Report();
  for (const ConfigProblem& error : result.errors) report.errors.push_back(error.to_string());
  log_report(report);
  return report;
}

Reload::Report Reload::take_up(LoadedConfig loaded) {
  Report report{.change = changes_between(running_, loaded), .errors = {}};
  if (auto changed = change_link(report.change.config); !changed) {
    report.errors.push_back("models: " + std::move(changed).error().message);
    return report;
  }
  set_log_level(report.change.config.log.level);
  take_limits_(report.change.config);
  if (report.change.config.tracking.uri != running_.config.tracking.uri) {
    delivery_.move_server(report.change.config);
  }
  running_.config = report.change.config;
  running_.overridden = std::move(loaded.overridden);
  auto next = std::make_shared<const Config>(report.change.config);
  const MutexLock lock(mutex_);
  config_ = std::move(next);
  return report;
}

Result<void> Reload::change_link(const Config& config) {
  const LinkDefinition link = link_of(config);
  if (link == link_of(running_.config)) return {};
  std::string dropped;
  const auto hash = active_.configure(link, dropped);
  if (!hash) return hash.error();
  if (!dropped.empty()) spdlog::warn("{}", dropped);
  delivery_.configure(*hash, link);
  return {};
}

std::shared_ptr<const Config> Reload::config() const {
  const MutexLock lock(mutex_);
  return config_;
}

}  // namespace tracelink
