#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/post.hpp>

#include "daemon/types/named_experiment.hpp"
#include "ipc/server/mlflow_connection.hpp"
#include "ipc/server/mlflow_relaying.hpp"
#include "ipc/server/mlflow_request.hpp"

// What MlflowConnection does with models and experiments that an application names while the
// tracking server is away: they get a provisional id, which is theirs until the application ends.
namespace tracelink {
namespace {

constexpr std::chrono::seconds kAnswerWithin{3};
constexpr std::size_t kMaxBytesLookedThrough = 1'000'000;  // has_small_body() is below it
constexpr const char* kDefaultExperiment = "0";

// Why the server did not say which model it is.
std::string reason_of(const RelayMailbox& mailbox) {
  const int status = mailbox.status();
  if (status != 0) return "it answers " + std::to_string(status);
  const bool failed = mailbox.ended() && !mailbox.result();
  return failed ? mailbox.result().error().message : "no answer within 3 s";
}

}  // namespace

Task<bool> MlflowConnection::find_model(Parser& parser) {
  const auto refusal = co_await read_small_body(parser);
  if (closed_by_client_) co_return false;
  if (refusal) co_return co_await send_text(parser, *refusal);
  keep_request(parser.get().body().size());
  const auto asked = model_asked_for(parser.get().body());
  if (!asked || !door_.obeys_names) co_return co_await pass_whole(parser);
  if (provisional_experiment(asked->experiment_id) && !real_id(asked->experiment_id)) {
    co_return co_await send_model(parser, "it has no such experiment yet");
  }
  co_return co_await ask_for_model(parser);
}

Task<bool> MlflowConnection::ask_for_model(Parser& parser) {
  ++context_.stats.relayed_requests;
  use_real_ids(parser);
  const auto mailbox = make_mailbox();
  RelayRequest request = relayed(parser.get(), parser.get().body().size());
  const auto id = co_await begin_relayed(std::move(request), mailbox);
  if (!id) co_return co_await send_no_room(parser);
  door_.relay.send(*id, parser.get().body(), true);
  const SteadyTime deadline = context_.clock.steady() + kAnswerWithin;
  while (!mailbox->answered() && socket_.is_open() && context_.clock.steady() < deadline) {
    co_await sleep_until(deadline);
  }
  const int status = mailbox->status();
  bool more = false;
  if (status != 0 && !server_is_away(status)) {
    more = co_await pass_answer(parser, *id, *mailbox);
  } else {
    more = co_await send_model(parser, reason_of(*mailbox));
  }
  end_relayed(*id);
  co_return more;
}

// `away`: why the server cannot be asked.
Task<bool> MlflowConnection::send_model(Parser& parser, std::string away) {
  const auto asked = model_asked_for(parser.get().body());
  const auto id = co_await give_id(named_by(*asked));
  HttpReply reply;
  if (id) {
    reply.body = models_answer(*id, *asked);
  } else {
    reply = not_noted(away, id.error());
  }
  co_return co_await send_text(parser, std::move(reply));
}

MlflowConnection::Named MlflowConnection::named_by(const ModelByName& asked) const {
  return std::make_shared<LinkDefinition>(
      named_model(asked.name, experiment_of_id(asked.experiment_id)));
}

HttpReply MlflowConnection::not_noted(const std::string& away, const Error& why) const {
  const std::string both = away + "; nor can the name be noted until then: " + why.message;
  return unreachable(door_.server, {ErrorCode::unavailable, both});
}

// The server's own if it is known, else a provisional one.
Task<Result<std::string>> MlflowConnection::give_id(Named named) {
  if (auto real = door_.real_id(*named)) co_return *std::move(real);
  set_serving();
  const auto told = std::make_shared<std::optional<Result<std::string>>>();  // of the io thread
  const auto tell = [told, weak = weak_from_this(),
                     executor = socket_.get_executor()](Result<std::string> id) {
    boost::asio::post(executor, [told, weak, id = std::move(id)] {
      *told = id;
      if (const auto self = weak.lock()) static_cast<MlflowConnection&>(*self).wake();
    });
  };
  door_.give_id(*named, tell);
  while (!told->has_value() && socket_.is_open()) co_await sleep();
  const Error gone{ErrorCode::closed, "the connection has ended"};
  co_return told->value_or(Result<std::string>(gone));
}

Task<HttpReply> MlflowConnection::give_experiment(std::string name, std::string away) {
  const auto named = std::make_shared<LinkDefinition>(named_experiment(name));
  const auto id = co_await give_id(named);
  HttpReply reply;
  if (id) {
    reply.body = experiment_answer(*id, name);
  } else {
    reply = not_noted(away, id.error());
  }
  co_return reply;
}

std::optional<std::string> MlflowConnection::provisional_experiment(const std::string& id) const {
  const auto named = door_.provisional.find(id);
  if (!named || !*named || !is_named_experiment(**named)) return std::nullopt;
  return experiment_answer(id, (*named)->experiment.name);
}

// As the server has it, else what is known of it here.
Task<bool> MlflowConnection::tell_model(Parser& parser) {
  HttpReply reply;
  reply.body = known_model(std::string(model_in_path(view(parser.get().target()))));
  if (reply.body.empty()) co_return co_await pass_on(parser);
  use_real_ids(parser);
  RelayRequest asked = relayed(parser.get(), 0);
  const Fetched fetched = co_await fetch(std::move(asked));
  if (fetched.status == 200) reply.body = fetched.body;
  co_return co_await send_text(parser, std::move(reply));
}

// Of a provisional id; empty: it is none.
std::string MlflowConnection::known_model(const std::string& id) const {
  const auto named = door_.provisional.find(id);
  return named && *named ? model_answer(id, told_as(**named)) : std::string();
}

Result<void> MlflowConnection::explain(ClientTraceInfo& info) const {
  const auto named = door_.provisional.find(info.model_id);
  if (!named) return named.error();
  if (*named) explain_model(info, **named);
  return {};
}

HttpReply unreadable_names(const Error& error) {
  return mlflow_error(503, "TEMPORARILY_UNAVAILABLE",
                      "what the model of this trace stands for is not known: " + error.message);
}

ModelByName MlflowConnection::told_as(const LinkDefinition& named) const {
  ModelByName told{.name = named.name, .experiment_id = named.experiment.id};
  const auto own = door_.own_experiment();
  if (!named.experiment.name.empty()) {
    told.experiment_id = provisional_id(named_experiment(named.experiment.name));
  } else if (told.experiment_id.empty()) {
    told.experiment_id = own ? own->id : kDefaultExperiment;
  }
  return told;
}

ExperimentRef MlflowConnection::experiment_of_id(const std::string& id) const {
  const auto own = door_.own_experiment();
  if (own && own->id == id) return {};
  const auto named = door_.provisional.find(id);
  if (named && *named) return (*named)->experiment;
  return {.id = id, .name = {}};
}

std::optional<std::string> MlflowConnection::real_id(std::string_view id) const {
  const auto named = door_.provisional.find(id);
  if (!named || !*named) return std::nullopt;
  return door_.real_id(**named);
}

// The application goes on with the id that it was given. Each id is looked up once for a request,
// which may name it as often as it has room for; what stands for nothing is not remembered, so that
// the number of those that are has a bound.
void MlflowConnection::use_real_ids(Parser& parser) const {
  if (door_.provisional.empty()) return;
  std::map<std::string, std::optional<std::string>, std::less<>> known;
  const auto real = [&](std::string_view id) -> std::optional<std::string> {
    if (const auto found = known.find(id); found != known.end()) return found->second;
    const auto named = door_.provisional.find(id);
    if (!named || !*named) return std::nullopt;
    return known.emplace(id, door_.real_id(**named)).first->second;
  };
  const std::string target = with_real_ids(view(parser.get().target()), real);
  parser.get().target(target);
  std::string& body = parser.get().body();
  if (body.size() < kMaxBytesLookedThrough) body = with_real_ids(body, real);
}

Task<bool> MlflowConnection::pass_with_real_ids(Parser& parser) {
  const auto target = view(parser.get().target());
  const bool may_name_one = !door_.provisional.empty() &&
                            target.find("/mlflow/") != std::string_view::npos &&
                            has_small_body(parser.get());
  return may_name_one ? pass_when_read(parser) : pass_on(parser);
}

// It is made with its first trace.
bool MlflowConnection::lacks_model(const MlflowRequest& request) const {
  const auto id = model_in_path(view(request.target()));
  return !known_model(std::string(id)).empty() && !real_id(id);
}

Task<bool> MlflowConnection::send_lacking_model(Parser& parser) {
  HttpReply reply = mlflow_error(
      503, "TEMPORARILY_UNAVAILABLE",
      "the tracking server does not have this model yet: it gets it with the first trace of it");
  co_return co_await send_text(parser, std::move(reply));
}

}  // namespace tracelink
