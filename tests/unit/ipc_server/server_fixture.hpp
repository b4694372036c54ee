#pragma once

#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <gtest/gtest.h>

#include "ipc/server/server.hpp"
#include "ipc/wire/grpc_framing.hpp"
#include "tests/support/fake_sink.hpp"
#include "tests/support/grpc_test_client.hpp"
#include "tests/support/otlp_builder.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/temp_directory.hpp"

namespace tracelink {

// A running server on a socket of its own, with its io thread.
class ServerTest : public ::testing::Test {
 protected:
  ServerTest() { options.limits.connections = 200; }  // any process has descriptors for them

  // Answers come from the sink at once, or (false) by sink().answer().
  void start(bool answer_at_once = true) {
    sink_ = std::make_unique<FakeSink>(answer_at_once);
    options.socket.path = socket_path();
    options.describe = [] { return std::string(R"({"version":"test"})"); };
    options.status = [] { return std::string(R"({"spans":7})"); };
    options.on_warning = [this](const std::string& text) { warnings_.push_back(text); };
    auto opened = Server::open(options, io_, *sink_, clock_);
    ASSERT_TRUE(opened) << opened.error().message;
    server_ = *std::move(opened);
    server_->start();
    thread_ = std::thread([this] { io_.run(); });
  }
  void TearDown() override {
    io_.stop();
    if (thread_.joinable()) thread_.join();
    server_.reset();
  }

  // Runs on the io thread and waits for the result.
  template <class Function>
  auto on_io(Function function) {
    std::packaged_task<decltype(function())()> task(std::move(function));
    auto result = task.get_future();
    boost::asio::post(io_, [&task] { task(); });
    return result.get();
  }
  ServerStats stats() {
    return on_io([this] { return server_->stats(); });
  }
  // Looks at the counters until they say so. Throws instead of hanging.
  void wait_until(const std::function<bool(const ServerStats&)>& reached) {
    const auto give_up = clock_.steady() + std::chrono::seconds(300);
    while (!reached(stats())) {
      if (clock_.steady() > give_up) throw std::runtime_error("the counters did not get there");
    }
  }
  // stop() was called; the future is ready when the last connection is closed.
  std::future<void> stop(std::chrono::milliseconds grace = std::chrono::seconds(20)) {
    auto closed = std::make_shared<std::promise<void>>();
    on_io([&] { server_->stop(grace, [closed] { closed->set_value(); }); });
    return closed->get_future();
  }

  std::string socket_path() const { return directory_.file("s"); }
  RawClient connect() const { return RawClient::connect_unix(socket_path()); }
  FakeSink& sink() { return *sink_; }
  Server& server() { return *server_; }
  const std::vector<std::string>& warnings() const { return warnings_; }  // after stats()

  ServerOptions options;

 private:
  TempDirectory directory_;
  SystemClock clock_;
  std::unique_ptr<FakeSink> sink_;
  boost::asio::io_context io_{1};
  // A stopped server leaves it nothing to do, and its counters are still asked for.
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> io_work_{
      io_.get_executor()};
  std::unique_ptr<Server> server_;
  std::vector<std::string> warnings_;
  std::thread thread_;
};

}  // namespace tracelink
