#include "daemon/app/delivery.hpp"

#include <filesystem>
#include <future>
#include <stop_token>
#include <string>
#include <utility>

#include <spdlog/spdlog.h>

#include "daemon/app/options.hpp"
#include "daemon/base/wall_time_of.hpp"
#include "daemon/codec/link_codec.hpp"
#include "daemon/codec/name_template.hpp"
#include "daemon/destination/databricks/remedies.hpp"
#include "daemon/destination/mlflow/mlflow_destination.hpp"
#include "daemon/types/named_experiment.hpp"

namespace tracelink {

namespace {

// What dead letters may take of queue.max_bytes.
constexpr std::uint64_t kDeadLetterShare = 4;
constexpr std::chrono::seconds kCallTimeout{5};

}  // namespace

Delivery::Delivery(const Config& config, Queue& queue, FileSystem& fs, const Clock& clock,
                   RandomSource& random, CredentialReaders readers, const ActiveLinks& active,
                   Tap& tap)
    : config_(config),
      queue_(queue),
      fs_(fs),
      clock_(clock),
      random_(random),
      readers_(std::move(readers)),
      active_(active),
      tap_(tap),
      reporter_(clock) {}

Result<std::unique_ptr<Delivery>> Delivery::open(const Config& config, Queue& queue, FileSystem& fs,
                                                 const Clock& clock, RandomSource& random,
                                                 CredentialReaders readers,
                                                 const ActiveLinks& active, Tap& tap) {
  std::unique_ptr<Delivery> delivery(
      new Delivery(config, queue, fs, clock, random, std::move(readers), active, tap));
  if (auto opened = delivery->open(); !opened) return std::move(opened).error();
  return delivery;
}

Result<void> Delivery::open() {
  const std::filesystem::path state_dir = config_.state_dir;
  open_dead_letters(state_dir / "dead-letters");
  open_relinks(state_dir / "models" / "relinks.json");
  letter_commands_.emplace(*dead_letters_, queue_, clock_);
  take_up_letters();
  auto opened = open_destination(
      {.config = config_,
       .readers = readers_,
       .queue = queue_,
       .fs = fs_,
       .clock = clock_,
       .random = random_,
       .reporter = reporter_,
       .on_registered = [this](const RegistrationStatus& status) { registered(status); },
       .on_forgotten = [this](const LinkHash& link) { forgotten(link); }});
  if (!opened) return std::move(opened).error();
  opened_ = std::move(*opened);
  if (!opened_.destination) return {};
  tapped_.emplace(*opened_.destination, tap_, clock_);
  ForwarderOptions options = forwarder_options_of(config_);
  options.links.decide = [this](const LinkDefinition& undecided, std::string_view traces_data) {
    return active_.decide(undecided, traces_data);
  };
  forwarder_ = std::make_unique<Forwarder>(options, queue_, *tapped_, *dead_letters_, *relinks_,
                                           reporter_, clock_, random_);
  queue_.set_on_durable([this] { opened_.destination->wakeup(); });
  return {};
}

void Delivery::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) {
    if (forwarder_) {
      forwarder_->run(stop);
    } else {
      without_forwarder_.run(stop);
    }
  });
}

void Delivery::drain(SteadyTime deadline) {
  if (!forwarder_) return;
  forwarder_->drain(deadline);
  opened_.destination->wakeup();
}

bool Delivery::drained() const { return !forwarder_ || forwarder_->drained(); }

void Delivery::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  if (forwarder_) opened_.destination->wakeup();
  thread_.join();
}

Result<std::size_t> Delivery::relink(const Relink& relink) {
  if (!forwarder_) {
    return Error{ErrorCode::unavailable,
                 "nothing is forwarded yet: set tracking.uri, and relink then"};
  }
  const auto moved = std::make_shared<Result<std::size_t>>(std::size_t{0});
  const auto called = call([this, relink, moved] {
    *moved = forwarder_->relink(relink);
    const MutexLock lock(mutex_);
    relinks_seen_ = relinks_->all();
  });
  if (!called) return called.error();
  return *moved;
}

