#include "daemon/app/mlflow_front.hpp"

#include <filesystem>
#include <utility>

#include <spdlog/spdlog.h>

#include "daemon/app/options.hpp"
#include "daemon/http/curl_relay.hpp"

namespace tracelink {

MlflowFront::MlflowFront(const Config& config, FileSystem& fs, Delivery& delivery,
                         const ActiveLinks& active, const Clock& clock)
    : config_(config),
      delivery_(delivery),
      active_(active),
      clock_(clock),
      knowledge_(fs, std::filesystem::path(config.state_dir) / "models/server.json",
                 config.tracking.uri, [this] { unsaved_ = true; }) {
  // What an earlier process has stored can be asked for, too.
  delivery_.set_on_earlier([this](const TraceSlice& slice) { stored_.add(slice); });
}

std::shared_ptr<MlflowDoor> MlflowFront::open(std::size_t relayed,
                                              const std::function<void(std::string)>& on_notice) {
  if (auto loaded = knowledge_.load(); !loaded) {
    on_notice("what is known of the tracking server cannot be read (" + loaded.error().message +
              "): it is asked again");
  }
  relay_ = std::make_unique<CurlRelay>(config_.tracking.uri, relay_options_of(config_), relayed);
  const bool has_server = !config_.tracking.uri.empty();
  return std::make_shared<MlflowDoor>(MlflowDoor{
      .relay = *relay_,
      .knowledge = knowledge_,
      .stored = stored_,
      .server = has_server ? config_.tracking.uri : "(tracking.uri is not set)",
      .current_version = [this] { return delivery_.forward_status().server.version; },
      .own_experiment = [this]() -> std::optional<Experiment> {
        const auto known = delivery_.registration(active_.configured());
        if (!known || !known->model || known->model->experiment_id.empty()) return std::nullopt;
        return Experiment{.id = known->model->experiment_id, .name = known->model->experiment_name};
      },
      .await_delivery =
          [this](const TraceId& trace, SteadyTime deadline, std::function<void(bool)> done) {
            delivery_.await_delivery(trace, deadline, std::move(done));
          },
      .hurry = [this](const std::optional<TraceId>& trace) { delivery_.hurry(trace); },
      .all_delivered = [this](SteadyTime since) { return delivery_.has_delivered_all(since); }});
}

void MlflowFront::save_if_due() {
  if (clock_.steady() < save_from_ || !unsaved_.exchange(false)) return;
  save_from_ = clock_.steady() + kSaveEach;
  delivery_.post([this] { save(); });
}

void MlflowFront::save_rest() {
  if (unsaved_.exchange(false)) save();
}

// A failure costs an application that starts while the server is away, so it is worth a line.
void MlflowFront::save() {
  const auto saved = knowledge_.save();
  if (!saved) unsaved_ = true;
  if (std::exchange(save_fails_, !saved) || saved) return;
  spdlog::warn("what was learned of the tracking server is not saved: {}", saved.error().message);
}

}  // namespace tracelink
