#include "ipc/server/mlflow_connection.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <boost/asio/post.hpp>

#include "daemon/mlflow/rest/client_trace_info.hpp"
#include "ipc/server/mlflow_request.hpp"

namespace tracelink {
namespace {

namespace http = boost::beast::http;
using Request = http::request<GrowingBody>;

// Its JSON is read on the io thread. MLflow's own values are of a few thousand characters.
constexpr std::size_t kMaxInfoBytes = 1u << 20;
constexpr std::chrono::seconds kAskFor{3};
// What was written before a read or a change is waited for so long, and looked for so often.
constexpr std::chrono::seconds kVisibleWithin{5};
constexpr std::chrono::milliseconds kLookAgain{50};
constexpr std::size_t kLengthDigits = 7;  // of a body of less than a megabyte
constexpr std::string_view kTextPlain = "text/plain; charset=utf-8";

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

RelayRequest relayed(const Request& request, std::optional<std::uint64_t> body_bytes) {
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

// Of which all has to be here before it can be asked for a second time.
bool concerns_a_trace(const Request& request) {
  const auto target = view(request.target());
  if (target.find("/mlflow/traces") == std::string_view::npos) return false;
  const auto length = request.find(http::field::content_length);
  const bool is_chunked = request.find(http::field::transfer_encoding) != request.end();
  return !is_chunked && (length == request.end() || length->value().size() < kLengthDigits);
}

bool server_is_away(int status) { return status == 502 || status == 503 || status == 504; }

// What a refresh brought is learned; nobody waits for it.
class Refresh final : public RelayTarget {
 public:
  Refresh(ServerKnowledge& knowledge, ExperimentQuery query)
      : knowledge_(knowledge), query_(std::move(query)) {}
  void on_answer(RelayAnswer answer) override { status_ = answer.status; }
  void on_body(std::string bytes) override {
    if (body_.size() <= ServerKnowledge::kMaxAnswerBytes) body_ += bytes;
  }
  void on_sent(std::size_t) override {}
  void on_end(Result<void> result) override {
    if (!result) return;
    if (status_ == 200) knowledge_.learn_experiment(body_);
    if (status_ == 404 && body_.find("RESOURCE_DOES_NOT_EXIST") != std::string::npos) {
      knowledge_.forget_experiment(query_);
    }
  }

 private:
  ServerKnowledge& knowledge_;
  const ExperimentQuery query_;
  int status_ = 0;
  std::string body_;
};

}  // namespace

MlflowConnection::MlflowConnection(StreamSocket socket, Peer peer, ServerContext& context,
                                   MlflowDoor& door, std::string first_bytes)
    : OtlpHttpConnection(std::move(socket), peer, context, std::move(first_bytes)), door_(door) {}

Task<bool> MlflowConnection::serve(Parser& parser) {
  const Request& request = parser.get();
  if (!names_this_host(view(request[http::field::host]))) {
    co_return co_await send_text(
        parser, mlflow_error(403, "PERMISSION_DENIED",
                             "the Host header does not name this host: use 127.0.0.1"));
  }
  switch (mlflow_call(view(request.method_string()), view(request.target()))) {
    case MlflowCall::spans:
      co_return co_await OtlpHttpConnection::serve(parser);
    case MlflowCall::start_trace:
      co_return co_await store_info(parser);
    case MlflowCall::version: {
      door_.knowledge.learn_version(door_.current_version());
      HttpReply reply;
      reply.content_type = kTextPlain;
      reply.body = door_.knowledge.version();
      co_return co_await send_text(parser, std::move(reply));
    }
    case MlflowCall::experiment:
      co_return co_await tell_experiment(parser, *experiment_query(view(request.target())));
    case MlflowCall::spans_file:
      co_return co_await drop_spans_file(parser);
    case MlflowCall::search:
      co_await wait_for_delivery();
      break;
    case MlflowCall::other:
      if (concerns_a_trace(request)) co_return co_await pass_when_visible(parser);
  }
  co_return co_await pass_on(parser);
}

Task<bool> MlflowConnection::send_text(Parser& parser, HttpReply reply) {
  reply.keep_alive = parser.keep_alive();
  co_return co_await send(std::move(reply), parser.is_done());
}

HttpReply MlflowConnection::reply_to_refused_peer(const Parser&) const {
  return error_of(*peer_refusal());
}

std::string MlflowConnection::farewell() const {
  HttpReply reply = error_of(no_room());
  reply.keep_alive = false;
  return format_http_response(reply);
}

Task<bool> MlflowConnection::store_info(Parser& parser) {
  ++context_.stats.http_requests;
  HttpReply reply = co_await read_and_store_info(parser);
  if (closed_by_client_) co_return false;
  co_return co_await send_text(parser, std::move(reply));
}

Task<HttpReply> MlflowConnection::read_and_store_info(Parser& parser) {
  const auto too_large = [this] {
    ++context_.stats.too_large_requests;
    return mlflow_error(413, "INVALID_PARAMETER_VALUE",
                        "a trace info of more than " + std::to_string(kMaxInfoBytes) + " bytes");
  };
  if (parser.content_length().value_or(0) > kMaxInfoBytes) co_return too_large();
  begin_request();
  const auto refusal = co_await read_body(parser);
  if (closed_by_client_) co_return HttpReply{};
  if (refusal) co_return error_of(*refusal);
  if (parser.get().body().size() > kMaxInfoBytes) co_return too_large();
  auto info = read_start_trace(parser.get().body());
  if (!info) {
    ++context_.stats.invalid_requests;
    co_return mlflow_error(400, "INVALID_PARAMETER_VALUE", info.error().message);
  }
  SplitRequest split;
  split.slices.push_back(client_info_slice(*info));
  const Reply reply = co_await exchange(std::move(split), info->experiment_id);
  if (!reply.ok()) co_return error_of(reply);
  ++context_.stats.accepted_infos;
  const bool has_spans =
      door_.stored_spans.count(info->trace_id) >= std::max<std::uint64_t>(info->announced_spans, 1);
  HttpReply answer;
  answer.body =
      start_trace_answer(*info, door_.knowledge.artifact_root(info->experiment_id), has_spans);
  co_return answer;
}

Task<bool> MlflowConnection::tell_experiment(Parser& parser, ExperimentQuery query) {
  if (auto known = door_.knowledge.experiment(query)) {
    refresh_experiment(parser, query);
    HttpReply reply;
    reply.body = *std::move(known);
    co_return co_await send_text(parser, std::move(reply));
  }
  HttpReply reply = co_await ask_for_experiment(parser, std::move(query));
  co_return co_await send_text(parser, std::move(reply));
}

// The application waits, but not for a server that hangs.
Task<HttpReply> MlflowConnection::ask_for_experiment(const Parser& parser, ExperimentQuery query) {
  set_serving();
  const auto mailbox = make_mailbox();
  const auto id = door_.relay.begin(relayed(parser.get(), 0), mailbox);
  const SteadyTime deadline = context_.clock.steady() + kAskFor;
  std::string body;
  while (id && !mailbox->ended() && socket_.is_open() && context_.clock.steady() < deadline) {
    co_await sleep_until(deadline);
    const std::string more = mailbox->take_body();
    if (!more.empty()) door_.relay.taken(*id, more.size());
    if (body.size() <= ServerKnowledge::kMaxAnswerBytes) body += more;
  }
  const bool ended = mailbox->ended();
  if (id && !ended) door_.relay.cancel(*id);
  const auto answer = mailbox->take_answer();
  if (ended && answer && mailbox->result() && !server_is_away(answer->status)) {
    if (answer->status == 200) door_.knowledge.learn_experiment(body);
    HttpReply reply;
    reply.status = answer->status;
    reply.body = std::move(body);
    co_return reply;
  }
  if (auto known = known_experiment(query)) co_return *std::move(known);
  const Error late{ErrorCode::timeout, "no answer within 3 s"};
  co_return unreachable(door_.server,
                        ended && !mailbox->result() ? mailbox->result().error() : late);
}

// An id says what is needed to trace, and so does the name of the experiment that is the daemon's.
std::optional<HttpReply> MlflowConnection::known_experiment(const ExperimentQuery& query) const {
  const auto own = door_.own_experiment();
  HttpReply reply;
  if (own && query.value == (query.by_name ? own->name : own->id)) {
    reply.body = experiment_answer(own->id, own->name);
  } else if (!query.by_name) {
    reply.body = experiment_answer(query.value, query.value);
  } else {
    return std::nullopt;
  }
  return reply;
}

void MlflowConnection::refresh_experiment(const Parser& parser, const ExperimentQuery& query) {
  if (!door_.knowledge.is_refresh_due(query, context_.clock.steady())) return;
  (void)door_.relay.begin(relayed(parser.get(), 0),
                          std::make_shared<Refresh>(door_.knowledge, query));
}

std::shared_ptr<RelayMailbox> MlflowConnection::make_mailbox() {
  return std::make_shared<RelayMailbox>(
      [weak = weak_from_this(), executor = socket_.get_executor()] {
        boost::asio::post(executor, [weak] {
          if (const auto self = weak.lock()) static_cast<MlflowConnection&>(*self).wake();
        });
      });
}

// The SDK uploads its spans as a file when it was told that they are not here; they may have been
// on their way. If they never come, by an SDK that asked the version when nobody answered, the file
// is all there is.
Task<bool> MlflowConnection::drop_spans_file(Parser& parser) {
  const TraceId trace = *named_trace(view(parser.get().target()));
  co_await wait_for_spans(trace);
  if (door_.stored_spans.count(trace) == 0) co_return co_await pass_on(parser);
  begin_request();
  const auto refusal = co_await read_body(parser);
  if (closed_by_client_) co_return false;
  HttpReply reply;
  reply.body = "{}";
  if (refusal) reply = error_of(*refusal);
  co_return co_await send_text(parser, std::move(reply));
}

Task<void> MlflowConnection::wait_for_spans(TraceId trace) {
  set_serving();
  const SteadyTime give_up = context_.clock.steady() + kAskFor;
  while (door_.stored_spans.count(trace) == 0 && socket_.is_open()) {
    const SteadyTime now = context_.clock.steady();
    if (now >= give_up) break;
    co_await sleep_until(now + kLookAgain);
  }
}

// A search shows what this application, and others, have written before it.
Task<void> MlflowConnection::wait_for_delivery() {
  set_serving();
  const SteadyTime since = context_.clock.steady();
  while (!door_.all_delivered(since) && socket_.is_open()) {
    const SteadyTime now = context_.clock.steady();
    if (now >= since + kAskFor) break;
    door_.hurry(std::nullopt);
    co_await sleep_until(now + kLookAgain);
  }
}

// A trace that was stored here a moment ago may not be at the server yet.
Task<bool> MlflowConnection::pass_when_visible(Parser& parser) {
  begin_request();
  const auto refusal = co_await read_body(parser);
  if (closed_by_client_) co_return false;
  if (refusal) co_return co_await send_text(parser, error_of(*refusal));
  end_request();
  ++context_.stats.relayed_requests;
  auto trace = named_trace(view(parser.get().target()));
  if (!trace) trace = named_trace(parser.get().body());
  Relay::Id id = 0;
  const TraceId asked = trace.value_or(TraceId());
  const auto mailbox = co_await ask_when_visible(parser, asked, id);
  if (!mailbox) co_return co_await send_no_room(parser);
  const bool more = co_await pass_answer(parser, id, *mailbox);
  door_.relay.cancel(id);
  co_return more;
}

// Null: there is no room for the request.
Task<std::shared_ptr<RelayMailbox>> MlflowConnection::ask_when_visible(const Parser& parser,
                                                                       TraceId trace,
                                                                       Relay::Id& id) {
  const SteadyTime give_up = context_.clock.steady() + kVisibleWithin;
  const std::string& body = parser.get().body();
  for (;;) {
    const bool is_ours = door_.stored_spans.is_recent(trace, context_.clock.steady());
    if (is_ours) door_.hurry(trace);
    set_serving();
    const auto mailbox = make_mailbox();
    const auto begun = door_.relay.begin(relayed(parser.get(), body.size()), mailbox);
    if (!begun) co_return nullptr;
    id = *begun;
    door_.relay.send(id, body, true);
    while (!mailbox->answered() && socket_.is_open()) co_await sleep();
    const int status = mailbox->status();
    const bool may_be_early = status == 404 || status == 400;
    const SteadyTime now = context_.clock.steady();
    if (!is_ours || !may_be_early || now >= give_up || !socket_.is_open()) co_return mailbox;
    door_.relay.cancel(id);
    const SteadyTime next = now + kLookAgain;
    while (context_.clock.steady() < next && socket_.is_open()) co_await sleep_until(next);
  }
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
