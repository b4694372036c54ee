#include "daemon/control/control_server.hpp"

#include <chrono>
#include <exception>
#include <optional>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
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

constexpr std::chrono::seconds kIdleTimeout{60};
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr std::size_t kMaxRequestBytes = 64 << 10;

http::response<http::string_body> to_response(const http::request<http::string_body>& request,
                                              ControlReply reply) {
  http::response<http::string_body> response{static_cast<http::status>(reply.status),
                                             request.version()};
  response.set(http::field::content_type, reply.content_type);
  response.keep_alive(request.keep_alive());
  response.body() = std::move(reply.body);
  response.prepare_payload();
  return response;
}

// What connections need; outlives every coroutine that holds it.
struct Shared {
  explicit Shared(ControlServer::Handler given) : handler(std::move(given)) {}
  ControlServer::Handler handler;
  asio::thread_pool worker{1};
};

// Runs the work on the worker thread and comes back to the caller's executor.
asio::awaitable<ControlReply> handle(std::shared_ptr<Shared> shared, asio::any_io_executor caller,
                                     ControlServer::Work work) {
  co_await asio::post(shared->worker, asio::use_awaitable);
  ControlReply reply = work();
  co_await asio::post(caller, asio::use_awaitable);
  co_return reply;
}

asio::awaitable<void> serve(std::shared_ptr<Shared> shared, Protocol::socket socket) {
  Stream stream(std::move(socket));
  beast::flat_buffer buffer;
  for (bool keep_alive = true; keep_alive;) {
    http::request_parser<http::string_body> parser;
    parser.body_limit(kMaxRequestBytes);
    stream.expires_after(kIdleTimeout);
    const auto [read_error, read_bytes] =
        co_await http::async_read(stream, buffer, parser, asio::as_tuple(asio::use_awaitable));
    if (read_error) co_return;
    const http::request<http::string_body>& request = parser.get();
    ControlRequest asked{.method = std::string(request.method_string()),
                         .target = std::string(request.target()),
                         .body = request.body()};
    ControlServer::Work work = shared->handler(std::move(asked));
    ControlReply reply = co_await handle(shared, stream.get_executor(), std::move(work));
    http::response<http::string_body> response = to_response(request, std::move(reply));
    keep_alive = response.keep_alive();
    stream.expires_after(kIdleTimeout);
    const auto [write_error, written_bytes] =
        co_await http::async_write(stream, response, asio::as_tuple(asio::use_awaitable));
    if (write_error) co_return;
  }
}

void rethrow(const std::exception_ptr& error) {
  if (error) std::rethrow_exception(error);
}

class ControlServerImpl final : public ControlServer {
 public:
  ControlServerImpl(asio::io_context& io, Handler handler)
      : acceptor_(io), shared_(std::make_shared<Shared>(std::move(handler))) {}

  Result<void> listen_local(const std::string& path) {
    auto opened =
        ListeningSocket::open_unix({.path = path, .mode = 0600, .owner = {}, .group = {}});
    if (!opened) return std::move(opened).error();
    local_.emplace(*std::move(opened));
    beast::error_code error;
    acceptor_.assign(Local(), ::fcntl(local_->fd(), F_DUPFD_CLOEXEC, 0), error);
    if (error) return Error{ErrorCode::io, path + ": " + error.message()};
    asio::co_spawn(acceptor_.get_executor(), accept(), rethrow);
    return {};
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
    shared_->worker.join();
  }

 private:
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
      asio::co_spawn(acceptor_.get_executor(), serve(shared_, std::move(socket)), rethrow);
    }
  }

  Acceptor acceptor_;
  std::optional<ListeningSocket> local_;
  std::shared_ptr<Shared> shared_;
};

}  // namespace

Result<std::unique_ptr<ControlServer>> ControlServer::open(asio::io_context& io,
                                                           const std::string& path,
                                                           Handler handler) {
  auto server = std::make_unique<ControlServerImpl>(io, std::move(handler));
  if (auto listening = server->listen_local(path); !listening) {
    return std::move(listening).error().within("control.socket");
  }
  return std::unique_ptr<ControlServer>(std::move(server));
}

Result<std::unique_ptr<ControlServer>> ControlServer::open_tcp(asio::io_context& io,
                                                               const std::string& address,
                                                               Handler handler) {
  auto server = std::make_unique<ControlServerImpl>(io, std::move(handler));
  if (auto listening = server->listen_tcp(address); !listening) return std::move(listening).error();
  return std::unique_ptr<ControlServer>(std::move(server));
}

}  // namespace tracelink
