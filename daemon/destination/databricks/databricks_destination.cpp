#include "daemon/destination/databricks/databricks_destination.hpp"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <utility>

#include "daemon/destination/databricks/experiment_delivery.hpp"
#include "daemon/destination/databricks/remedies.hpp"
#include "daemon/destination/databricks/unity_catalog_delivery.hpp"
#include "daemon/destination/link_target.hpp"

namespace tracelink {
namespace {

constexpr std::chrono::milliseconds kShortestWait{10};
// What the endpoint takes at once is not documented; MLflow's client sends less.
constexpr std::uint64_t kMaxPostBytes = 4u << 20;
constexpr std::chrono::seconds kReadAgain{5};

Failure stopping() {
  Failure failure;
  failure.message = "stopping";
  return failure;
}

Failure unread(const Error& error, const std::filesystem::path& file) {
  Failure failure;
  failure.message = "which spans are stored already is not known: " + error.message;
  failure.remedy = "check the disk, and that the daemon's user may read " + file.string() +
                   "; it is tried again by itself";
  return failure;
}

// The trace of each delivery; zero of one that holds some of a trace's spans.
std::vector<TraceId> whole_traces(const std::vector<TraceDelivery>& batch) {
  std::vector<TraceId> traces;
  traces.reserve(batch.size());
  for (const TraceDelivery& delivery : batch) {
    traces.push_back(delivery.searched ? TraceId{} : delivery.trace.info.trace_id);
  }
  return traces;
}

// They were kept while the destination was another one: listen.mlflow does not go with Databricks.
Outcome refused_change() {
  Outcome outcome;
  outcome.kind = OutcomeKind::poison;
  outcome.failure.failure_class = FailureClass::poison;
  outcome.failure.message =
      "tags, assessments and deletions that came by listen.mlflow are told to an MLflow server "
      "only";
  outcome.indivisible = true;
  return outcome;
}

// Takes the changes out of the batch. What is told of the rest goes to `done` with their refusals,
// in the order that the batch had.
Destination::Done refuse_changes(std::vector<TraceDelivery>& batch, Destination::Done done) {
  const auto is_change = [](const auto& delivery) { return delivery.mode == DeliveryMode::change; };
  if (std::ranges::none_of(batch, is_change)) return done;
  std::vector<Outcome> all(batch.size(), refused_change());
  std::vector<TraceDelivery> rest;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (is_change(batch[i])) continue;
    rest.push_back(std::move(batch[i]));
    places.push_back(i);
  }
  batch = std::move(rest);
  return [all = std::move(all), places = std::move(places),
          done = std::move(done)](std::vector<Outcome> outcomes) {
    std::vector<Outcome> told = all;
    for (std::size_t i = 0; i < places.size(); ++i) told[places[i]] = std::move(outcomes[i]);
    done(std::move(told));
  };
}

}  // namespace

DatabricksDestination::DatabricksDestination(Options options, HttpClient& http,
                                             DatabricksClient& client, Registrar& registrar,
                                             LinkLookup lookup, FileSystem& fs, Reporter& reporter,
                                             const Clock& clock, RandomSource& random)
    : options_(std::move(options)),
      http_(http),
      client_(client),
      registrar_(registrar),
      lookup_(std::move(lookup)),
      clock_(clock),
      storages_(options_.trace_location, client, clock, random),
      request_slots_(std::max<std::size_t>(options_.connections, 1)),
      steps_(clock),
      sent_(SentJournal(fs, options_.sent_spans, clock), reporter) {
  (void)ensure_sent_known();  // else refusal() tells why, and asks again
}

// Without it, what a table has would be sent once more.
bool DatabricksDestination::ensure_sent_known() {
  if (!sent_unread_) return true;
  if (clock_.steady() < sent_due_) return false;
  const auto loaded = sent_.load();
  sent_unread_ = loaded ? std::nullopt : std::optional(loaded.error());
  sent_due_ = clock_.steady() + kReadAgain;
  return loaded.has_value();
}

std::optional<Failure> DatabricksDestination::refusal(const LinkHash& link,
                                                      const std::string& experiment) {
  if (!ensure_sent_known()) return unread(*sent_unread_, options_.sent_spans);
  auto target = find_target(registrar_, lookup_, link, experiment);
  if (!target) {
    Failure& failure = target.error();
    failure.remedy = remedy::in_databricks_words(failure.remedy);
    note_refusal(failure);
    return failure;
  }
  const auto storage = storages_.find(target->experiment_id, link);
  if (!storage) {
    note_refusal(storage.error());
    return storage.error();
  }
  if (state_ == ServerStatus::State::none) state_ = ServerStatus::State::up;
  return std::nullopt;
}

void DatabricksDestination::note_refusal(const Failure& failure) {
  using State = ServerStatus::State;
  if (failure.scope != FailureScope::server) return;
  state_ = failure.failure_class == FailureClass::configuration ? State::refusing : State::down;
}

std::vector<LinkHash> DatabricksDestination::take_changed_links() {
  std::vector<LinkHash> links = registrar_.take_changed();
  const auto asked = storages_.take_changed_links();
  links.insert(links.end(), asked.begin(), asked.end());
  return links;
}

