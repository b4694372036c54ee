#include "daemon/control/control_server.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <list>
#include <optional>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <fcntl.h>

#include "daemon/base/listening_socket.hpp"

namespace tracelink {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Local = asio::local::stream_protocol;
using Tcp = asio::ip::tcp;
using Protocol = asio::generic::stream_protocol;  // either of the two
using Stream = beast::basic_stream<Protocol>;
using Acceptor = asio::basic_socket_acceptor<Protocol>;

namespace {

constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr std::size_t kMaxHeaderBytes = 8 << 10;
constexpr std::size_t kMaxDroppedBytes = 1 << 20;  // of a request that is refused

http::response<http::string_body> to_response(const http::request<http::string_body>& request,
                                              ControlReply reply) {
  http::response<http::string_body> response{static_cast<http::status>(reply.status),
                                             request.version()};
  response.set(http::field::content_type, reply.content_type);
  if (!reply.next.empty()) response.set(http::field::link, "<" + reply.next + ">; rel=\"next\"");
  response.keep_alive(request.keep_alive());
  response.body() = std::move(reply.body);
  response.prepare_payload();
  if (request.method() == http::verb::head) response.body().clear();  // Content-Length stays
  return response;
}

// The turn of slow work: one at a time.
class Turn {
 public:
  explicit Turn(const asio::any_io_executor& executor)
      : changed_(executor, asio::steady_timer::time_point::max()) {}

  asio::awaitable<void> take() {
    while (is_taken_) {
      (void)co_await changed_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    is_taken_ = true;
  }
  void give_back() {
    is_taken_ = false;
    changed_.cancel_one();
  }

 private:
  bool is_taken_ = false;
  asio::steady_timer changed_;
};

// Gives the turn back wherever the coroutine ends.
class TurnHolder {
 public:
  explicit TurnHolder(Turn& turn) : turn_(turn) {}
  ~TurnHolder() { turn_.give_back(); }
  TurnHolder(const TurnHolder&) = delete;
  TurnHolder& operator=(const TurnHolder&) = delete;

 private:
  Turn& turn_;
};

struct Connection {
  explicit Connection(Protocol::socket socket) : stream(std::move(socket)) {}
  Stream stream;
  // The number of the wait for a request, or for an answer to be taken; 0: it is being made.
  std::uint64_t waiting_since = 0;
};

// What connections need; outlives every coroutine that holds it.
struct Shared {
  Shared(const asio::any_io_executor& executor, ControlServer::Handler given,
         const ControlLimits& bounds)
      : handler(std::move(given)), limits(bounds), slow_turn(executor) {}

