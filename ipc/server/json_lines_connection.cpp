#include "ipc/server/json_lines_connection.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "daemon/text/release.hpp"

namespace tracelink {
namespace {

constexpr std::size_t kFirstReservation = 64u << 10;
constexpr std::string_view kBlanks = " \t\r\n";

}  // namespace

JsonLinesConnection::JsonLinesConnection(StreamSocket socket, Peer peer, ServerContext& context,
                                         std::string first_bytes)
    : SequentialConnection(std::move(socket), peer, context),
      lines_(max_request_bytes()),
      input_(std::move(first_bytes)) {}

Task<void> JsonLinesConnection::run() {
  if (peer_refusal()) {
    const std::string text = reply_line(*peer_refusal());
    if (co_await write(text)) co_await drain();
    abort();
    co_return;
  }
  while (co_await serve_input()) {
    if (finishing() && !request_open()) break;
    std::optional<std::string_view> bytes;
    if (!replied()) bytes = co_await read_some();
    if (bytes) input_ = *bytes;
    if (replied()) {
      if (!co_await give_up_line()) break;
    } else if (!bytes) {
      lines_.finish();
      if (auto last = lines_.next()) (void)co_await serve_line(*std::move(last));
      break;
    }
  }
  end_request();
  abort();
}

// Serves every line that is complete. False: the connection is over.
Task<bool> JsonLinesConnection::serve_input() {
  std::size_t used = 0;
  while (used < input_.size()) {
    // Of blank lines a client can send as many as bytes: they cost no more than these.
    if (!lines_.inside_line())
      used = std::min(input_.find_first_not_of(kBlanks, used), input_.size());
    used += lines_.feed(std::string_view(input_).substr(used));
    if (used == input_.size()) {  // a line that waits keeps no buffer beside it
      release(input_);
      used = 0;
    }
    auto line = lines_.next();
    if (line) {
      if (!co_await serve_line(*std::move(line))) co_return false;
      if (used < input_.size()) co_await let_others_go();
    } else if (lines_.buffered_bytes() > 0) {
      const bool granted = co_await grow();
      if (!granted && !socket_.is_open()) co_return false;  // else run() finds the reply
    } else if (!lines_.inside_line()) {
      end_request();  // it was an empty line
    }
  }
  co_return true;
}

// The deadline has passed inside a line.
Task<bool> JsonLinesConnection::give_up_line() {
  lines_.skip_line();
  const std::string text = reply_line(take_reply());
  end_request();
  co_return co_await write(text);
}

// Memory is asked for in doubling steps, since nobody says how long a line will be.
Task<bool> JsonLinesConnection::grow() {
  if (!request_open() && !replied()) {
    begin_request();
    reserved_bytes_ = 0;
  }
  while (!replied() && reserved_bytes_ < lines_.buffered_bytes()) {
    const std::size_t step = std::max(kFirstReservation, reserved_bytes_);
    if (!co_await reserve(step)) co_return false;
    reserved_bytes_ += step;
  }
  co_return co_await received(lines_.buffered_bytes());
}

Task<bool> JsonLinesConnection::serve_line(Result<std::string> line) {
  ++context_.stats.json_line_requests;
  if (!request_open() && !replied()) {
    begin_request();
    reserved_bytes_ = 0;
  }
  bool refused = replied();
  if (line && !refused && line->size() > reserved_bytes_) {
    refused = !co_await reserve(line->size() - reserved_bytes_);
  }
  if (line && !refused) refused = !co_await received(line->size());
  Reply reply;
  if (!line) {
    ++context_.stats.too_large_requests;
    reply = reply_for_decode_error(line.error());
  } else if (refused) {
    reply = take_reply();
  } else {
    RequestBody body{BodyFormat::json, ContentEncoding::identity, *std::move(line)};
    const std::string no_experiment;
    reply = co_await exchange(std::move(body), no_experiment);
  }
  end_request();
  context_.stats.json_line_results.count(reply);
  const std::string text = reply_line(reply);
  co_return co_await write(text);
}

}  // namespace tracelink
