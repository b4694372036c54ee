// Sends traces over gRPC on a Unix socket as fast as they are acknowledged, and prints one JSON
// line.
//
// usage: tracelink-bench SOCKET CONCURRENT SECONDS [PADDING_BYTES [MAX_REQUESTS [SPANS]]]
// CONCURRENT connections each have one request open, as SDKs do. A request is one trace of three
// spans or SPANS, 1.6 KB and PADDING_BYTES.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <poll.h>

#include "tests/bench/grpc_connection.hpp"
#include "tests/bench/latencies.hpp"
#include "tests/bench/trace_request.hpp"

namespace {

using tracelink::bench::GrpcConnection;
using tracelink::bench::Latencies;
using tracelink::bench::SteadyTime;
using Clock = std::chrono::steady_clock;

struct Options {
  std::string socket;
  std::uint64_t concurrent = 1;
  std::chrono::seconds duration{1};
  std::size_t padding_bytes = 0;
  std::uint64_t max_requests = std::numeric_limits<std::uint64_t>::max();
  std::size_t spans = 3;
};

class Load {
 public:
  explicit Load(const Options& options) : options_(options) {
    for (std::uint64_t i = 0; i < options.concurrent; ++i) {
      callers_.push_back({std::make_unique<GrpcConnection>(options.socket), {}});
    }
  }

  // Returns the exit code.
  int run() {
    const SteadyTime begin = Clock::now();
    end_ = begin + options_.duration;
    for (Caller& caller : callers_) start(caller);
    while (open_ > 0) turn();
    if (latencies_.empty()) {
      std::fprintf(stderr, "tracelink-bench: no request succeeded\n");
      return 1;
    }
    latencies_.print(Clock::now() - begin, failures_);
    return failures_ == 0 ? 0 : 1;
  }

 private:
  struct Caller {
    std::unique_ptr<GrpcConnection> connection;
    SteadyTime started;
  };

  void start(Caller& caller) {
    if (Clock::now() >= end_ || sent_ == options_.max_requests) return;
    std::string request =
        tracelink::bench::make_grpc_request(sent_++, options_.padding_bytes, options_.spans);
    caller.started = Clock::now();
    caller.connection->call(std::move(request));
    ++open_;
  }

  void finish(Caller& caller) {
    const auto outcome = caller.connection->take_outcome();
    if (outcome == GrpcConnection::Call::open || outcome == GrpcConnection::Call::idle) return;
    --open_;
    if (outcome == GrpcConnection::Call::succeeded) {
      latencies_.add(caller.started, Clock::now());
    } else {
      ++failures_;
    }
    start(caller);
  }

  void turn() {
    polls_.clear();
    for (const Caller& caller : callers_) {
      polls_.push_back({caller.connection->descriptor(), caller.connection->wants(), 0});
    }
    ::poll(polls_.data(), polls_.size(), -1);
    for (std::size_t i = 0; i < callers_.size(); ++i) {
      if (polls_[i].revents == 0) continue;
      callers_[i].connection->advance();
      finish(callers_[i]);
    }
  }

  const Options options_;
  std::vector<Caller> callers_;
  std::vector<pollfd> polls_;
  SteadyTime end_;
  std::uint64_t sent_ = 0;
  std::uint64_t open_ = 0;
  std::size_t failures_ = 0;
  Latencies latencies_;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (argc < 4 || argc > 7) {
    std::fprintf(stderr,
                 "usage: tracelink-bench SOCKET CONCURRENT SECONDS [PADDING_BYTES [MAX_REQUESTS "
                 "[SPANS]]]\n");
    return 2;
  }
  options.socket = argv[1];
  options.concurrent = std::strtoull(argv[2], nullptr, 10);
  options.duration = std::chrono::seconds{std::atoi(argv[3])};
  if (argc > 4) options.padding_bytes = std::strtoull(argv[4], nullptr, 10);
  if (argc > 5) options.max_requests = std::strtoull(argv[5], nullptr, 10);
  if (argc > 6) options.spans = std::strtoull(argv[6], nullptr, 10);
  return Load(options).run();
}
