// Serves the intake on a Unix socket with a sink that forgets: for trying real clients and for
// measuring. Usage: sink_server SOCKET [LOOPBACK:PORT]. Prints its counters on SIGINT or SIGTERM.
#include <cstdio>
#include <iostream>
#include <string>

#include <boost/asio/signal_set.hpp>

#include "ipc/server/server.hpp"

namespace {

// Answers without storing, and says what came when `verbose`.
class ForgettingSink final : public tracelink::RecordSink {
 public:
  explicit ForgettingSink(bool verbose) : verbose_(verbose) {}
  void submit(tracelink::AcceptedRequest request, Done done) override {
    for (const auto& slice : request.slices) {
      if (!verbose_) break;
      std::cout << "trace " << slice.trace_id.hex() << " spans " << slice.span_count << " root "
                << slice.root_seen << " experiment '" << request.experiment << "' pid "
                << request.peer.pid << " uid " << request.peer.uid << "\n"
                << std::flush;
    }
    done({});
  }

 private:
  bool verbose_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: sink_server SOCKET [LOOPBACK:PORT]\n";
    return 2;
  }
  boost::asio::io_context io(1);
  ForgettingSink sink(std::getenv("QUIET") == nullptr);
  const tracelink::SystemClock clock;
  tracelink::ServerOptions options;
  options.socket.path = argv[1];
  if (argc > 2) options.tcp_address = argv[2];
  options.describe = [] { return std::string("{\"name\":\"sink_server\"}\n"); };
  options.on_warning = [](const std::string& text) { std::cerr << text << "\n" << std::flush; };
  auto server = tracelink::Server::open(options, io, sink, clock);
  if (!server) {
    std::cerr << server.error().message << '\n';
    return 1;
  }
  (*server)->start();
  boost::asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](const boost::system::error_code&, int) {
    (*server)->stop(std::chrono::seconds(5), [&io] { io.stop(); });
  });
  io.run();
  const auto stats = (*server)->stats();
  std::cout << "connections " << stats.connections_accepted << " grpc " << stats.grpc_requests
            << " http " << stats.http_requests << " lines " << stats.json_line_requests << " spans "
            << stats.accepted_spans << " overload " << stats.overload_replies << " in flight "
            << stats.in_flight_bytes << "\n"
            << std::flush;
}
