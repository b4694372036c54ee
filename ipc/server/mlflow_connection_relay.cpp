#include <algorithm>
#include <chrono>
#include <utility>

#include <boost/asio/post.hpp>

#include "ipc/server/mlflow_connection.hpp"
#include "ipc/server/mlflow_relaying.hpp"
#include "ipc/server/mlflow_request.hpp"

// What MlflowConnection asks of the tracking server, and passes on to it.
namespace tracelink {
namespace {

namespace http = boost::beast::http;

constexpr std::chrono::seconds kAskFor{3};

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
                          ". tracelink keeps traces meanwhile; this request needs the server");
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
  set_serving();
  const auto mailbox = make_mailbox();
  const auto id = door_.relay.begin(std::move(request), mailbox);
  const SteadyTime deadline = context_.clock.steady() + kAskFor;
  Fetched fetched;
  while (id && !mailbox->ended() && socket_.is_open() && context_.clock.steady() < deadline) {
    co_await sleep_until(deadline);
    const std::string more = mailbox->take_body();
    if (!more.empty()) door_.relay.taken(*id, more.size());
    if (fetched.body.size() <= ServerKnowledge::kMaxAnswerBytes) fetched.body += more;
  }
  if (!mailbox->ended()) {
    if (id) door_.relay.cancel(*id);
    co_return fetched;
  }
  // It may have ended behind the last look at its body.
  if (fetched.body.size() <= ServerKnowledge::kMaxAnswerBytes) fetched.body += mailbox->take_body();
  const auto answer = mailbox->take_answer();
  const auto result = mailbox->result();
  if (!result) fetched.error = result.error();
  if (result && answer) fetched.status = answer->status;
  co_return fetched;
}

// A request whose body was read.
Task<bool> MlflowConnection::pass_whole(Parser& parser) {
  ++context_.stats.relayed_requests;
  const auto mailbox = make_mailbox();
  const std::string& body = parser.get().body();
  const auto id = door_.relay.begin(relayed(parser.get(), body.size()), mailbox);
  if (!id) co_return co_await send_no_room(parser);
  door_.relay.send(*id, body, true);
  const bool more = co_await pass_answer(parser, *id, *mailbox);
  door_.relay.cancel(*id);
  co_return more;
}

Task<bool> MlflowConnection::send_no_room(Parser& parser) {
  HttpReply reply = mlflow_error(503, "TEMPORARILY_UNAVAILABLE",
                                 "too many requests for the tracking server are under way");
  co_return co_await send_text(parser, std::move(reply));
}

Task<bool> MlflowConnection::pass_on(Parser& parser) {
  ++context_.stats.relayed_requests;
  std::optional<std::uint64_t> body_bytes = 0;
  if (parser.chunked()) body_bytes.reset();
  if (const auto length = parser.content_length()) body_bytes = *length;
  const auto mailbox = make_mailbox();
  const auto id = door_.relay.begin(relayed(parser.get(), body_bytes), mailbox);
  if (!id) co_return co_await send_no_room(parser);
  bool more = false;
  if (co_await send_body(parser, *id, *mailbox)) {
    more = co_await pass_answer(parser, *id, *mailbox);
  }
  door_.relay.cancel(*id);
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
      if (const auto refusal = feed(parser, bytes)) co_return false;
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
    const auto more = co_await read_some();
    disarm_watchdog();
    if (!more) co_return false;
    bytes.assign(*more);
  }
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
  if (!co_await write(head)) co_return false;
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
      if (!co_await write(std::move(text))) co_return false;
      door_.relay.taken(id, bytes.size());
      set_serving();
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
