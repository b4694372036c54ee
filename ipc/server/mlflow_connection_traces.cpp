#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include <boost/asio/post.hpp>

#include "daemon/mlflow/rest/queued_trace.hpp"
#include "daemon/mlflow/rest/trace_change.hpp"
#include "ipc/server/mlflow_connection.hpp"
#include "ipc/server/mlflow_relaying.hpp"
#include "ipc/server/mlflow_request.hpp"
#include "ipc/server/stored_content.hpp"

// GCC 12 takes the operators new and delete of Asio's coroutines for a mismatch where it sees
// through one of them alone.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

// What MlflowConnection does with traces that the SDK has told: changes are stored, and what is
// asked of a trace waits until the server has it, or is answered from what is stored here.
namespace tracelink {
namespace {

using Kind = TraceChange::Kind;

constexpr std::chrono::seconds kDeliveredWithin{5};  // about what a model's registration takes
// Of a change of a trace that is not known here: where it goes is not asked, only that it is known.
constexpr const char* kSomeExperiment = "0";

// JSON of more bytes is read on the worker thread.
constexpr std::size_t kReadHere = 128u << 10;

}  // namespace

// Calls `read`, which has so many bytes to read, on the worker thread if they are many. False: it
// may be running still, since the client has gone.
Task<bool> MlflowConnection::read_stored(std::size_t bytes, std::function<void()> read,
                                         ReadPlace place) {
  if (bytes <= kReadHere) {
    read();
    co_return true;
  }
  const auto done = std::make_shared<bool>(false);  // of the io thread
  context_.intake.post_to_worker([done, read = std::move(read), place = std::move(place),
                                  weak = weak_from_this(), executor = socket_.get_executor()] {
    read();
    boost::asio::post(executor, [done, weak] {
      *done = true;
      if (const auto self = weak.lock()) static_cast<MlflowConnection&>(*self).wake();
    });
  });
  while (!*done && socket_.is_open()) co_await sleep();
  co_return *done;
}

// Nothing if there is none for too long.
Task<MlflowConnection::ReadPlace> MlflowConnection::take_read_place() {
  set_serving();
  const auto reads = door_.large_reads;
  const SteadyTime give_up = context_.clock.steady() + context_.hold_time;
  while (*reads >= MlflowDoor::kMostLargeReads && socket_.is_open()) {
    const SteadyTime now = context_.clock.steady();
    if (now >= give_up) co_return nullptr;
    co_await sleep_until(now + kLookAgain);
  }
  ++*reads;
  co_return ReadPlace(reads.get(), [reads](void*) { --*reads; });
}

// If much is stored of these traces; the caller has it until the answer is taken. False: there is
// none for too long.
Task<bool> MlflowConnection::take_place_for(std::vector<TraceId> traces, ReadPlace& place) {
  if (place || door_.stored.bytes(traces) <= kReadHere) co_return true;
  place = co_await take_read_place();
  co_return place != nullptr;
}

HttpReply MlflowConnection::too_many_read() {
  ++context_.stats.overload_replies;
  return mlflow_error(503, "TEMPORARILY_UNAVAILABLE", "others read large traces; try again");
}

// In what is stored of the trace. Nothing also if the client has gone, or many read.
Task<std::optional<std::string>> MlflowConnection::find_stored(TraceId trace, Finder find,
                                                               ReadPlace& place) {
  const std::vector<TraceId> one(1, trace);
  if (!co_await take_place_for(one, place)) co_return std::nullopt;
  Contents contents{door_.stored.content(trace)};
  const std::size_t bytes = bytes_of(contents);
  const auto found = std::make_shared<std::optional<std::string>>();
  std::function<void()> read = [found, contents = std::move(contents), find = std::move(find)] {
    *found = find(contents.front());
  };
  const bool is_read = co_await read_stored(bytes, std::move(read), place);
  co_return is_read ? std::exchange(*found, std::nullopt) : std::nullopt;
}

Task<bool> MlflowConnection::store_change(Parser& parser) {
  ++context_.stats.http_requests;
  auto refusal = co_await read_small_body(parser);
  if (closed_by_client_) co_return false;
  if (refusal) co_return co_await send_text(parser, *std::move(refusal));
  const MlflowRequest& request = parser.get();
  auto changes = read_trace_changes(view(request.method_string()), path_of(view(request.target())),
                                    request.body());
  if (!changes && changes.error().code == ErrorCode::rejected) {
    co_return co_await pass_behind_its_traces(parser);
  }
  if (!changes) {
    HttpReply invalid = invalid_request(changes.error().message);
    co_return co_await send_text(parser, std::move(invalid));
  }
  if (changes->empty()) co_return co_await delete_by_time(parser);
  HttpReply reply = co_await store_changes(parser, *std::move(changes));
  co_return co_await send_text(parser, std::move(reply));
}

// A deletion of what is old: all that is here belongs to it, and is delivered first.
Task<bool> MlflowConnection::delete_by_time(Parser& parser) {
  const std::string body = parser.get().body();
  keep_request(body.size());
  co_await wait_for_delivery();
  ++context_.stats.relayed_requests;
  const auto mailbox = make_mailbox();
  RelayRequest request = relayed(parser.get(), body.size());
  const auto id = co_await begin_relayed(std::move(request), mailbox);
  if (!id) co_return co_await send_no_room(parser);
  door_.relay.send(*id, body, true);
  while (!mailbox->answered() && socket_.is_open()) co_await sleep();
  const int status = mailbox->status();
  const bool is_away = status == 0 || server_is_away(status);
  auto deletion = is_away ? deletion_by_time(body) : std::nullopt;
  bool more = false;
  if (deletion && !deletion->is_limited) {
    HttpReply reply = co_await keep_deletion(parser, *std::move(deletion));
    more = co_await send_text(parser, std::move(reply));
  } else {
    more = co_await pass_answer(parser, *id, *mailbox);
  }
  end_relayed(*id);
  co_return more;
}

// The server deletes what it has when it is back; what it will get meanwhile is deleted behind it,
// trace by trace.
Task<HttpReply> MlflowConnection::keep_deletion(const Parser& parser, DeletionByTime deletion) {
  const auto found = std::make_shared<std::optional<std::vector<TraceChange>>>();
  bool is_read = true;
  ReadPlace place = co_await take_read_place();
  if (auto stored = place ? door_.stored.undelivered() : std::nullopt) {
    const std::size_t bytes = bytes_of(*stored);
    std::function<void()> read = [found, stored = *std::move(stored), deletion] {
      *found = deletions_of(stored, deletion);
    };
    is_read = co_await read_stored(bytes, std::move(read), std::move(place));
  }
  auto changes = is_read ? std::exchange(*found, std::nullopt) : std::nullopt;
  if (!changes) {
    co_return mlflow_error(503, "TEMPORARILY_UNAVAILABLE",
                           "the tracking server cannot be reached, and how old the traces are that "
                           "tracelink keeps meanwhile is not known of all: delete them by their "
                           "ids, or when the server is back");
  }
  changes->push_back(delete_until_change(deletion, context_.clock.wall()));
  end_request();
  begin_request();
  if (!co_await reserve(parser.get().body().size())) co_return error_of(take_reply());
  co_return co_await store_changes(parser, *std::move(changes));
}

// The one that the change names, if only this daemon knows it by that id.
std::string MlflowConnection::named_experiment_of(const TraceChange& change) const {
  const std::string id = experiment_of_change(change);
  return provisional_experiment(id) ? id : kSomeExperiment;
}

Task<HttpReply> MlflowConnection::store_changes(const Parser& parser,
                                                std::vector<TraceChange> changes) {
  const std::string named = named_experiment_of(changes.front());
  SplitRequest split;
  for (TraceChange& change : changes) {
    split.slices.push_back(trace_change_slice(change));
    std::string().swap(change.content);  // large, and told to nobody
  }
  std::string experiment = door_.stored.experiment(changes.front().trace_id);
  if (experiment.empty()) experiment = named;
  const Reply stored = co_await exchange(std::move(split), std::move(experiment));
  if (!stored.ok()) co_return error_of(stored);
  std::string known;
  if (changes.front().kind == Kind::update_assessment) {
    known = co_await known_assessment(parser, changes.front());
  }
  HttpReply answer;
  answer.body = change_answer(changes, known);
  co_return answer;
}

// As it is here, else as the server has it; empty: neither can say.
Task<std::string> MlflowConnection::known_assessment(const Parser& parser, TraceChange change) {
  Finder find = [id = change.assessment_id](const std::vector<TraceSlice>& content) {
    return assessment_of(content, id);
  };
  ReadPlace place;
  const auto found = co_await find_stored(change.trace_id, std::move(find), place);
  if (!found || !found->empty()) co_return found.value_or(std::string());
  RelayRequest asked = relayed(parser.get(), 0);
  asked.method = "GET";
  asked.target = request_of(change).path;
  const Fetched fetched = co_await fetch(std::move(asked));
  if (fetched.status != 200) co_return std::string();
  co_return assessment_in_answer(fetched.body);
}

Task<bool> MlflowConnection::tell_traces(Parser& parser, TraceRead read) {
  const bool delivered = co_await are_delivered(read.traces);
  std::optional<HttpReply> queued;
  ReadPlace place;  // until the answer is taken
  if (!delivered) queued = co_await queued_answer(read, place);
  if (queued) co_return co_await send_text(parser, *std::move(queued));
  if (!parser.is_done()) co_return co_await pass_on(parser);
  ++context_.stats.relayed_requests;
  begin_request();
  keep_request(0);
  const auto mailbox = make_mailbox();
  RelayRequest request = relayed(parser.get(), 0);
  const auto id = co_await begin_relayed(std::move(request), mailbox);
  if (!id) co_return co_await send_no_room(parser);
  while (!mailbox->answered() && socket_.is_open()) co_await sleep();
  const int status = mailbox->status();
  if (status == 0 || server_is_away(status)) queued = co_await queued_answer(read, place);
  bool more = false;
  if (queued) {
    more = co_await send_text(parser, *std::move(queued));
  } else {
    more = co_await pass_answer(parser, *id, *mailbox);
  }
  end_relayed(*id);
  co_return more;
}

// Nothing: not all of it is here.
Task<std::optional<HttpReply>> MlflowConnection::queued_answer(const TraceRead& read,
                                                               ReadPlace& place) {
  if (!co_await take_place_for(read.traces, place)) co_return too_many_read();
  Contents contents;
  for (const TraceId& id : read.traces) contents.push_back(door_.stored.content(id));
  const std::size_t bytes = bytes_of(contents);
  const auto found = std::make_shared<std::optional<HttpReply>>();
  std::function<void()> look = [found, contents = std::move(contents), read,
                                &knowledge = door_.knowledge] {
    *found = answer_from(contents, read, knowledge);
  };
  const bool is_read = co_await read_stored(bytes, std::move(look), place);
  auto answer = is_read ? std::exchange(*found, std::nullopt) : std::nullopt;
  if (!answer) place.reset();  // the server is asked, which may take its time
  co_return answer;
}

Task<bool> MlflowConnection::pass_when_delivered(Parser& parser) {
  begin_request();
  const auto refusal = co_await read_body(parser);
  if (closed_by_client_) co_return false;
  if (refusal) co_return co_await send_text(parser, error_of(*refusal));
  co_return co_await pass_behind_its_traces(parser);
}

// A request whose body was read.
Task<bool> MlflowConnection::pass_behind_its_traces(Parser& parser) {
  keep_request(parser.get().body().size());
  auto traces = named_traces(view(parser.get().target()));
  if (traces.empty()) traces = named_traces(parser.get().body());
  const bool delivered = co_await are_delivered(std::move(traces));
  std::optional<HttpReply> queued;
  ReadPlace place;  // until the answer is taken
  if (!delivered) queued = co_await queued_artifact(parser, place);
  if (queued) co_return co_await send_text(parser, *std::move(queued));
  co_return co_await pass_whole(parser);
}

// Those that nothing is known of are not here.
Task<bool> MlflowConnection::are_delivered(std::vector<TraceId> traces) {
  const SteadyTime deadline = context_.clock.steady() + kDeliveredWithin;
  bool all = true;
  for (const TraceId& trace : traces) {
    if (!socket_.is_open()) co_return false;
    if (!door_.stored.knows(trace)) continue;
    const bool delivered = co_await is_delivered(trace, deadline);
    all = all && delivered;
  }
  co_return all;
}

Task<bool> MlflowConnection::is_delivered(TraceId trace, SteadyTime deadline) {
  set_serving();
  const auto told = std::make_shared<std::optional<bool>>();  // of the io thread
  const auto tell = [told, weak = weak_from_this(),
                     executor = socket_.get_executor()](bool delivered) {
    boost::asio::post(executor, [told, weak, delivered] {
      *told = delivered;
      if (const auto self = weak.lock()) static_cast<MlflowConnection&>(*self).wake();
    });
  };
  door_.await_delivery(trace, deadline, tell);
  while (!told->has_value() && socket_.is_open()) co_await sleep();
  const bool delivered = told->value_or(false);
  if (delivered) door_.stored.delivered(trace);
  co_return delivered;
}

// A search shows what this application, and others, have written before it.
Task<void> MlflowConnection::wait_for_delivery() {
  set_serving();
  const SteadyTime since = context_.clock.steady();
  while (!door_.all_delivered(since) && socket_.is_open()) {
    const SteadyTime now = context_.clock.steady();
    if (now >= since + kDeliveredWithin) break;
    door_.hurry(std::nullopt);
    co_await sleep_until(now + kLookAgain);
  }
}

}  // namespace tracelink