std::vector<Relink> Delivery::relinks() const {
  const MutexLock lock(mutex_);
  return relinks_seen_;
}

std::vector<std::string> Delivery::notices() const {
  const MutexLock lock(mutex_);
  return notices_;
}

ForwardStatus Delivery::forward_status() const {
  return forwarder_ ? forwarder_->status() : ForwardStatus{};
}

void Delivery::want(const LinkHash& link, const LinkDefinition& definition) {
  if (!opened_.registrar || definition.empty() || is_template(definition)) return;
  // After the end of delivery nothing is registered any more.
  (void)forwarder_->post([this, link, definition] {
    opened_.registrar->want(link, definition);
    if (const auto status = opened_.registrar->status(link)) registered(*status);
  });
}

void Delivery::configure(const LinkHash& link, const LinkDefinition& definition) {
  if (!forwarder_) return;
  // After the end of delivery nothing is chosen any more.
  (void)forwarder_->post([this, link] { forwarder_->configure(link); });
  if (!link.is_zero()) want(link, definition);
}

void Delivery::move_server(const Config& config) {
  if (!opened_.mlflow) return;
  // After the end of delivery nothing is sent any more.
  (void)forwarder_->post([this, tracking = tracking_options_of(config)] {
    opened_.mlflow->move_to(tracking.uri, tracking.credentials);
  });
}

std::optional<RegistrationStatus> Delivery::registration(const LinkHash& link) const {
  const MutexLock lock(mutex_);
  const auto found = registrations_.find(link);
  if (found == registrations_.end()) return std::nullopt;
  return found->second;
}

std::vector<RegistrationStatus> Delivery::registrations() const {
  std::vector<RegistrationStatus> all;
  const MutexLock lock(mutex_);
  all.reserve(registrations_.size());
  for (const auto& [link, status] : registrations_) {
    if (!is_named_experiment(status.definition)) all.push_back(status);
  }
  return all;
}

std::optional<std::string> Delivery::experiment_id(const std::string& name) const {
  const auto known = registration(hash_link(encode_link(named_experiment(name))));
  if (!known || !known->model) return std::nullopt;
  return known->model->experiment_id;
}

std::optional<std::string> Delivery::model_id(const std::string& name,
                                              const ExperimentRef& experiment) const {
  const MutexLock lock(mutex_);
  for (const auto& [link, status] : registrations_) {
    if (!status.model || status.model->model_id.empty() || status.requested_name != name) continue;
    const bool is_there = experiment.id.empty() ? status.model->experiment_name == experiment.name
                                                : status.model->experiment_id == experiment.id;
    if (is_there) return status.model->model_id;
  }
  return std::nullopt;
}

Delivery::DeliveredTraces Delivery::delivered(const LinkHash& link) const {
  if (!forwarder_) return {};
  const LinkDeliveries::Entry delivered = forwarder_->link_deliveries().of(link);
  return {delivered.traces, wall_time_of(delivered.last_at, clock_)};
}

Result<void> Delivery::call(std::function<void()> work) {
  auto task = std::make_shared<std::packaged_task<void()>>(std::move(work));
  auto done = task->get_future();
  const Error ended{ErrorCode::closed, "the daemon is stopping"};
  if (!post([task = std::move(task)] { (*task)(); })) return ended;
  if (done.wait_for(kCallTimeout) != std::future_status::ready) {
    return Error{ErrorCode::timeout, "delivery is busy; whether it was done shows in status"};
  }
  try {
    done.get();
  } catch (const std::future_error&) {  // thrown away when delivery ended
    return ended;
  }
  return {};
}

bool Delivery::post(std::function<void()> work) {
  return forwarder_ ? forwarder_->post(std::move(work)) : without_forwarder_.post(std::move(work));
}

const DeadLetterStore& Delivery::dead_letters() const { return *dead_letters_; }

Result<void> Delivery::replay_dead_letter(const std::string& id) {
  return with_letters([id](DeadLetterCommands& commands) { return commands.replay(id); });
}

