#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemon/base/listening_socket.hpp"
#include "daemon/types/limits.hpp"
#include "ipc/server/client_connection.hpp"
#include "ipc/server/mlflow_door.hpp"
#include "ipc/server/peer.hpp"
#include "ipc/server/record_sink.hpp"
#include "ipc/server/slow_relays.hpp"
#include "ipc/wire/protocol.hpp"

namespace tracelink {

class OpeningConnection;

// Listening sockets that stay open while one process takes the place of another.
struct KeptSockets {
  std::optional<int> local;  // of `socket`
  std::optional<int> tcp;
  std::optional<int> mlflow;
};

struct ServerOptions {
  UnixSocketOptions socket;
  std::optional<int> listening_fd;  // from systemd: used instead of `socket`, which is then ignored
  std::string tcp_address;          // loopback; empty: no TCP listener
  KeptSockets kept;                 // by the process before, where there was one
  std::string mlflow_address;       // loopback, for MLflow's SDK; empty: no such listener
  std::shared_ptr<MlflowDoor> mlflow;  // with that listener
  PeerPolicy peers;  // of Unix sockets; whoever may reach the TCP listener may send

  Limits limits;
  // Open at once on gRPC connections. Above it each connection has a few (kCallsOfAShare).
  std::size_t max_calls = 10'000;
  std::chrono::milliseconds hold_time{8'000};
  int decode_threads = 1;

  std::function<std::string()> describe = [] { return std::string("{}"); };  // body of `GET /`
  std::function<std::string()> status = [] { return std::string("{}"); };    // of `GET /status`
  std::function<void(const std::string&)> on_warning;  // for the log; repeats are not filtered
};

// The intake: listens, speaks OTLP over gRPC, HTTP/1.1 and JSON lines, and hands every request to
// the RecordSink (docs/design.md#intake).
//
// Threads:  everything on the io thread, open() also before it runs.
// Lifetime: the io_context, sink and clock outlive it. Destroy it on the io thread after
// `on_closed`
//           was called, or when the io_context will not run again.
// Errors:   open() as ListeningSocket; afterwards a failure costs one connection and is counted.
class Server {
 public:
  static Result<std::unique_ptr<Server>> open(ServerOptions options, boost::asio::io_context& io,
                                              RecordSink& sink, const Clock& clock);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void start();

  // Stops accepting, answers what was read, says GOAWAY or Connection: close; what cannot be stored
  // within half of `grace` is refused as `unavailable`. `on_closed` is called once, when the last
  // connection is closed, at the latest shortly after `grace`. A second call may shorten it.
  void stop(std::chrono::milliseconds grace, std::function<void()> on_closed);

  // To be called about each second: a socket file that was removed is made again, and that is the
  // result. Errors as ListeningSocket::open_again().
  Result<bool> ensure_found();

  // After stop(): the listening sockets stay open, and their descriptors are the caller's. Whoever
  // connects meanwhile waits in the kernel's backlog for the next process.
  KeptSockets keep_listening();

  // Requests under way keep what they have, and no connection is closed for it; above a lower bound
  // the next client has one make room, as ever.
  void set_limits(const Limits& limits);

  ServerStats stats() const;
  // Precondition: that listener was asked for.
  std::uint16_t tcp_port() const { return port_of(ListenerKind::tcp); }
  std::uint16_t mlflow_port() const { return port_of(ListenerKind::mlflow); }

 private:
  enum class ListenerKind { local, tcp, mlflow };
  struct Listener {
    Listener(ListenerKind of_kind, ListeningSocket opened, boost::asio::io_context& io);
    const ListenerKind kind;
    ListeningSocket listening;
    StreamAcceptor acceptor;  // on a duplicate of the descriptor
  };
  using ConnectionId = std::uint64_t;

  Server(ServerOptions options, boost::asio::io_context& io, RecordSink& sink, const Clock& clock);
  Result<void> listen();
  Result<ListeningSocket> open_local() const;
  // Nothing if `address` is empty.
  Result<void> listen_tcp(ListenerKind kind, const std::string& address, std::optional<int> kept);
  Result<void> add_listener(ListenerKind kind, Result<ListeningSocket> opened);
  std::uint16_t port_of(ListenerKind kind) const;  // precondition: it was asked for
  static Result<void> assign_acceptor(Listener& listener);

  Task<void> accept_loop(Listener& listener);
  Task<void> wait_for_room();
  Task<void> look_again();
  void admit(StreamSocket socket, bool is_mlflow);
  std::optional<Reply> refusal_of(const Result<Peer>& peer, int socket);
  Task<void> serve(std::shared_ptr<OpeningConnection> opening, ConnectionId id);
  std::shared_ptr<ClientConnection> connection_for(OpeningConnection& opening);
  std::shared_ptr<ClientConnection> refuse_unknown(OpeningConnection& opening);
  std::shared_ptr<ClientConnection> make_connection(Protocol protocol, OpeningConnection& opening);
  bool evict_one();
  std::vector<SlowRelays::Delay> relay_delays() const;
  bool make_relay_room();
  void close_leaving();
  void remove(ConnectionId id);
  void close_if_done();
  void warn(const std::string& message) const;

  ServerOptions options_;
  boost::asio::io_context& io_;
  ServerStats stats_;
  Intake intake_;
  ServerContext context_;
  std::list<Listener> listeners_;
  std::unordered_map<ConnectionId, std::shared_ptr<ClientConnection>> connections_;
  std::set<ConnectionId> leaving_;  // of them, those asked to make room
  ConnectionId last_id_ = 0;
  IoTimer room_;  // cancelled when a connection closes
  IoTimer stop_timer_;
  bool stopping_ = false;
  std::function<void()> on_closed_;
  SlowRelays slow_relays_;
};

}  // namespace tracelink