  ControlServer::Handler handler;
  ControlLimits limits;
  ControlStats stats;
  std::list<std::shared_ptr<Connection>> connections;
  std::uint64_t waits = 0;  // for clients, ever
  Turn slow_turn;
  asio::thread_pool quick_worker{1};
  asio::thread_pool slow_worker{1};
};

asio::awaitable<ControlReply> run_here(ControlWork work) { co_return work.run(); }

// Runs the work on its thread and comes back to the caller's executor. A coroutine of the worker's
// executor, because what is posted there with use_awaitable would resume on the caller's.
asio::awaitable<ControlReply> run_work(std::shared_ptr<Shared> shared, ControlWork work) {
  asio::thread_pool& worker = work.slow ? shared->slow_worker : shared->quick_worker;
  auto running =
      asio::co_spawn(worker.get_executor(), run_here(std::move(work)), asio::use_awaitable);
  co_return co_await std::move(running);
}

// Whether the connection may go on.
asio::awaitable<bool> answer(std::shared_ptr<Shared> shared, std::shared_ptr<Connection> connection,
                             const http::request<http::string_body>& request, ControlWork work) {
  Stream& stream = connection->stream;
  ControlReply reply = co_await run_work(shared, std::move(work));
  http::response<http::string_body> response = to_response(request, std::move(reply));
  stream.expires_after(shared->limits.timeout);
  connection->waiting_since = ++shared->waits;
  const auto [error, bytes] =
      co_await http::async_write(stream, response, asio::as_tuple(asio::use_awaitable));
  connection->waiting_since = 0;
  if (error == beast::error::timeout) ++shared->stats.timed_out;
  co_return !error && response.keep_alive();
}

asio::awaitable<bool> answer_in_turn(std::shared_ptr<Shared> shared,
                                     std::shared_ptr<Connection> connection,
                                     const http::request<http::string_body>& request,
                                     ControlWork work) {
  if (!work.slow) co_return co_await answer(shared, connection, request, std::move(work));
  co_await shared->slow_turn.take();
  const TurnHolder holder(shared->slow_turn);
  co_return co_await answer(shared, connection, request, std::move(work));
}

// What the reply to a request that cannot be read says; nothing: there is no such reply.
std::optional<ControlReply> refusal_of(const beast::error_code& error,
                                       const ControlLimits& limits) {
  const auto too_large = [](int status, const char* what, std::size_t bytes) {
    return ControlReply{status, std::string("{\"error\":\"the ") + what + " has more than " +
                                    std::to_string(bytes) + " bytes\"}"};
  };
  if (error == http::error::header_limit) return too_large(431, "header", kMaxHeaderBytes);
  if (error == http::error::body_limit) return too_large(413, "body", limits.body_bytes);
  return std::nullopt;
}

// A bounded part of what the client still sends is dropped: closing under it would lose the answer.
asio::awaitable<void> refuse(std::shared_ptr<Shared> shared, std::shared_ptr<Connection> connection,
                             ControlReply reply) {
  Stream& stream = connection->stream;
  http::request<http::string_body> request;
  request.keep_alive(false);
  const http::response<http::string_body> response = to_response(request, std::move(reply));
  stream.expires_after(shared->limits.timeout);
  connection->waiting_since = ++shared->waits;
  (void)co_await http::async_write(stream, response, asio::as_tuple(asio::use_awaitable));
  beast::error_code ignored;
  stream.socket().shutdown(Protocol::socket::shutdown_send, ignored);
  std::string dropped(kMaxHeaderBytes, '\0');
  for (std::size_t left = kMaxDroppedBytes; left > 0;) {
    const auto [error, bytes] =
        co_await stream.async_read_some(asio::buffer(dropped), asio::as_tuple(asio::use_awaitable));
    if (error) break;
    left -= std::min(left, bytes);
  }
}

asio::awaitable<void> serve(std::shared_ptr<Shared> shared,
                            std::shared_ptr<Connection> connection) {
  Stream& stream = connection->stream;
  beast::flat_buffer buffer(shared->limits.body_bytes + kMaxHeaderBytes);
  for (bool goes_on = true; goes_on;) {
    http::request_parser<http::string_body> parser;
    parser.header_limit(kMaxHeaderBytes);
    parser.body_limit(shared->limits.body_bytes);
    stream.expires_after(shared->limits.timeout);
    connection->waiting_since = ++shared->waits;
    const auto [error, bytes] =
        co_await http::async_read(stream, buffer, parser, asio::as_tuple(asio::use_awaitable));
    connection->waiting_since = 0;
    if (error == beast::error::timeout) ++shared->stats.timed_out;
    if (auto refusal = refusal_of(error, shared->limits)) {
      co_await refuse(shared, connection, *std::move(refusal));
    }
    if (error) co_return;
    const http::request<http::string_body>& request = parser.get();
    ControlRequest asked{.method = std::string(request.method_string()),
                         .target = std::string(request.target()),
                         .body = request.body(),
                         .host = std::string(request[http::field::host])};
    ControlWork work = shared->handler(std::move(asked));
    goes_on = co_await answer_in_turn(shared, connection, request, std::move(work));
  }
}

asio::awaitable<void> serve_listed(std::shared_ptr<Shared> shared,
                                   std::shared_ptr<Connection> connection) {
  co_await serve(shared, connection);
  shared->connections.remove(connection);
}

// Closes the connection whose client has kept us waiting for longest; false if an answer is being
// made for each of them.
bool make_room(Shared& shared) {
  Connection* longest = nullptr;
  for (const auto& connection : shared.connections) {
    const bool waits = connection->waiting_since != 0 && connection->stream.socket().is_open();
    if (waits && (!longest || connection->waiting_since < longest->waiting_since)) {
      longest = connection.get();
    }
  }
  if (!longest) return false;
  longest->stream.close();
  ++shared.stats.evicted;
  return true;
}

std::size_t open_connections(const Shared& shared) {
  return static_cast<std::size_t>(std::ranges::count_if(
      shared.connections,
      [](const auto& connection) { return connection->stream.socket().is_open(); }));
}

void rethrow(const std::exception_ptr& error) {
  if (error) std::rethrow_exception(error);
}

class ControlServerImpl final : public ControlServer {
 public:
  ControlServerImpl(asio::io_context& io, Handler handler, const ControlLimits& limits)
      : acceptor_(io),
        shared_(std::make_shared<Shared>(acceptor_.get_executor(), std::move(handler), limits)) {}
  ~ControlServerImpl() override {
    shared_->quick_worker.join();
    shared_->slow_worker.join();
  }

