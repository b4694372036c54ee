#include "ipc/server/mlflow_connection.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "daemon/mlflow/rest/client_trace_info.hpp"
#include "daemon/text/utf8.hpp"
#include "ipc/server/mlflow_relaying.hpp"
#include "ipc/server/mlflow_request.hpp"

namespace tracelink {
namespace {

namespace http = boost::beast::http;

// Its JSON is read on the io thread. MLflow's own values are of a few thousand characters.
constexpr std::size_t kMaxInfoBytes = 1u << 20;
constexpr std::chrono::seconds kRefreshWithin{30};
constexpr std::string_view kTextPlain = "text/plain; charset=utf-8";

// Of which all has to be here, since the body may name traces. An artifact may be read that is on
// its way.
bool concerns_a_trace(const MlflowRequest& request) {
  const auto target = view(request.target());
  const bool reads_artifact =
      request.method() == http::verb::get &&
      target.find("/mlflow-artifacts/artifacts") != std::string_view::npos && named_trace(target);
  const bool names_traces = target.find("/mlflow/traces") != std::string_view::npos ||
                            target.find("/mlflow/get-trace-artifact") != std::string_view::npos;
  if (!reads_artifact && !names_traces) return false;
  return has_small_body(request);
}

// What a refresh brought is learned; nobody waits for it.
class Refresh final : public RelayTarget {
 public:
  Refresh(ServerKnowledge& knowledge, ExperimentQuery query)
      : knowledge_(knowledge), query_(std::move(query)) {}
  void on_answer(RelayAnswer answer) override { status_ = answer.status; }
  std::size_t on_body(std::string bytes) override {
    if (body_.size() <= ServerKnowledge::kMaxAnswerBytes) body_ += bytes;
    return bytes.size();
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

// No coroutine: its frame would have room for each of these calls.
Task<bool> MlflowConnection::serve(Parser& parser) {
  const MlflowRequest& request = parser.get();
  if (!names_this_host(view(request[http::field::host]))) {
    return refuse_page(parser, "the Host header does not name this host: use 127.0.0.1");
  }
  if (is_of_another_host(view(request[http::field::origin]))) {
    return refuse_page(parser, "a page of another host may not use this listener");
  }
  // The rest of an address, behind that of the server, could make it another server's.
  if (!view(request.target()).starts_with('/')) return refuse_target(parser);
  switch (mlflow_call(view(request.method_string()), view(request.target()))) {
    case MlflowCall::spans:
      return OtlpHttpConnection::serve(parser);
    case MlflowCall::start_trace:
      return store_info(parser);
    case MlflowCall::version:
      return tell_version(parser);
    case MlflowCall::experiment:
      return tell_experiment(parser, *experiment_query(view(request.target())));
    case MlflowCall::artifact:
      return take_artifact(parser);
    case MlflowCall::change:
      return store_change(parser);
    case MlflowCall::read:
      return tell_traces(parser, *trace_read(view(request.target())));
    case MlflowCall::find_models:
      return has_small_body(request) ? find_model(parser) : pass_on(parser);
    case MlflowCall::model:
      return tell_model(parser);
    case MlflowCall::search:
      return search(parser);
    case MlflowCall::other:
      break;
  }
  if (lacks_model(request)) return send_lacking_model(parser);
  if (concerns_a_trace(request)) return pass_when_delivered(parser);
  return pass_with_real_ids(parser);
}

Task<bool> MlflowConnection::refuse_page(Parser& parser, std::string why) {
  co_return co_await send_text(parser, mlflow_error(403, "PERMISSION_DENIED", why));
}

Task<bool> MlflowConnection::refuse_target(Parser& parser) {
  co_return co_await send_text(parser,
                               invalid_request("the target of a request begins with a slash"));
}

Task<bool> MlflowConnection::tell_version(Parser& parser) {
  door_.knowledge.learn_version(door_.current_version());
  HttpReply reply;
  reply.content_type = kTextPlain;
  reply.body = door_.knowledge.version();
  co_return co_await send_text(parser, std::move(reply));
}

Task<bool> MlflowConnection::search(Parser& parser) {
  co_await wait_for_delivery();
  co_return co_await pass_with_real_ids(parser);
}

Task<bool> MlflowConnection::send_text(Parser& parser, HttpReply reply) {
  reply.keep_alive = parser.keep_alive();
  reply.answers_head = parser.get().method() == http::verb::head;
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
  auto reply = co_await read_small_body(parser);
  if (closed_by_client_) co_return false;
  if (reply) co_return co_await send_text(parser, *std::move(reply));
  auto info = read_start_trace(parser.get().body());
  if (!info && info.error().code == ErrorCode::rejected) {
    keep_request(parser.get().body().size());
    co_return co_await pass_whole(parser);
  }
  if (info) {
    reply = co_await keep_info(*std::move(info));
  } else {
    reply = invalid_request(info.error().message);
  }
  co_return co_await send_text(parser, *std::move(reply));
}

// Nothing when the body is complete, or when the client has closed.
Task<std::optional<HttpReply>> MlflowConnection::read_small_body(Parser& parser) {
  const auto too_large = [this] {
    ++context_.stats.too_large_requests;
    return mlflow_error(413, "INVALID_PARAMETER_VALUE",
                        "a body of more than " + std::to_string(kMaxInfoBytes) + " bytes");
  };
  if (parser.content_length().value_or(0) > kMaxInfoBytes) co_return too_large();
  begin_request();
  const auto refusal = co_await read_body(parser);
  if (closed_by_client_) co_return std::nullopt;
  if (refusal) co_return error_of(*refusal);
  if (parser.get().body().size() > kMaxInfoBytes) co_return too_large();
  context_.stats.replaced_surrogates += replace_lone_surrogates(parser.get().body());
  co_return std::nullopt;
}

HttpReply MlflowConnection::invalid_request(const std::string& message) {
  ++context_.stats.invalid_requests;
  return mlflow_error(400, "INVALID_PARAMETER_VALUE", message);
}

Task<HttpReply> MlflowConnection::keep_info(ClientTraceInfo info) {
  const auto explained = explain(info);
  if (!explained) co_return unreadable_names(explained.error());
  SplitRequest split;
  split.slices.push_back(client_info_slice(info));
  const Reply reply = co_await exchange(std::move(split), info.experiment_id);
  if (!reply.ok()) co_return error_of(reply);
  ++context_.stats.accepted_infos;
  door_.stored.announce(info.trace_id, info.announced_spans, info.experiment_id);
  const bool has_spans = door_.stored.has_all_spans(info.trace_id);
  HttpReply answer;
  answer.body =
      start_trace_answer(info, door_.knowledge.artifact_root(info.experiment_id), has_spans);
  co_return answer;
}

Task<bool> MlflowConnection::tell_experiment(Parser& parser, ExperimentQuery query) {
  auto known = door_.knowledge.experiment(query);
  if (known) refresh_experiment(parser, query);
  if (!known && !query.by_name) known = provisional_experiment(query.value);
  if (known) {
    HttpReply reply;
    reply.body = *std::move(known);
    co_return co_await send_text(parser, std::move(reply));
  }
  HttpReply reply = co_await ask_for_experiment(parser, std::move(query));
  co_return co_await send_text(parser, std::move(reply));
}

Task<HttpReply> MlflowConnection::ask_for_experiment(const Parser& parser, ExperimentQuery query) {
  RelayRequest asked = relayed(parser.get(), 0);
  const Fetched fetched = co_await fetch(std::move(asked));
  if (fetched.status != 0 && !server_is_away(fetched.status)) {
    if (fetched.status == 200) door_.knowledge.learn_experiment(fetched.body);
    HttpReply reply;
    reply.status = fetched.status;
    reply.body = fetched.body;
    co_return reply;
  }
  if (auto known = known_experiment(query)) co_return *std::move(known);
  co_return co_await give_experiment(std::move(query.value), fetched.error.message);
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
  RelayRequest asked = relayed(parser.get(), 0);
  asked.timeout = kRefreshWithin;
  ask_for_plain_answer(asked);
  (void)door_.relay.begin(asked, std::make_shared<Refresh>(door_.knowledge, query));
}

}  // namespace tracelink