Result<void> Delivery::remove_dead_letter(const std::string& id) {
  return with_letters([id](DeadLetterCommands& commands) { return commands.remove(id); });
}

// A letter tells that its record is not to be sent, so without the letters no earlier record is.
void Delivery::open_dead_letters(const std::filesystem::path& directory) {
  dead_letters_ =
      std::make_unique<DeadLetterStore>(fs_, directory, config_.queue.max_bytes / kDeadLetterShare);
  const auto loaded = dead_letters_->load();
  if (loaded) return hold_unread_letters();
  queue_.hold_earlier_records();
  queue_.held_files().hold(StateFile::dead_letters, directory.string(), loaded.error(), [this] {
    return load_late([this] {
      auto late = dead_letters_->load();
      if (!late) return late;
      hold_unread_letters();
      take_up_letters();
      return late;
    });
  });
}

// What cannot be finished now is held, and finished once that which it needs could be read.
void Delivery::take_up_letters() {
  const auto finished = letter_commands_->take_up_letters();
  if (finished) return;
  queue_.held_files().hold(
      StateFile::dead_letters, dead_letters_->path_under_way().string(), finished.error(),
      [this] { return on_forwarder([this] { return letter_commands_->finish_withdrawal(); }); });
}

// Without one of them no record of its trace is sent.
void Delivery::hold_unread_letters() {
  for (const std::string& notice : dead_letters_->take_notices()) note(notice);
  for (const auto& letter : dead_letters_->unread_letters()) {
    queue_.held_files().hold(
        StateFile::dead_letters, letter.path, letter.error,
        [this, id = letter.id] { return on_forwarder([this, id] { return load_letter(id); }); });
  }
}

Result<void> Delivery::load_letter(const std::string& id) {
  auto loaded = dead_letters_->load_letter(id);
  for (const std::string& notice : dead_letters_->take_notices()) note(notice);
  return loaded;
}

// Without the decisions no record goes that one of them may concern: all that were accepted
// before this start.
void Delivery::open_relinks(const std::filesystem::path& file) {
  relinks_ = std::make_unique<Relinks>(fs_, file);
  const auto loaded = relinks_->load();
  note_relinks();
  if (loaded) return;
  queue_.hold_earlier_records();
  queue_.held_files().hold(StateFile::relinks, file.string(), loaded.error(),
                           [this] { return load_late([this] { return load_relinks(); }); });
}

Result<void> Delivery::load_late(const std::function<Result<void>()>& load) {
  auto loaded = on_forwarder(load);
  if (loaded) queue_.release_earlier_records();
  return loaded;
}

// Loads on the forwarder thread, which uses what is loaded.
Result<void> Delivery::on_forwarder(const std::function<Result<void>()>& load) {
  const auto result = std::make_shared<Result<void>>();
  const auto called = call([load, result] { *result = load(); });
  return called ? *result : called;
}

Result<void> Delivery::load_relinks() {
  auto loaded = relinks_->load();
  if (loaded) note_relinks();
  return loaded;
}

void Delivery::note_relinks() {
  for (const std::string& notice : relinks_->take_notices()) note(notice);
  const MutexLock lock(mutex_);
  relinks_seen_ = relinks_->all();
}

void Delivery::note(std::string text) {
  spdlog::warn("{}", text);
  const MutexLock lock(mutex_);
  notices_.push_back(std::move(text));
}

// On the forwarder thread, which writes letters.
Result<void> Delivery::with_letters(std::function<Result<void>(DeadLetterCommands&)> command) {
  return on_forwarder([this, command = std::move(command)] { return command(*letter_commands_); });
}

void Delivery::registered(RegistrationStatus status) {
  if (config_.workspace && status.failure) {
    status.failure->remedy = remedy::in_databricks_words(status.failure->remedy);
  }
  registration_log_.changed(status);
  const MutexLock lock(mutex_);
  registrations_.insert_or_assign(status.link, status);
}

void Delivery::forgotten(const LinkHash& link) {
  registration_log_.forgotten(link);
  const MutexLock lock(mutex_);
  registrations_.erase(link);
}

}  // namespace tracelink
