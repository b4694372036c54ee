#include "ipc/server/intake.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>

#include "ipc/server/experiment_header.hpp"
#include "ipc/wire/json_text.hpp"

namespace tracelink {
namespace {

// A compressed body up to this size is decompressed at once, if it then is no large one.
constexpr std::size_t kSmallCompressedBytes = 64u << 10;
// Of one client with the sink; one request may be larger.
constexpr std::size_t kClientStoringBytes = 8u << 20;
// A reply shortly before the client gives up still reaches it.
std::chrono::nanoseconds wait_allowed(std::chrono::nanoseconds hold_time,
                                      std::optional<std::chrono::nanoseconds> client_timeout) {
  constexpr std::chrono::milliseconds kMargin{500};
  if (!client_timeout) return hold_time;
  return std::min(hold_time, std::max(*client_timeout - kMargin, *client_timeout / 2));
}

// Leaves the body plain if it is then no larger than that; false if it would be.
bool unpacks_within(RequestBody& body, std::size_t max_bytes) {
  if (body.encoding == ContentEncoding::identity) return true;
  auto plain = decompress(body.encoding, body.bytes, max_bytes);
  if (!plain) return plain.error().code != ErrorCode::too_large;
  body.bytes = *std::move(plain);
  body.encoding = ContentEncoding::identity;
  return true;
}

}  // namespace

Intake::Intake(const IntakeOptions& options, boost::asio::io_context& io, RecordSink& sink,
               const Clock& clock, ServerStats& stats)
    : options_(options),
      client_bytes_(client_bytes_of(options.limits)),
      sink_(sink),
      clock_(clock),
      stats_(stats),
      small_(options.limits.memory / 2, client_bytes_),
      large_(options.limits.memory / 2, 0),
      timer_(io.get_executor()),
      slow_bodies_(io.get_executor()),
      completion_queue_(std::make_shared<CompletionQueue>(
          io, [this](std::vector<IoCompletion>& completions) { take_completions(completions); })),
      worker_(static_cast<std::size_t>(options.decode_threads)) {}

Intake::~Intake() {
  completion_queue_->close();
  worker_.stop();
  worker_.join();
}

RequestId Intake::begin(std::weak_ptr<ReplyTarget> target, std::uint64_t token, const Peer& peer,
                        std::uint64_t connection,
                        std::optional<std::chrono::nanoseconds> client_timeout) {
  const RequestId id = ++last_id_;
  Request& request = requests_[id];
  request.id = id;
  request.target = std::move(target);
  request.token = token;
  request.peer = peer;
  request.client = {peer.uid, connection};
  request.deadline =
      std::min(latest_answer_, clock_.steady() + wait_allowed(options_.hold_time, client_timeout));
  deadlines_.add(request.deadline, id);
  arm_timer();
  return id;
}

void Intake::submit(RequestId id, RequestBody body, std::string experiment) {
  Request& request = requests_.at(id);
  request.state = State::complete;
  request.body = std::move(body);
  const ExperimentAndRun named = split_experiment(experiment);
  request.experiment = named.experiment;
  request.run = named.run;
  hold(request, request.body.bytes.size() + kRequestCost);
  const std::size_t plain_bytes = decompressed_bytes(request.body.encoding, request.body.bytes);
  const bool compressed = request.body.encoding != ContentEncoding::identity;
  const bool small = plain_bytes <= kLargeBytes &&
                     (!compressed || request.body.bytes.size() <= kSmallCompressedBytes);
  move_to(small ? small_ : large_, request);
  request.lane->to_decode.push(request.client, id, plain_bytes);
  pump();
}

void Intake::submit(RequestId id, SplitRequest split, std::string experiment) {
  Request& request = requests_.at(id);
  request.experiment = std::move(experiment);
  hold(request, kRequestCost);
  ++request.lane->downstream;
  store_or_wait(id, request, read_slices(std::move(split), options_.holds_stored));
}

void Intake::keep(RequestId id, std::size_t bytes) {
  Request& request = requests_.at(id);
  request.kept = true;
  deadlines_.remove(request.deadline, id);
  hold(request, bytes + kRequestCost);
  pump();
}

void Intake::keep_more(RequestId id, std::size_t bytes) {
  Request& request = requests_.at(id);
  hold(request, request.held_bytes + bytes);
}

void Intake::post_to_worker(std::function<void()> work) {
  boost::asio::post(worker_, std::move(work));
}

void Intake::abandon(RequestId id) {
  const auto it = requests_.find(id);
  if (it == requests_.end()) return;
  if (it->second.state == State::arriving) {
    forget(it);
    pump();
    return;
  }
  it->second.answered = true;
}

// A grant may complete a request and so end up here again: the outer call goes on with what the
// inner one has queued.
void Intake::pump() {
  if (std::exchange(pumping_, true)) return;
  bool progress = true;
  while (progress) {
    progress = grant(small_);
    progress |= grant(large_);
    progress |= decode_next_small();
    progress |= decode_next_large();
  }
  pumping_ = false;
}

// Something has to be decoded even when the bodies themselves fill the memory.
bool Intake::may_decode(const Lane& lane) const {
  return !lane.budget.exceeded() || lane.downstream == 0;
}

Intake::Request& Intake::take_for_decoding(Lane& lane) {
  Request& request = requests_.at(lane.to_decode.pop());
  request.state = State::decoding;
  ++lane.downstream;
  return request;
}

DecodeOptions Intake::decode_options(const Request& request) const {
  return {.max_bytes = options_.limits.max_request_bytes,
          .run = request.run,
          .holds_stored = options_.holds_stored};
}

bool Intake::decode_next_small() {
  if (small_.to_decode.empty() || !may_decode(small_)) return false;
  const RequestId id = small_.to_decode.front();
  Request& request = take_for_decoding(small_);
  if (unpacks_within(request.body, std::min(kLargeBytes, options_.limits.max_request_bytes))) {
    const DecodeOptions options = decode_options(request);
    on_decoded(id, decode_body(std::move(request.body), options));
    return true;
  }
  --small_.downstream;  // it only claimed to be small
  request.state = State::complete;
  move_to(large_, request);
  large_.to_decode.push(request.client, id, options_.limits.max_request_bytes);
  return true;
}

bool Intake::decode_next_large() {
  if (large_.to_decode.empty() || !may_decode(large_)) return false;
  if (decoding_on_worker_ == options_.decode_threads) return false;
  const RequestId id = large_.to_decode.front();
  Request& request = take_for_decoding(large_);
  ++decoding_on_worker_;
  boost::asio::post(worker_,
                    [completion_queue = completion_queue_, id, body = std::move(request.body),
                     options = decode_options(request)]() mutable {
                      completion_queue->put({id, Decoded{decode_body(std::move(body), options)}});
                    });
  return true;
}

void Intake::take_completions(std::vector<IoCompletion>& completions) {
  for (IoCompletion& completion : completions) {
    if (auto* stored = std::get_if<Stored>(&completion.content)) {
      on_stored(completion.id, stored->result);
    } else {
      --decoding_on_worker_;
      on_decoded(completion.id, std::move(std::get<Decoded>(completion.content).result));
    }
  }
  pump();
}

void Intake::on_decoded(RequestId id, Result<DecodedRequest> decoded) {
  Request& request = requests_.at(id);
  if (request.expired) return forget(requests_.find(id));  // the client was told to try again
  if (!decoded) {
    const bool large = decoded.error().code == ErrorCode::too_large;
    ++(large ? stats_.too_large_requests : stats_.invalid_requests);
    return finish(id, reply_for_decode_error(decoded.error()));
  }
  const SplitRequest& split = decoded->split;
  stats_.repaired_ends += split.repaired_ends;
  stats_.replaced_utf8 += split.replaced_utf8;
  stats_.replaced_surrogates += split.replaced_surrogates;
  for (const auto& [reason, spans] : split.rejected) {
    stats_.rejected_spans[reason] += spans;
    request.rejected_spans += spans;
  }
  request.first_rejection = printable_ascii(split.first_rejection);
  if (split.slices.empty()) {
    return finish(id,
                  Reply{RpcCode::ok, std::move(request.first_rejection), request.rejected_spans});
  }
  store_or_wait(id, request, *std::move(decoded));
}

void Intake::store_or_wait(RequestId id, Request& request, DecodedRequest decoded) {
  for (const ServiceSlices& of : decoded.services) request.span_count += of.spans;
  hold(request, decoded.bytes() + kRequestCost);
  request.decoded = std::move(decoded);
  request.state = State::decoded;
  const ClientId client = request.client;
  outgoing_[client].waiting.push_back(id);
  store_next_of(client);
}

void Intake::store_next_of(const ClientId& client) {
  const auto it = outgoing_.find(client);
  if (it == outgoing_.end()) return;
  Outgoing& outgoing = it->second;
  while (!outgoing.waiting.empty()) {
    const RequestId id = outgoing.waiting.front();
    Request& request = requests_.at(id);
    const std::size_t bytes = request.held_bytes;
    if (outgoing.stored_bytes > 0 && outgoing.stored_bytes + bytes > kClientStoringBytes) return;
    outgoing.stored_bytes += bytes;
    outgoing.waiting.pop_front();
    store(id, request);
  }
  if (outgoing.stored_bytes == 0) outgoing_.erase(it);
}

void Intake::store(RequestId id, Request& request) {
  request.state = State::storing;
  AcceptedRequest accepted{.peer = request.peer,
                           .experiment = std::move(request.experiment),
                           .slices = std::move(request.decoded.split.slices),
                           .deadline = request.deadline,
                           .services = std::move(request.decoded.services),
                           .to_hold = std::move(request.decoded.to_hold)};
  sink_.submit(std::move(accepted),
               [completion_queue = completion_queue_, id](Result<void> result) {
                 completion_queue->put({id, Stored{std::move(result)}});
               });
}

void Intake::on_stored(RequestId id, const Result<void>& result) {
  Request& request = requests_.at(id);
  const ClientId client = request.client;
  outgoing_.at(client).stored_bytes -= request.held_bytes;
  if (result) {
    stats_.accepted_spans += request.span_count;
    stats_.last_request_at = clock_.steady();
    finish(id, Reply{RpcCode::ok, std::move(request.first_rejection), request.rejected_spans});
  } else {
    finish(id, reply_for_sink_error(result.error()));
  }
  store_next_of(client);
}

void Intake::answer(RequestId id, Request& request, Reply reply) {
  if (std::exchange(request.answered, true)) return;
  deadlines_.remove(request.deadline, id);
  if (reply.code == RpcCode::unavailable) ++stats_.overload_replies;
  if (const auto target = request.target.lock()) target->on_reply(request.token, std::move(reply));
}

void Intake::finish(RequestId id, Reply reply) {
  answer(id, requests_.at(id), std::move(reply));
  forget(requests_.find(id));
}

void Intake::forget(Requests::iterator it) {
  Request& request = it->second;
  deadlines_.remove(request.deadline, it->first);
  if (request.state == State::decoded) {  // its deadline has passed, behind others of its client
    auto& waiting = outgoing_.at(request.client).waiting;
    waiting.erase(std::ranges::find(waiting, it->first));
  }
  if (request.lane != nullptr) {
    request.lane->budget.cancel(it->first);
    request.lane->to_decode.remove(it->first);
    request.lane->budget.release(request.client, request.held_bytes);
    if (request.state >= State::decoding) --request.lane->downstream;
  }
  requests_.erase(it);
}

}  // namespace tracelink
