#include "ipc/server/client_connection.hpp"

#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

namespace tracelink {

namespace asio = boost::asio;

namespace {

// From a client's connect() to its request, on a busy machine. A stop waits for it.
constexpr std::chrono::milliseconds kFirstRequest{1'000};

}  // namespace

ClientConnection::ClientConnection(StreamSocket socket, Peer peer, ServerContext& context)
    : socket_(std::move(socket)),
      peer_(peer),
      context_(context),
      number_(++context.connections),
      watchdog_(socket_.get_executor()),
      wakeup_(socket_.get_executor()),
      came_at_(context.clock.steady()),
      waits_since_(came_at_) {
  boost::system::error_code ignored;
  socket_.non_blocking(true, ignored);  // a socket that cannot be set is closed: reads will tell
}

void ClientConnection::abort() {
  boost::system::error_code ignored;
  socket_.close(ignored);
  wake();
}

void ClientConnection::evict() {
  const std::string text = idle() || answering_ ? std::string() : farewell();
  std::string_view rest = text;
  (void)write_now(rest);
  abort();
}

Task<void> ClientConnection::let_others_go() {
  constexpr asio::use_awaitable_t<IoExecutor> kInTurn;
  co_await asio::post(socket_.get_executor(), kInTurn);
}

Task<void> ClientConnection::sleep() { return sleep_until(IoTimer::time_point::max()); }

Task<void> ClientConnection::sleep_until(SteadyTime latest) {
  wakeup_.expires_at(latest);
  (void)co_await wakeup_.async_wait(kUseTask);
}

Task<std::optional<std::string_view>> ClientConnection::read_some() {
  const auto buffer = asio::buffer(context_.read_buffer);
  for (;;) {
    const auto [wait_error] = co_await socket_.async_wait(StreamSocket::wait_read, kUseTask);
    if (wait_error) co_return std::nullopt;
    boost::system::error_code error;
    const std::size_t size = socket_.read_some(buffer, error);
    if (error == asio::error::would_block) continue;
    if (error) co_return std::nullopt;
    co_return std::string_view(context_.read_buffer.data(), size);
  }
}

bool ClientConnection::write_now(std::string_view& rest) {
  while (!rest.empty()) {
    boost::system::error_code error;
    rest.remove_prefix(socket_.write_some(asio::buffer(rest), error));
    if (error == asio::error::would_block) return true;
    if (error) return false;
  }
  return true;
}

void ClientConnection::arm_read_deadline() {
  watchdog_.expires_after(context_.hold_time);
  watchdog_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = error ? nullptr : weak.lock();
    if (!self) return;
    auto& connection = static_cast<ClientConnection&>(*self);
    connection.late_ = true;
    boost::system::error_code ignored;
    connection.socket_.cancel(ignored);
  });
}

bool ClientConnection::has_unread_bytes() {
  boost::system::error_code gone;
  return socket_.available(gone) > 0;
}

void ClientConnection::close_idle() {
  if (has_unread_bytes()) return;
  const auto age = context_.clock.steady() - came_at_;
  const bool has_asked = waits_since_ != came_at_;
  if (has_asked || age >= kFirstRequest) return abort();
  abort_after(kFirstRequest - age);
}

void ClientConnection::abort_after(SteadyTime::duration time, Counter counter) {
  watchdog_.expires_after(time);
  watchdog_.async_wait([weak = weak_from_this(), counter](const boost::system::error_code& error) {
    const auto self = error ? nullptr : weak.lock();
    if (!self) return;
    auto& connection = static_cast<ClientConnection&>(*self);
    if (counter != nullptr) ++(connection.context_.stats.*counter);
    connection.abort();
  });
}

}  // namespace tracelink
