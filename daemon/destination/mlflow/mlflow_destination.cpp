#include "daemon/destination/mlflow/mlflow_destination.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "daemon/destination/link_target.hpp"

namespace tracelink {

namespace {

constexpr std::chrono::milliseconds kShortestWait{10};

Failure transient(std::string message) {
  Failure failure;
  failure.message = std::move(message);
  return failure;
}

}  // namespace

MlflowDestination::MlflowDestination(Options options, HttpClient& http, TrackingClient& client,
                                     Registrar& registrar, LinkLookup lookup, Reporter& reporter,
                                     const Clock& clock, RandomSource& random)
    : options_(std::move(options)),
      http_(http),
      registrar_(registrar),
      client_(client),
      lookup_(std::move(lookup)),
      reporter_(reporter),
      clock_(clock),
      probe_(client, registrar, reporter, clock, random),
      request_slots_(std::max<std::size_t>(options_.connections, 1)),
      proof_(client, clock),
      steps_(clock) {}

MlflowDestination::~MlflowDestination() = default;

std::optional<Failure> MlflowDestination::refusal(const LinkHash& link,
                                                  const std::string& experiment) {
  probe_.check_server();
  if (!probe_.capabilities()) return probe_.failure();
  const auto resolved = find_target(registrar_, lookup_, link, experiment);
  if (resolved) return std::nullopt;
  const Failure& failure = resolved.error();
  const bool needs_operator = failure.failure_class == FailureClass::configuration;
  if (failure.scope == FailureScope::server && needs_operator) probe_.refused(failure);
  return failure;
}

void MlflowDestination::deliver(std::vector<TraceDelivery> batch, Done done) {
  const LinkHash link = batch.front().link;
  const std::string experiment = batch.front().experiment;
  const auto to = find_target(registrar_, lookup_, link, experiment);
  if (!to || !probe_.capabilities()) std::abort();  // refusal() was not asked
  MlflowDelivery::Context context{
      .client = client_,
      .request_slots = request_slots_,
      .proof = proof_,
      .texts = texts_,
      .steps = steps_,
      .capabilities = *probe_.capabilities(),
      .model_id = to->model_id,
      .experiment_id = to->experiment_id,
      .metadata = options_.metadata,
      .tags = version_tags(options_.version_tag, *to),
      .max_post_bytes = options_.max_batch_bytes,
      .run_refused = [this](const std::string& run_id, const Failure& failure) {
        run_refused(run_id, failure);
      }};
  for (const TraceDelivery& delivery : batch) {
    if (!delivery.repeated) texts_.repairs += delivery.trace.repairs;
  }
  const auto delivery = std::make_shared<MlflowDelivery>(
      std::move(context), std::move(batch),
      [this, link, experiment, done = std::move(done)](std::vector<Outcome> outcomes) {
        learn_from(link, experiment, outcomes);
        finished_.add(done, std::move(outcomes));
      });
  std::erase_if(deliveries_, [](const auto& known) { return known.expired(); });
  deliveries_.push_back(delivery);
  delivery->start();
}

ServerStatus MlflowDestination::server() const {
  ServerStatus status = probe_.status();
  status.repairs = texts_.repairs;
  status.run_links_refused = run_links_refused_;
  status.steps = steps_.counts();
  status.registrations = registrar_.counters();
  return status;
}

void MlflowDestination::learn_from(const LinkHash& link, const std::string& experiment,
                                   const std::vector<Outcome>& outcomes) {
  for (const Outcome& outcome : outcomes) {
    const Failure& failure = outcome.failure;
    if (outcome.kind == OutcomeKind::delivered || failure.http_status != 0) probe_.heard();
    if (outcome.kind == OutcomeKind::delivered) {
      probe_.answered();
    } else if (outcome.kind == OutcomeKind::transient && failure.http_status == 0) {
      probe_.connection_lost(failure);
    } else if (outcome.kind == OutcomeKind::configuration) {
      if (failure.scope == FailureScope::server) probe_.refused(failure);
      verify_after(registrar_, link, experiment, failure);
    }
  }
}

void MlflowDestination::poll(std::chrono::milliseconds timeout) {
  registrar_.advance();
  probe_.advance();
  const SteadyTime now = clock_.steady();
  for (const auto& due : {registrar_.next_due(), probe_.next_due()}) {
    if (!due) continue;
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(*due - now);
    timeout = std::min(timeout, std::max(wait, kShortestWait));
  }
  if (!finished_.empty()) timeout = std::chrono::milliseconds(0);
  http_.poll(timeout);
  finished_.tell();
}

void MlflowDestination::run_refused(const std::string& run_id, const Failure& failure) {
  ++run_links_refused_;
  reporter_.failure("runs named by clients", "run " + run_id + ": " + failure.message,
                    "correct the header x-mlflow-run-id where the application sets it; the traces "
                    "are delivered without the run");
}

void MlflowDestination::cancel() { end_requests("stopping"); }

void MlflowDestination::move_to(std::string uri, Credentials credentials) {
  end_requests("the tracking server's address has changed");
  client_.move_to(std::move(uri), std::move(credentials));
  probe_.moved();
}

void MlflowDestination::end_requests(const std::string& why) {
  for (const auto& known : deliveries_) {
    if (const auto delivery = known.lock()) delivery->abort(transient(why));
  }
  http_.cancel_all();
  finished_.tell();
}

}  // namespace tracelink
