#include <algorithm>
#include <chrono>
#include <utility>

#include <boost/asio/post.hpp>
#include <sys/socket.h>

#include "ipc/server/mlflow_connection.hpp"
#include "ipc/server/mlflow_relaying.hpp"
#include "ipc/server/mlflow_request.hpp"

// What MlflowConnection asks of the tracking server, and passes on to it.
namespace tracelink {
namespace {

namespace http = boost::beast::http;

constexpr std::size_t kLengthDigits = 7;  // of a body of less than a megabyte
constexpr std::chrono::seconds kAskFor{3};
constexpr std::chrono::milliseconds kLookForRoom{50};
// A client that keeps a relayed request waiting is at least so fast while others wait for a place.
constexpr std::chrono::milliseconds kSlowRelayGrace{100};
constexpr std::size_t kSlowRelayBytesPerMs = 64;
constexpr std::chrono::seconds kStillRelayClient{1};
constexpr std::chrono::seconds kRoomWithin{2};

}  // namespace

RelayRequest relayed(const MlflowRequest& request, std::optional<std::uint64_t> body_bytes) {
  HttpHeaders headers;
  for (const auto& field : request) {
    headers.emplace_back(view(field.name_string()), view(field.value()));
  }
  return {.method = std::string(view(request.method_string())),
          .target = std::string(view(request.target())),
          .headers = end_to_end_headers(headers),
          .body_bytes = body_bytes};
}

void ask_for_plain_answer(RelayRequest& request) {
  std::erase_if(request.headers, [](const auto& header) {
    return boost::beast::iequals(header.first, "accept-encoding");
  });
}

bool has_small_body(const MlflowRequest& request) {
  const auto length = request.find(http::field::content_length);
  const bool is_chunked = request.find(http::field::transfer_encoding) != request.end();
  return !is_chunked && (length == request.end() || length->value().size() < kLengthDigits);
}

HttpReply error_of(const Reply& reply) {
  const bool later = reply.code == RpcCode::unavailable;
  HttpReply answer =
      mlflow_error(http_status_of(reply.code),
                   later ? "TEMPORARILY_UNAVAILABLE" : "INVALID_PARAMETER_VALUE", reply.message);
  answer.retry_after = reply.status().retry_after;
  return answer;
}

HttpReply unreachable(const std::string& server, const Error& error) {
  return mlflow_error(503, "TEMPORARILY_UNAVAILABLE",
                      "the tracking server " + server + " cannot be reached: " + error.message +
                          ". tracelink keeps traces meanwhile, if their ids are tr- and 32 hex "
                          "digits; this request needs the server");
}

std::shared_ptr<RelayMailbox> MlflowConnection::make_mailbox() {
  return std::make_shared<RelayMailbox>(
      [weak = weak_from_this(), executor = socket_.get_executor()] {
        boost::asio::post(executor, [weak] {
          if (const auto self = weak.lock()) static_cast<MlflowConnection&>(*self).wake();
        });
      });
}

// The application waits, but not for a server that hangs.
Task<MlflowConnection::Fetched> MlflowConnection::fetch(RelayRequest request) {
  ask_for_plain_answer(request);
  const auto mailbox = make_mailbox();
  const SteadyTime deadline = context_.clock.steady() + kAskFor;
  const auto id = co_await begin_relayed(std::move(request), mailbox);
  Fetched fetched;
  while (id && !mailbox->ended() && socket_.is_open() && context_.clock.steady() < deadline) {
    co_await sleep_until(deadline);
    const std::string more = mailbox->take_body();
    if (!more.empty()) door_.relay.taken(*id, more.size());
    if (fetched.body.size() <= ServerKnowledge::kMaxAnswerBytes) fetched.body += more;
  }
  if (id) end_relayed(*id);
  if (!mailbox->ended()) co_return fetched;
  // It may have ended behind the last look at its body.
  if (fetched.body.size() <= ServerKnowledge::kMaxAnswerBytes) fetched.body += mailbox->take_body();
  const auto answer = mailbox->take_answer();
  const auto result = mailbox->result();
  if (!result) fetched.error = result.error();
  if (result && answer) fetched.status = answer->status;
  co_return fetched;
}

// Where all places are taken, a request whose client keeps it waiting makes room for this one. The
// window of the answer counts as held from here on: nobody bounds how many wait for a place.
Task<std::optional<Relay::Id>> MlflowConnection::begin_relayed(
    RelayRequest request, std::shared_ptr<RelayMailbox> mailbox) {
  set_serving();
  if (door_.is_server_down()) request.silence = door_.silence_while_down;
  const SteadyTime give_up = context_.clock.steady() + kRoomWithin;
  auto id = door_.relay.begin(request, mailbox);
  while (!id && socket_.is_open() && context_.clock.steady() < give_up) {
    (void)context_.make_relay_room();
    co_await sleep_until(context_.clock.steady() + kLookForRoom);
    id = door_.relay.begin(request, mailbox);
  }
  is_relaying_ = id.has_value();
  if (id) keep_more(kRelayWindow);
  co_return id;
}

void MlflowConnection::end_relayed(Relay::Id id) {
  door_.relay.cancel(id);
  is_relaying_ = false;
  set_answering(false);
  awaits_client_since_.reset();
  awaited_client_ = {};
  passed_bytes_ = 0;
}

void MlflowConnection::await_client() { awaits_client_since_ = context_.clock.steady(); }

void MlflowConnection::client_came(std::size_t bytes) {
  awaited_client_ += context_.clock.steady() - awaits_client_since_.value();
  awaits_client_since_.reset();
  passed_bytes_ += bytes;
}

std::optional<SteadyTime::duration> MlflowConnection::delays_relay_by() {
  if (!is_relaying_) return std::nullopt;
  if (client_is_gone()) return SteadyTime::duration::max();
  SteadyTime::duration awaits{};
  if (awaits_client_since_) awaits = context_.clock.steady() - *awaits_client_since_;
  const auto waited = awaited_client_ + awaits;
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(waited - kSlowRelayGrace);
  const bool is_slow =
      ms.count() > 0 && passed_bytes_ / kSlowRelayBytesPerMs < static_cast<std::size_t>(ms.count());
  if (!is_slow && awaits < kStillRelayClient) return std::nullopt;
  return waited;
}

// It has closed, and nobody has read so far as to see it.
bool MlflowConnection::client_is_gone() {
  char byte = 0;
  return ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

Task<bool> MlflowConnection::write_relayed(std::string text) {
  const std::size_t bytes = text.size();
  await_client();
  const bool taken = co_await write(std::move(text));
  client_came(bytes);
  set_serving();
  co_return taken;
}

Task<bool> MlflowConnection::pass_when_read(Parser& parser) {
  begin_request();
  const auto refusal = co_await read_body(parser);
  if (closed_by_client_) co_return false;
  if (refusal) co_return co_await send_text(parser, error_of(*refusal));
  keep_request(parser.get().body().size());
  co_return co_await pass_whole(parser);
}

// A request whose body was read.
Task<bool> MlflowConnection::pass_whole(Parser& parser) {
  ++context_.stats.relayed_requests;
  use_real_ids(parser);
  const auto mailbox = make_mailbox();
  RelayRequest request = relayed(parser.get(), parser.get().body().size());
  const auto id = co_await begin_relayed(std::move(request), mailbox);
  if (!id) co_return co_await send_no_room(parser);
  door_.relay.send(*id, std::exchange(parser.get().body(), {}), true);
  const bool more = co_await pass_answer(parser, *id, *mailbox);
  end_relayed(*id);
  co_return more;
}

Task<bool> MlflowConnection::send_no_room(Parser& parser) {
  HttpReply reply = mlflow_error(503, "TEMPORARILY_UNAVAILABLE",
                                 "too many requests for the tracking server are under way");
  co_return co_await send_text(parser, std::move(reply));
}

Task<bool> MlflowConnection::pass_on(Parser& parser) {
  ++context_.stats.relayed_requests;
  begin_request();
  use_real_ids(parser);  // in its address, since its body is not read
  keep_request(input_.size());
  std::optional<std::uint64_t> body_bytes = 0;
  if (parser.chunked()) body_bytes.reset();
  if (const auto length = parser.content_length()) body_bytes = *length;
  const auto mailbox = make_mailbox();
  RelayRequest request = relayed(parser.get(), body_bytes);
  const auto id = co_await begin_relayed(std::move(request), mailbox);
  if (!id) co_return co_await send_no_room(parser);
  keep_more(kRelayWindow);  // of the body
  bool more = false;
  if (co_await send_body(parser, *id, *mailbox)) {
    more = co_await pass_answer(parser, *id, *mailbox);
  }
  end_relayed(*id);
  co_return more;
}

// True: there is, or will be, an answer.
Task<bool> MlflowConnection::send_body(Parser& parser, Relay::Id id, const RelayMailbox& mailbox) {
  if (!parser.is_done() && input_.empty()) {
    if (!co_await say_continue(parser)) co_return false;
  }
  parser.eager(true);
  std::size_t given = 0;
  std::string bytes = std::exchange(input_, {});
  for (;;) {
    if (!parser.is_done()) {
      if (auto refusal = feed(parser, bytes)) {
        co_return co_await refuse_body(parser, id, *std::move(refusal));
      }
    } else {
      input_ = std::move(bytes);
    }
    std::string piece = std::exchange(parser.get().body(), {});
    given += piece.size();
    door_.relay.send(id, std::move(piece), parser.is_done());
    set_serving();
    while (given - mailbox.sent() >= kRelayWindow && !mailbox.answered() && socket_.is_open()) {
      co_await sleep();
    }
    if (parser.is_done() || mailbox.answered()) co_return socket_.is_open();
    set_waiting();
    arm_watchdog();
    await_client();
    const auto more = co_await read_some();
    client_came(more ? more->size() : 0);
    disarm_watchdog();
    if (!more) co_return false;
    bytes.assign(*more);
  }
}

// The place is given back first: the client may take its time. False: this is the answer.
Task<bool> MlflowConnection::refuse_body(Parser& parser, Relay::Id id, Reply refusal) {
  end_relayed(id);
  (void)co_await send_text(parser, error_of(refusal));
  co_return false;
}

Task<bool> MlflowConnection::pass_answer(Parser& parser, Relay::Id id, RelayMailbox& mailbox) {
  set_serving();
  while (!mailbox.answered() && socket_.is_open()) co_await sleep();
  if (!socket_.is_open()) co_return false;
  auto answer = mailbox.take_answer();
  if (!answer) {
    co_return co_await send_text(parser, unreachable(door_.server, mailbox.result().error()));
  }
  const auto length = std::ranges::find_if(answer->headers, [](const auto& header) {
    return boost::beast::iequals(header.first, "content-length");
  });
  const bool has_length = length != answer->headers.end();
  const std::string bytes = has_length ? length->second : std::string();
  const bool is_head = parser.get().method() == http::verb::head;
  const bool bodiless = is_head || answer->status == 204 || answer->status == 304;
  const bool chunked = !bodiless && !has_length && parser.get().version() == 11;
  const bool keep_alive = parser.keep_alive() && parser.is_done() && !finishing() &&
                          (bodiless || has_length || chunked);
  answer->headers = end_to_end_headers(answer->headers);
  if (has_length) answer->headers.emplace_back("Content-Length", bytes);
  const std::string head = format_relayed_head(*answer, chunked, keep_alive);
  set_answering(true);
  if (!co_await write_relayed(head)) co_return false;
  set_served();
  if (!co_await pass_answer_body(id, mailbox, chunked)) co_return false;
  if (!keep_alive) co_await drain();
  co_return keep_alive;
}

// False: it broke off, and so must the connection, for that is how a client learns it.
Task<bool> MlflowConnection::pass_answer_body(Relay::Id id, RelayMailbox& mailbox, bool chunked) {
  for (;;) {
    const bool ended = mailbox.ended();  // before the body is taken: what is taken then is the rest
    const std::string bytes = mailbox.take_body();
    if (!bytes.empty()) {
      std::string text = chunked ? format_chunk(bytes) : bytes;
      if (!co_await write_relayed(std::move(text))) co_return false;
      door_.relay.taken(id, bytes.size());
    } else if (ended) {
      break;
    } else {
      co_await sleep();
      if (!socket_.is_open()) co_return false;
    }
  }
  if (!mailbox.result()) co_return false;
  const std::string last = chunked ? "0\r\n\r\n" : "";
  co_return co_await write(last);
}

}  // namespace tracelink
