#include "ipc/server/server.hpp"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <iterator>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/server/grpc_connection.hpp"
#include "ipc/server/http_connection.hpp"
#include "ipc/server/json_lines_connection.hpp"
#include "ipc/server/mlflow_connection.hpp"
#include "ipc/server/opening_connection.hpp"

namespace tracelink {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kReadBufferBytes = 64u << 10;
// How soon a wait is looked at again that nothing wakes: descriptors running out, busy connections
// becoming idle.
constexpr std::chrono::milliseconds kLookAgain{50};
// Connections that are leaving come on top of those that may be open.
std::size_t most_leaving(std::size_t connections) { return 4 + connections / 32; }

IntakeOptions intake_options(const ServerOptions& options) {
  return {.limits = options.limits,
          .hold_time = options.hold_time,
          .decode_threads = options.decode_threads,
          .holds_stored = options.mlflow != nullptr};
}

// Coroutines here return errors as values; what is thrown nevertheless (no memory) ends the
// process, as it would on any other thread.
void rethrow(const std::exception_ptr& failure) {
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

Server::Listener::Listener(ListenerKind of_kind, ListeningSocket opened, asio::io_context& io)
    : kind(of_kind), listening(std::move(opened)), acceptor(io.get_executor()) {}

Server::Server(ServerOptions options, asio::io_context& io, RecordSink& sink, const Clock& clock)
    : options_(std::move(options)),
      io_(io),
      intake_(intake_options(options_), io, sink, clock, stats_),
      context_{intake_,
               stats_,
               clock,
               options_.hold_time,
               options_.describe,
               options_.status,
               std::vector<char>(kReadBufferBytes),
               options_.max_calls,
               [this] { return make_relay_room(); }},
      room_(io.get_executor()),
      stop_timer_(io.get_executor()),
      slow_relays_([this] { return relay_delays(); }) {}

Result<std::unique_ptr<Server>> Server::open(ServerOptions options, asio::io_context& io,
                                             RecordSink& sink, const Clock& clock) {
  std::unique_ptr<Server> server(new Server(std::move(options), io, sink, clock));
  if (auto ok = server->listen(); !ok) return std::move(ok).error();
  return server;
}

Server::~Server() {
  for (auto& [id, connection] : connections_) connection->abort();
}

void Server::set_limits(const Limits& limits) {
  options_.limits = limits;
  intake_.set_limits(limits);
  room_.cancel();
}

Result<void> Server::listen() {
  if (auto ok = add_listener(ListenerKind::local, open_local()); !ok) {
    return std::move(ok).error().within("listen.socket");
  }
  if (auto ok = listen_tcp(ListenerKind::tcp, options_.tcp_address, options_.kept.tcp); !ok) {
    return std::move(ok).error().within("listen.tcp");
  }
  if (auto ok = listen_tcp(ListenerKind::mlflow, options_.mlflow_address, options_.kept.mlflow);
      !ok) {
    return std::move(ok).error().within("listen.mlflow");
  }
  return {};
}

Result<ListeningSocket> Server::open_local() const {
  if (options_.listening_fd) return ListeningSocket::adopt(*options_.listening_fd);
  if (options_.kept.local) {
    return ListeningSocket::resume_unix(*options_.kept.local, options_.socket);
  }
  return ListeningSocket::open_unix(options_.socket);
}

Result<void> Server::listen_tcp(ListenerKind kind, const std::string& address,
                                std::optional<int> kept) {
  if (address.empty()) {
    if (kept) ::close(*kept);  // nobody would serve it
    return {};
  }
  return add_listener(kind, kept ? ListeningSocket::resume_tcp(*kept, address)
                                 : ListeningSocket::open_tcp(address));
}

KeptSockets Server::keep_listening() {
  KeptSockets kept;
  for (Listener& listener : listeners_) {
    const int fd = listener.listening.release();
    switch (listener.kind) {
      case ListenerKind::local:
        kept.local = fd;
        break;
      case ListenerKind::tcp:
        kept.tcp = fd;
        break;
      case ListenerKind::mlflow:
        kept.mlflow = fd;
        break;
    }
  }
  return kept;
}

Result<void> Server::add_listener(ListenerKind kind, Result<ListeningSocket> opened) {
  if (!opened) return std::move(opened).error();
  return assign_acceptor(listeners_.emplace_back(kind, *std::move(opened), io_));
}

Result<void> Server::assign_acceptor(Listener& listener) {
  const int fd = ::fcntl(listener.listening.fd(), F_DUPFD_CLOEXEC, 0);
  if (fd < 0) return Error{ErrorCode::io, std::string("listening socket: ") + std::strerror(errno)};
  boost::system::error_code error;
  listener.acceptor.assign(asio::generic::stream_protocol(listener.listening.family(), 0), fd,
                           error);
  if (error) ::close(fd);
  if (!error) listener.acceptor.non_blocking(true, error);
  if (error) return Error{ErrorCode::io, "listening socket: " + error.message()};
  return {};
}

void Server::start() {
  for (Listener& listener : listeners_) asio::co_spawn(io_, accept_loop(listener), rethrow);
}

Result<bool> Server::ensure_found() {
  Listener& local = listeners_.front();
  const bool found = local.listening.is_found();
  if (stopping_ || (found && local.acceptor.is_open())) return false;
  if (!found) {
    auto again = local.listening.open_again();
    if (!again) return std::move(again).error().within("listen.socket");
  }
  boost::system::error_code ignored;
  local.acceptor.close(ignored);  // ends its loop, or leaves it a second one on the new socket
  if (auto ok = assign_acceptor(local); !ok) return std::move(ok).error();
  asio::co_spawn(io_, accept_loop(local), rethrow);
  return true;
}

Task<void> Server::accept_loop(Listener& listener) {
  while (!stopping_) {
    const auto [wait_error] =
        co_await listener.acceptor.async_wait(StreamAcceptor::wait_read, kUseTask);
    if (stopping_ || wait_error == asio::error::operation_aborted) co_return;
    co_await wait_for_room();
    if (stopping_) co_return;
    StreamSocket socket(io_.get_executor());
    boost::system::error_code error;
    listener.acceptor.accept(socket, error);
    if (!error) {
      admit(std::move(socket), listener.kind == ListenerKind::mlflow);
    } else if (error != asio::error::would_block && error != asio::error::connection_aborted) {
      ++stats_.accept_errors;
      warn("accepting a connection: " + error.message());
      (void)evict_one();
      co_await look_again();
    }
  }
}

Task<void> Server::wait_for_room() {
  while (!stopping_ && connections_.size() - leaving_.size() >= options_.limits.connections) {
    if (leaving_.size() < most_leaving(options_.limits.connections) && evict_one()) continue;
    close_leaving();
    co_await look_again();
  }
}

// The loops share the timer: whoever set it while another one waits would wake that one.
Task<void> Server::look_again() {
  if (room_.expiry() <= IoTimer::clock_type::now()) room_.expires_after(kLookAgain);
  (void)co_await room_.async_wait(kUseTask);
}

void Server::admit(StreamSocket socket, bool is_mlflow) {
  Peer peer{0, kUnknownUser, kUnknownUser};
  std::optional<Reply> refusal;
  boost::system::error_code error;
  if (socket.local_endpoint(error).protocol().family() == AF_UNIX) {
    const auto known = peer_of(socket.native_handle());
    refusal = refusal_of(known, socket.native_handle());
    if (known) peer = *known;
  } else {
    // Head and body of an answer may be two writes: the second one does not wait for the client.
    socket.set_option(asio::ip::tcp::no_delay(true), error);
  }
  if (!refusal) ++stats_.connections_accepted;
  auto opening = std::make_shared<OpeningConnection>(std::move(socket), peer, context_, is_mlflow);
  if (refusal) opening->refuse_all(*std::move(refusal));
  const ConnectionId id = ++last_id_;
  connections_.emplace(id, opening);
  asio::co_spawn(io_, serve(std::move(opening), id), rethrow);
}

// A client that may not send is told so in its own protocol: a closed connection looks like a
// daemon that is away, and is tried again for ever.
std::optional<Reply> Server::refusal_of(const Result<Peer>& peer, int socket) {
  if (peer && options_.peers.allows(*peer, groups_of(socket))) return std::nullopt;
  ++stats_.refused_peers;
  if (!peer) {
    warn("refused a client: " + peer.error().message);
    return refuse(RpcCode::permission_denied, "this client could not be identified");
  }
  const std::string who = "uid " + std::to_string(peer->uid) + ", gid " + std::to_string(peer->gid);
  warn("refused a client that is not in allow_uids or allow_gids: " + who);
  return refuse(RpcCode::permission_denied,
                who + " may not send: listen.socket.allow_uids and allow_gids do not list it");
}

Task<void> Server::serve(std::shared_ptr<OpeningConnection> opening, ConnectionId id) {
  co_await opening->run();
  auto connection = connection_for(*opening);
  if (connection) {
    connections_[id] = connection;
    opening.reset();
    if (stopping_) connection->finish();
    co_await connection->run();
  }
  remove(id);
}

std::shared_ptr<ClientConnection> Server::connection_for(OpeningConnection& opening) {
  const Protocol protocol = opening.protocol();
  if (protocol == Protocol::undecided) return nullptr;
  if (protocol == Protocol::tls) {
    ++stats_.tls_hellos;
    warn("a client (pid " + std::to_string(opening.peer().pid) +
         ") speaks TLS, which this socket does not: set OTEL_EXPORTER_OTLP_TRACES_INSECURE=true "
         "for gRPC, or an http:// endpoint");
    return nullptr;
  }
  if (protocol == Protocol::unknown) {
    ++stats_.unknown_protocols;
    warn("a client speaks neither gRPC nor HTTP nor JSON lines");
    return refuse_unknown(opening);
  }
  auto connection = make_connection(protocol, opening);
  if (opening.peer_refusal()) connection->refuse_all(*opening.peer_refusal());
  return connection;
}

// With a line that whoever looks at it can read.
std::shared_ptr<ClientConnection> Server::refuse_unknown(OpeningConnection& opening) {
  const Peer peer = opening.peer();
  auto connection =
      std::make_shared<JsonLinesConnection>(opening.take_socket(), peer, context_, std::string());
  connection->refuse_all(refuse(RpcCode::invalid_argument,
                                "this socket takes OTLP as gRPC, as HTTP/1.1 and as JSON "
                                "lines, each of them an object that begins with {"));
  return connection;
}

std::shared_ptr<ClientConnection> Server::make_connection(Protocol protocol,
                                                          OpeningConnection& opening) {
  const Peer peer = opening.peer();
  StreamSocket socket = opening.take_socket();
  std::string bytes = opening.take_first_bytes();
  if (protocol == Protocol::grpc) {
    return std::make_shared<GrpcConnection>(std::move(socket), peer, context_, std::move(bytes));
  }
  if (protocol == Protocol::http && opening.is_mlflow()) {
    return std::make_shared<MlflowConnection>(std::move(socket), peer, context_, *options_.mlflow,
                                              std::move(bytes));
  }
  if (protocol == Protocol::http) {
    return std::make_shared<OtlpHttpConnection>(std::move(socket), peer, context_,
                                                std::move(bytes));
  }
  return std::make_shared<JsonLinesConnection>(std::move(socket), peer, context_, std::move(bytes));
}

void Server::close_leaving() {
  for (const ConnectionId id : leaving_) connections_.at(id)->abort();
}

void Server::remove(ConnectionId id) {
  connections_.erase(id);
  leaving_.erase(id);
  room_.cancel();
  close_if_done();
}

void Server::close_if_done() {
  if (!on_closed_ || !connections_.empty()) return;
  stop_timer_.cancel();
  asio::post(io_, std::exchange(on_closed_, nullptr));
}

void Server::stop(std::chrono::milliseconds grace, std::function<void()> on_closed) {
  stopping_ = true;
  on_closed_ = std::move(on_closed);
  boost::system::error_code ignored;
  for (Listener& listener : listeners_) listener.acceptor.close(ignored);
  room_.cancel();
  for (const auto& [id, connection] : connections_) connection->finish();
  intake_.answer_by(context_.clock.steady() + grace / 2);
  stop_timer_.expires_after(grace);
  stop_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;  // all have left
    for (const auto& [id, connection] : connections_) connection->abort();
  });
  close_if_done();
}

ServerStats Server::stats() const {
  ServerStats stats = stats_;
  stats.connections_open = connections_.size();
  stats.in_flight_bytes = intake_.in_flight_bytes();
  return stats;
}

std::uint16_t Server::port_of(ListenerKind kind) const {
  return std::ranges::find(listeners_, kind, &Listener::kind)->listening.tcp_port();
}

void Server::warn(const std::string& message) const {
  if (options_.on_warning) options_.on_warning(message);
}

}  // namespace tracelink
