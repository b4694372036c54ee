#include "daemon/app/mlflow_front.hpp"

#include <filesystem>
#include <utility>

#include <spdlog/spdlog.h>

#include "daemon/app/options.hpp"
#include "daemon/forward/forwarder.hpp"
#include "daemon/http/curl_relay.hpp"
#include "daemon/types/named_experiment.hpp"

namespace tracelink {

MlflowFront::MlflowFront(const Config& config, FileSystem& fs, const Clock& clock, HeldFiles& held,
                         Delivery& delivery, const ActiveLinks& active)
    : config_(config),
      held_(held),
      delivery_(delivery),
      active_(active),
      clock_(clock),
      knowledge_(fs, std::filesystem::path(config.state_dir) / "models/server.json",
                 config.tracking.uri, [this] { unsaved_ = true; }),
      provisional_(fs, std::filesystem::path(config.state_dir) / "models/names.json", clock),
      id_requests_(provisional_,
                   [this](std::function<void()> work) { (void)delivery_.post(std::move(work)); }) {
  // What an earlier process has stored can be asked for, too.
  if (Forwarder* forwarder = delivery_.forwarder()) {
    forwarder->set_on_earlier([this](const TraceSlice& slice) { stored_.add(slice); });
  }
}

std::shared_ptr<MlflowDoor> MlflowFront::open(std::size_t relayed,
                                              const std::function<void(std::string)>& on_notice) {
  load_knowledge(on_notice);
  load_names(on_notice);
  relay_ = std::make_unique<CurlRelay>(config_.tracking.uri, relay_options_of(config_), relayed);
  const bool has_server = !config_.tracking.uri.empty();
  Forwarder* const forwarder = delivery_.forwarder();
  return std::make_shared<MlflowDoor>(MlflowDoor{
      .relay = *relay_,
      .knowledge = knowledge_,
      .stored = stored_,
      .provisional = provisional_,
      .server = has_server ? config_.tracking.uri : "(tracking.uri is not set)",
      .current_version = [this] { return delivery_.forward_status().server.version; },
      .is_server_down =
          [this] { return delivery_.forward_status().server.state == ServerStatus::State::down; },
      .own_experiment = [this] { return own_experiment(); },
      .obeys_names = config_.model.from_traces == FromTraces::names,
      .give_id =
          [this](const LinkDefinition& named, std::function<void(Result<std::string>)> done) {
            id_requests_.ask(named, std::move(done));
          },
      .real_id = [this](const LinkDefinition& named) { return real_id(named); },
      .await_delivery =
          [forwarder](const TraceId& trace, SteadyTime deadline, std::function<void(bool)> done) {
            if (forwarder) {
              forwarder->await_delivery(trace, deadline, std::move(done));
            } else {
              done(false);
            }
          },
      .hurry =
          [forwarder](const std::optional<TraceId>& trace) {
            if (forwarder) forwarder->hurry(trace);
          },
      .all_delivered =
          [forwarder](SteadyTime since) {
            return !forwarder || forwarder->has_delivered_all(since);
          }});
}

void MlflowFront::save_if_due() {
  if (clock_.steady() < save_from_ || !unsaved_.exchange(false)) return;
  save_from_ = clock_.steady() + kSaveEach;
  if (!delivery_.post([this] { save(); })) unsaved_ = true;
}

void MlflowFront::save_rest() {
  if (unsaved_.exchange(false)) save();
}

// While the file cannot be read, nothing is saved in its place.
void MlflowFront::load_knowledge(const std::function<void(std::string)>& on_notice) {
  const auto loaded = knowledge_.load();
  if (loaded) return;
  if (loaded.error().code == ErrorCode::corrupt) {
    on_notice(loaded.error().message + ": the tracking server is asked again for what it had");
    return;
  }
  held_.hold(StateFile::registration,
             (std::filesystem::path(config_.state_dir) / "models/server.json").string(),
             loaded.error(), [this] { return knowledge_.load(); });
}

// While the file cannot be read, provisional ids are not recognised, and none is given.
void MlflowFront::load_names(const std::function<void(std::string)>& on_notice) {
  const auto loaded = provisional_.load();
  if (loaded) return;
  if (loaded.error().code == ErrorCode::corrupt) {
    on_notice(loaded.error().message +
              " and set aside: what applications named while the tracking server was away is lost; "
              "restart those that still run");
    return;
  }
  held_.hold(StateFile::registration,
             (std::filesystem::path(config_.state_dir) / "models/names.json").string(),
             loaded.error(), [this] { return provisional_.load(); });
}

std::optional<Experiment> MlflowFront::own_experiment() const {
  const auto known = delivery_.registration(active_.configured());
  if (!known || !known->model || known->model->experiment_id.empty()) return std::nullopt;
  return Experiment{.id = known->model->experiment_id, .name = known->model->experiment_name};
}

// What an application named is registered with the first trace that needs it.
std::optional<std::string> MlflowFront::real_id(const LinkDefinition& named) const {
  if (is_named_experiment(named)) return delivery_.experiment_id(named.experiment.name);
  if (!named.experiment.empty()) return delivery_.model_id(named.name, named.experiment);
  const auto own = own_experiment();
  if (!own) return std::nullopt;
  return delivery_.model_id(named.name, {.id = own->id, .name = {}});
}

// A failure costs an application that starts while the server is away, so it is worth a line.
void MlflowFront::save() {
  const auto saved = knowledge_.save();
  if (!saved) unsaved_ = true;
  if (std::exchange(save_fails_, !saved) || saved) return;
  spdlog::warn("what was learned of the tracking server is not saved: {}", saved.error().message);
}

}  // namespace tracelink