void DatabricksDestination::deliver(std::vector<TraceDelivery> batch, Done done) {
  const LinkHash link = batch.front().link;
  const std::string experiment = batch.front().experiment;
  const auto to = find_target(registrar_, lookup_, link, experiment);
  if (!to) std::abort();  // refusal() was not asked
  const auto storage = storages_.find(to->experiment_id, link);
  if (!storage) std::abort();
  done = refuse_changes(batch, std::move(done));
  if (batch.empty()) return finished_.add(std::move(done), {});
  for (const TraceDelivery& delivery : batch) {
    if (!delivery.repeated) repairs_ += delivery.trace.repairs;
  }
  TraceContext context{.model_id = to->model_id,
                       .experiment_id = to->experiment_id,
                       .metadata = {},
                       .tags = version_tags(options_.version_tag, *to)};
  Done learned =
      learning({to->experiment_id, link, experiment}, whole_traces(batch), std::move(done));
  const auto delivery =
      delivery_to(*storage, std::move(context), std::move(batch), std::move(learned));
  std::erase_if(deliveries_, [](const auto& known) { return known.expired(); });
  deliveries_.push_back(delivery);
  delivery->start();
}

std::shared_ptr<BatchDelivery> DatabricksDestination::delivery_to(const TraceStorage& storage,
                                                                  TraceContext context,
                                                                  std::vector<TraceDelivery> batch,
                                                                  Done done) {
  if (!storage.in_unity_catalog()) {
    ExperimentDelivery::Context parts{.client = client_,
                                      .request_slots = request_slots_,
                                      .steps = steps_,
                                      .trace = std::move(context)};
    return std::make_shared<ExperimentDelivery>(std::move(parts), std::move(batch),
                                                std::move(done));
  }
  UnityCatalogDelivery::Context parts{
      .client = client_,
      .request_slots = request_slots_,
      .steps = steps_,
      .sent = sent_,
      .infos_in_doubt = infos_in_doubt_,
      .storage = storage,
      .trace = std::move(context),
      .max_post_bytes = std::min(options_.max_batch_bytes, kMaxPostBytes)};
  return std::make_shared<UnityCatalogDelivery>(std::move(parts), std::move(batch),
                                                std::move(done));
}

Destination::Done DatabricksDestination::learning(Addressee to, std::vector<TraceId> whole,
                                                  Done done) {
  return [this, to = std::move(to),
          done = telling(std::move(whole), std::move(done))](std::vector<Outcome> outcomes) {
    for (const Outcome& outcome : outcomes) learn_from(to, outcome);
    finished_.add(done, std::move(outcomes));
  };
}

// Only when the caller is told, since it makes that durable then; until then what was sent is
// remembered here.
Destination::Done DatabricksDestination::telling(std::vector<TraceId> whole, Done done) {
  return [this, whole = std::move(whole), done = std::move(done)](std::vector<Outcome> outcomes) {
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      if (outcomes[i].kind == OutcomeKind::delivered) sent_.delivered(whole[i]);
    }
    done(std::move(outcomes));
  };
}

void DatabricksDestination::learn_from(const Addressee& to, const Outcome& outcome) {
  using State = ServerStatus::State;
  const Failure& failure = outcome.failure;
  if (outcome.kind == OutcomeKind::configuration) {
    storages_.forget(to.experiment_id);
    verify_after(registrar_, to.link, to.requested_experiment, failure);
    if (failure.scope == FailureScope::server) state_ = State::refusing;
  } else if (outcome.kind == OutcomeKind::delivered) {
    state_ = State::up;
  } else if (failure.http_status != 0) {
    if (state_ != State::refusing) state_ = State::up;
  } else if (outcome.kind == OutcomeKind::transient && failure.scope == FailureScope::server) {
    state_ = State::down;
  }
}

ServerStatus DatabricksDestination::server() const {
  ServerStatus status;
  status.state = state_;
  status.version = "Databricks";
  status.repairs = repairs_;
  status.possible_duplicate_spans = sent_.possible_duplicates();
  status.possible_duplicate_infos = infos_in_doubt_;
  status.steps = steps_.counts();
  status.registrations = registrar_.counters();
  return status;
}

std::optional<SteadyTime> DatabricksDestination::next_due() const {
  const auto registration = registrar_.next_due();
  const auto storage = storages_.next_due();
  const auto sent = sent_unread_ ? std::optional(sent_due_) : std::nullopt;
  std::optional<SteadyTime> first;
  for (const auto& due : {registration, storage, sent}) {
    if (due && (!first || *due < *first)) first = due;
  }
  return first;
}

void DatabricksDestination::poll(std::chrono::milliseconds timeout) {
  registrar_.advance();
  storages_.advance();
  if (const auto due = next_due()) {
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(*due - clock_.steady());
    timeout = std::min(timeout, std::max(wait, kShortestWait));
  }
  if (!finished_.empty()) timeout = std::chrono::milliseconds(0);
  http_.poll(timeout);
  finished_.tell();
}

void DatabricksDestination::cancel() {
  for (const auto& known : deliveries_) {
    if (const auto delivery = known.lock()) delivery->abort(stopping());
  }
  http_.cancel_all();
  finished_.tell();
}

}  // namespace tracelink
