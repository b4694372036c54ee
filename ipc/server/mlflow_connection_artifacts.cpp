#include <algorithm>
#include <chrono>
#include <utility>

#include "daemon/mlflow/rest/trace_change.hpp"
#include "ipc/server/mlflow_connection.hpp"
#include "ipc/server/mlflow_request.hpp"
#include "ipc/server/stored_content.hpp"

// What MlflowConnection does with the files of a trace: its attachments, and that of its spans.
namespace tracelink {
namespace {

constexpr std::size_t kMaxArtifactBytes = 16u << 20;

}  // namespace

// The SDK uploads its spans as a file when it was told that they are not all here; they may have
// been on their way. If they never come, by an SDK that asked the version when nobody answered, or
// some of them do not, the file is all there is.
Task<bool> MlflowConnection::take_artifact(Parser& parser) {
  const auto target = view(parser.get().target());
  if (is_spans_file(target)) {
    const TraceId trace = *artifact_trace(target);
    co_await wait_for_spans(trace);
    if (door_.stored.has_all_spans(trace)) co_return co_await drop_body(parser);
  }
  if (!can_be_stored(parser)) co_return co_await pass_on(parser);
  co_return co_await store_artifact(parser);
}

// What is larger is streamed to the server, if that is there. Without a length there is no body, or
// chunks tell it when they have come; an SDK sends an empty file so.
bool MlflowConnection::can_be_stored(const Parser& parser) const {
  const std::size_t most = std::min(kMaxArtifactBytes, max_request_bytes());
  const bool is_plain =
      parser.get().find(boost::beast::http::field::content_encoding) == parser.get().end();
  return is_plain && parser.content_length().value_or(0) <= most;
}

Task<bool> MlflowConnection::store_artifact(Parser& parser) {
  ++context_.stats.http_requests;
  begin_request();
  const auto refusal = co_await read_body(parser);
  if (closed_by_client_) co_return false;
  if (refusal) co_return co_await send_text(parser, error_of(*refusal));
  if (const std::size_t bytes = parser.get().body().size(); bytes > kMaxArtifactBytes) {
    keep_request(bytes);
    co_return co_await pass_whole(parser);
  }
  std::vector<TraceChange> changes;
  changes.push_back(
      artifact_change(view(parser.get().target()), std::exchange(parser.get().body(), {})));
  HttpReply reply = co_await store_changes(parser, std::move(changes));
  co_return co_await send_text(parser, std::move(reply));
}

Task<bool> MlflowConnection::drop_body(Parser& parser) {
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
  const SteadyTime give_up = context_.clock.steady() + door_.spans_within;
  while (!door_.stored.has_all_spans(trace) && socket_.is_open()) {
    const SteadyTime now = context_.clock.steady();
    if (now >= give_up) break;
    co_await sleep_until(now + kLookAgain);
  }
}

// Nothing: no artifact is asked for, or it is not here.
Task<std::optional<HttpReply>> MlflowConnection::queued_artifact(const Parser& parser,
                                                                 ReadPlace& place) {
  const std::string path(path_of(view(parser.get().target())));
  const auto trace = artifact_trace(path);
  if (!trace || parser.get().method() != boost::beast::http::verb::get) co_return std::nullopt;
  const std::vector<TraceId> one(1, *trace);
  if (!co_await take_place_for(one, place)) co_return too_many_read();
  Finder find = [path](const std::vector<TraceSlice>& content) {
    return artifact_in(content, path);
  };
  auto found = co_await find_stored(*trace, std::move(find), place);
  if (!found) place.reset();  // the server is asked, which may take its time
  if (!found) co_return std::nullopt;
  HttpReply reply;
  reply.content_type = "application/octet-stream";
  reply.body = *std::move(found);
  co_return reply;
}

}  // namespace tracelink
