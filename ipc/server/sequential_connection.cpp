#include "ipc/server/sequential_connection.hpp"

#include <algorithm>

namespace tracelink {

SequentialConnection::SequentialConnection(StreamSocket socket, Peer peer, ServerContext& context)
    : ClientConnection(std::move(socket), peer, context) {}

void SequentialConnection::finish() {
  finishing_ = true;
  if (idle()) close_idle();
}

void SequentialConnection::begin_request() {
  set_waiting();
  disarm_watchdog();
  reply_.reset();
  request_ = context_.intake.begin(weak_from_this(), ++token_, peer_, number_, std::nullopt);
}

void SequentialConnection::end_request() {
  if (request_) context_.intake.abandon(*request_);
  request_.reset();
  reply_.reset();
  set_idle();
}

void SequentialConnection::keep_request(std::size_t bytes) {
  if (request_) context_.intake.keep(*request_, bytes);
}

void SequentialConnection::keep_more(std::size_t bytes) {
  if (request_) context_.intake.keep_more(*request_, bytes);
}

Task<bool> SequentialConnection::reserve(std::size_t bytes) {
  if (replied()) co_return false;
  admitted_ = context_.intake.reserve(*request_, bytes);
  while (!admitted_ && !replied() && socket_.is_open()) co_await sleep();
  co_return admitted_ && !replied();
}

Task<bool> SequentialConnection::received(std::size_t bytes) {
  if (replied()) co_return false;
  admitted_ = context_.intake.received(*request_, bytes);
  while (!admitted_ && !replied() && socket_.is_open()) co_await sleep();
  co_return admitted_ && !replied();
}

Task<Reply> SequentialConnection::exchange(RequestBody body, std::string experiment) {
  set_serving();
  if (request_) context_.intake.submit(*request_, std::move(body), std::move(experiment));
  co_return co_await await_reply();
}

Task<Reply> SequentialConnection::exchange(SplitRequest split, std::string experiment) {
  set_serving();
  if (request_) context_.intake.submit(*request_, std::move(split), std::move(experiment));
  co_return co_await await_reply();
}

Task<Reply> SequentialConnection::await_reply() {
  while (!replied() && socket_.is_open()) co_await sleep();
  co_return take_reply();
}

void SequentialConnection::on_admitted(std::uint64_t) {
  admitted_ = true;
  wake();
}

void SequentialConnection::on_reply(std::uint64_t token, Reply reply) {
  if (token != token_) return;
  request_.reset();
  if (reply.ok()) set_served();
  set_waiting();
  reply_ = std::move(reply);
  wake();
  boost::system::error_code ignored;
  socket_.cancel(ignored);  // a body that is still being read has come too late
}

Task<bool> SequentialConnection::write(std::string text) {
  arm_watchdog(&ServerStats::answers_not_taken);
  std::string_view rest = text;
  bool healthy = write_now(rest);
  if (healthy && !rest.empty()) healthy = co_await write_rest(rest);
  disarm_watchdog();
  co_return healthy;
}

// It is the client that is waited for now, so this connection may make room for another.
Task<bool> SequentialConnection::write_rest(std::string_view rest) {
  const bool was_idle = idle();
  const bool was_answering = set_answering(true);
  set_waiting();
  bool healthy = true;
  while (healthy && !rest.empty()) {
    const auto [error] = co_await socket_.async_wait(StreamSocket::wait_write, kUseTask);
    healthy = !error && write_now(rest);
  }
  set_answering(was_answering);
  if (was_idle) set_idle();
  co_return healthy;
}

// Closing while bytes of the client are unread would make its next write fail before it reads.
Task<void> SequentialConnection::drain() {
  set_waiting();
  boost::system::error_code ignored;
  socket_.shutdown(StreamSocket::shutdown_send, ignored);
  std::size_t left = 4 * max_request_bytes();
  arm_watchdog();
  while (left > 0) {
    const auto bytes = co_await read_some();
    if (!bytes) break;
    left -= std::min(left, bytes->size());
  }
  disarm_watchdog();
}

}  // namespace tracelink
