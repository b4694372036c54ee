#include "ipc/server/intake.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>

#include "ipc/wire/json_text.hpp"

namespace tracelink {
namespace {

constexpr std::size_t kLargeBytes = 1u << 20;

// A reply shortly before the client gives up still reaches it.
std::chrono::nanoseconds wait_allowed(std::chrono::nanoseconds hold_time,
                                      std::optional<std::chrono::nanoseconds> client_timeout) {
  constexpr std::chrono::milliseconds kMargin{500};
  if (!client_timeout) return hold_time;
  return std::min(hold_time, std::max(*client_timeout - kMargin, *client_timeout / 2));
}

}  // namespace

Intake::Intake(const IntakeOptions& options, boost::asio::io_context& io, RecordSink& sink,
               const Clock& clock, ServerStats& stats)
    : options_(options),
      sink_(sink),
      clock_(clock),
      stats_(stats),
      small_(options.memory_bytes / 2),
      large_(options.memory_bytes / 2),
      timer_(io.get_executor()),
      mailbox_(std::make_shared<Mailbox>(
          io, [this](std::vector<Letter>& letters) { read_letters(letters); })),
      worker_(static_cast<std::size_t>(options.decode_threads)) {}

Intake::~Intake() {
  mailbox_->close();
  worker_.stop();
  worker_.join();
}

RequestId Intake::begin(std::weak_ptr<ReplyTarget> target, std::uint64_t token, const Peer& peer,
                        std::optional<std::chrono::nanoseconds> client_timeout) {
  const RequestId id = ++last_id_;
  Request& request = requests_[id];
  request.target = std::move(target);
  request.token = token;
  request.peer = peer;
  request.deadline =
      std::min(latest_answer_, clock_.steady() + wait_allowed(options_.hold_time, client_timeout));
  deadlines_.add(request.deadline, id);
  arm_timer();
  return id;
}

bool Intake::reserve(RequestId id, std::size_t bytes) {
  Request& request = requests_.at(id);
  if (request.lane == nullptr) request.lane = bytes > kLargeBytes ? &large_ : &small_;
  if (request.lane->budget.reserve(id, bytes)) {
    request.held_bytes += bytes;
    return true;
  }
  request.asked_bytes = bytes;
  return false;
}

void Intake::submit(RequestId id, RequestBody body, std::string experiment) {
  Request& request = requests_.at(id);
  request.state = State::complete;
  request.body = std::move(body);
  request.experiment = std::move(experiment);
  const bool large =
      request.body.encoding != ContentEncoding::identity || request.body.bytes.size() > kLargeBytes;
  Lane& lane = large ? large_ : small_;
  if (request.lane != &lane) {
    if (request.lane != nullptr) request.lane->budget.release(request.held_bytes);
    lane.budget.resize(0, request.held_bytes);
    request.lane = &lane;
  }
  lane.to_decode.push_back(id);
  pump();
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

bool Intake::grant(Lane& lane) {
  const auto id = lane.budget.next_granted();
  if (!id) return false;
  Request& request = requests_.at(*id);
  request.held_bytes += std::exchange(request.asked_bytes, 0);
  if (const auto target = request.target.lock()) target->on_admitted(request.token);
  return true;
}

// Something has to be decoded even when the bodies themselves fill the memory.
bool Intake::may_decode(const Lane& lane) const {
  return !lane.budget.exceeded() || lane.downstream == 0;
}

Intake::Request* Intake::take_for_decoding(Lane& lane) {
  const auto it = requests_.find(lane.to_decode.front());
  lane.to_decode.pop_front();
  if (it == requests_.end()) return nullptr;  // its deadline has passed
  it->second.state = State::decoding;
  ++lane.downstream;
  return &it->second;
}

bool Intake::decode_next_small() {
  if (small_.to_decode.empty() || !may_decode(small_)) return false;
  const RequestId id = small_.to_decode.front();
  if (Request* const request = take_for_decoding(small_)) {
    on_decoded(id, decode_body(std::move(request->body), options_.max_request_bytes));
  }
  return true;
}

bool Intake::decode_next_large() {
  if (large_.to_decode.empty() || !may_decode(large_)) return false;
  if (decoding_on_worker_ == options_.decode_threads) return false;
  const RequestId id = large_.to_decode.front();
  if (Request* const request = take_for_decoding(large_)) {
    ++decoding_on_worker_;
    boost::asio::post(worker_, [mailbox = mailbox_, id, body = std::move(request->body),
                                max_bytes = options_.max_request_bytes]() mutable {
      mailbox->put({id, Decoded{decode_body(std::move(body), max_bytes)}});
    });
  }
  return true;
}

void Intake::read_letters(std::vector<Letter>& letters) {
  for (Letter& letter : letters) {
    if (auto* stored = std::get_if<Stored>(&letter.content)) {
      on_stored(letter.id, stored->result);
    } else {
      --decoding_on_worker_;
      on_decoded(letter.id, std::move(std::get<Decoded>(letter.content).result));
    }
  }
  pump();
}

void Intake::on_decoded(RequestId id, Result<SplitRequest> decoded) {
  Request& request = requests_.at(id);
  if (request.expired) return forget(requests_.find(id));  // the client was told to try again
  if (!decoded) {
    const bool large = decoded.error().code == ErrorCode::too_large;
    ++(large ? stats_.too_large_requests : stats_.invalid_requests);
    return finish(id, reply_for_decode_error(decoded.error()));
  }
  stats_.repaired_ends += decoded->repaired_ends;
  stats_.replaced_utf8 += decoded->replaced_utf8;
  stats_.replaced_surrogates += decoded->replaced_surrogates;
  for (const auto& [reason, spans] : decoded->rejected) {
    stats_.rejected_spans[reason] += spans;
    request.rejected_spans += spans;
  }
  request.first_rejection = printable_ascii(decoded->first_rejection);
  if (decoded->slices.empty()) {
    return finish(id,
                  Reply{RpcCode::ok, std::move(request.first_rejection), request.rejected_spans});
  }
  store(id, request, *std::move(decoded));
}

void Intake::store(RequestId id, Request& request, SplitRequest split) {
  std::size_t bytes = 0;
  for (const TraceSlice& slice : split.slices) {
    bytes += slice.otlp.size();
    request.span_count += slice.span_count;
  }
  request.lane->budget.resize(request.held_bytes, bytes);
  request.held_bytes = bytes;
  request.state = State::storing;
  AcceptedRequest accepted{request.peer, std::move(request.experiment), std::move(split.slices),
                           request.deadline};
  sink_.submit(std::move(accepted), [mailbox = mailbox_, id](Result<void> result) {
    mailbox->put({id, Stored{std::move(result)}});
  });
}

void Intake::on_stored(RequestId id, const Result<void>& result) {
  Request& request = requests_.at(id);
  if (!result) return finish(id, reply_for_sink_error(result.error()));
  stats_.accepted_spans += request.span_count;
  finish(id, Reply{RpcCode::ok, std::move(request.first_rejection), request.rejected_spans});
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
  if (request.lane != nullptr) {
    request.lane->budget.cancel(it->first);
    request.lane->budget.release(request.held_bytes);
    const bool downstream = request.state == State::decoding || request.state == State::storing;
    if (downstream) --request.lane->downstream;
  }
  requests_.erase(it);
}

void Intake::arm_timer() {
  const auto earliest = deadlines_.earliest();
  if (!earliest || (timer_at_ && *timer_at_ <= *earliest)) return;
  timer_at_ = earliest;
  timer_.expires_after(*earliest - clock_.steady());
  timer_.async_wait([this, mailbox = mailbox_](const boost::system::error_code& error) {
    if (error || mailbox->closed()) return;  // armed for an earlier deadline, or destroyed
    timer_at_.reset();
    expire();
    arm_timer();
  });
}

void Intake::expire() {
  while (const auto id = deadlines_.take_expired(clock_.steady())) {
    const auto it = requests_.find(*id);
    const bool mine_alone =
        it->second.state == State::arriving || it->second.state == State::complete;
    it->second.expired = true;
    answer(*id, it->second, refuse(RpcCode::unavailable, "not stored in time; try again"));
    if (mine_alone) forget(requests_.find(*id));
  }
  pump();
}

void Intake::answer_by(SteadyTime latest) {
  latest_answer_ = latest;
  for (auto& [id, request] : requests_) {
    if (request.deadline <= latest || request.answered) continue;
    deadlines_.remove(request.deadline, id);
    request.deadline = latest;
    deadlines_.add(request.deadline, id);
  }
  arm_timer();
}

std::size_t Intake::in_flight_bytes() const {
  return small_.budget.used_bytes() + large_.budget.used_bytes();
}

}  // namespace tracelink