  Result<void> listen_local(const std::string& path) {
    auto opened =
        ListeningSocket::open_unix({.path = path, .mode = 0600, .owner = {}, .group = {}});
    if (!opened) return std::move(opened).error();
    local_.emplace(*std::move(opened));
    return accept_local();
  }

  Result<bool> ensure_found() override {
    const bool found = local_ && local_->is_found();
    if (!local_ || (found && acceptor_.is_open())) return false;
    if (!found) {
      if (auto again = local_->open_again(); !again) {
        return std::move(again).error().within("control.socket");
      }
    }
    beast::error_code ignored;
    acceptor_.close(ignored);
    if (auto ok = accept_local(); !ok) return std::move(ok).error();
    return true;
  }

  Result<void> listen_tcp(const std::string& address) {
    const std::size_t colon = address.rfind(':');
    std::string host = address.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    beast::error_code error;
    const auto found =
        Tcp::resolver(acceptor_.get_executor()).resolve(host, address.substr(colon + 1), error);
    if (!error) error = listen(found.begin()->endpoint());
    if (error) return Error{ErrorCode::io, "control.http " + address + ": " + error.message()};
    return {};
  }

  void stop() override {
    beast::error_code ignored;
    acceptor_.close(ignored);
    local_.reset();
    for (const auto& connection : shared_->connections) connection->stream.close();
  }

  ControlStats stats() const override {
    ControlStats stats = shared_->stats;
    stats.open = open_connections(*shared_);
    return stats;
  }

 private:
  Result<void> accept_local() {
    const int fd = ::fcntl(local_->fd(), F_DUPFD_CLOEXEC, 0);
    if (fd < 0) return Error{ErrorCode::io, std::string("control.socket: ") + std::strerror(errno)};
    beast::error_code error;
    acceptor_.assign(Local(), fd, error);
    if (error) {
      ::close(fd);
      return Error{ErrorCode::io, "control.socket: " + error.message()};
    }
    asio::co_spawn(acceptor_.get_executor(), accept(), rethrow);
    return {};
  }

  beast::error_code listen(const Protocol::endpoint& endpoint) {
    beast::error_code error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(Acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(Protocol::socket::max_listen_connections, error);
    if (!error) asio::co_spawn(acceptor_.get_executor(), accept(), rethrow);
    return error;
  }

  asio::awaitable<void> accept() {
    while (acceptor_.is_open()) {
      auto [error, socket] = co_await acceptor_.async_accept(asio::as_tuple(asio::use_awaitable));
      if (error == asio::error::operation_aborted) co_return;
      if (error) {
        // Out of descriptors, most likely: accepting again at once would spin.
        asio::steady_timer pause(acceptor_.get_executor(), kAcceptPause);
        co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
        continue;
      }
      admit(std::move(socket));
    }
  }

  void admit(Protocol::socket socket) {
    const bool is_full = open_connections(*shared_) >= shared_->limits.connections;
    if (is_full && !make_room(*shared_)) {
      ++shared_->stats.evicted;
      return;  // closes this one: all others wait for their answers
    }
    auto connection = std::make_shared<Connection>(std::move(socket));
    connection->waiting_since = ++shared_->waits;
    shared_->connections.push_back(connection);
    asio::co_spawn(acceptor_.get_executor(), serve_listed(shared_, std::move(connection)), rethrow);
  }

  Acceptor acceptor_;
  std::optional<ListeningSocket> local_;
  std::shared_ptr<Shared> shared_;
};

}  // namespace

Result<std::unique_ptr<ControlServer>> ControlServer::open(asio::io_context& io,
                                                           const std::string& path, Handler handler,
                                                           const ControlLimits& limits) {
  auto server = std::make_unique<ControlServerImpl>(io, std::move(handler), limits);
  if (auto listening = server->listen_local(path); !listening) {
    return std::move(listening).error().within("control.socket");
  }
  return std::unique_ptr<ControlServer>(std::move(server));
}

Result<std::unique_ptr<ControlServer>> ControlServer::open_tcp(asio::io_context& io,
                                                               const std::string& address,
                                                               Handler handler,
                                                               const ControlLimits& limits) {
  auto server = std::make_unique<ControlServerImpl>(io, std::move(handler), limits);
  if (auto listening = server->listen_tcp(address); !listening) return std::move(listening).error();
  return std::unique_ptr<ControlServer>(std::move(server));
}

}  // namespace tracelink
