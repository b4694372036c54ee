#include "daemon/control/control_server.hpp"

#include <chrono>
#include <fstream>
#include <future>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>
#include <unistd.h>

#include "ipc/client/unix_http.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/temp_directory.hpp"

namespace tracelink {
namespace {

class ControlServerTest : public testing::Test {
 protected:
  Result<std::unique_ptr<ControlServer>> open() {
    return ControlServer::open(
        io_, path(),
        [](const ControlRequest&) { return ControlWork{[] { return ControlReply{}; }}; }, {});
  }
  std::string path() const { return directory_.file("control.sock"); }

 private:
  TempDirectory directory_;
  boost::asio::io_context io_;
};

TEST_F(ControlServerTest, ASecondOneLeavesTheSocketToTheFirst) {
  auto first = open();
  ASSERT_TRUE(first) << first.error().message;
  {
    const auto second = open();
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::rejected);
    EXPECT_TRUE(second.error().message.starts_with("control.socket: ")) << second.error().message;
    EXPECT_NE(second.error().message.find("pid " + std::to_string(::getpid())), std::string::npos);
  }
  EXPECT_TRUE(std::filesystem::is_socket(path()));
  (*first)->stop();
  EXPECT_FALSE(std::filesystem::exists(path()));
  const auto third = open();
  EXPECT_TRUE(third) << third.error().message;
}

TEST_F(ControlServerTest, AFileThatIsNoSocketStays) {
  std::ofstream(path()) << "precious";
  const auto opened = open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::invalid);
  EXPECT_TRUE(std::filesystem::is_regular_file(path()));
}

// A server whose thread runs, with two connections at most.
class RunningControlServerTest : public testing::Test {
 protected:
  RunningControlServerTest() {
    auto opened = ControlServer::open(
        io_, path(), [this](ControlRequest request) { return work_of(std::move(request)); },
        {.connections = 2});
    EXPECT_TRUE(opened);
    server_ = std::move(*opened);
    thread_ = std::thread([this] { io_.run(); });
  }
  ~RunningControlServerTest() override {
    release_.count_down();
    boost::asio::post(io_, [this] {
      server_->stop();
      io_.stop();
    });
    thread_.join();
  }

  std::string path() const { return directory_.file("control.sock"); }
  Result<UnixHttpReply> get(const std::string& target) const {
    return unix_http_request(path(), "GET", target, "", "", std::chrono::seconds(60));
  }
  ControlStats stats() {
    std::promise<ControlStats> seen;
    boost::asio::post(io_, [&] { seen.set_value(server_->stats()); });
    return seen.get_future().get();
  }

  std::latch slow_began_{1};
  std::latch release_{1};

 private:
  ControlWork work_of(ControlRequest request) {
    if (request.target == "/large") {
      return {[] { return ControlReply{200, std::string(32u << 20, 'x')}; }};
    }
    if (request.target != "/slow") return {[] { return ControlReply{200, "{}", "", "/next"}; }};
    auto run = [this] {
      slow_began_.count_down();
      release_.wait();
      return ControlReply{};
    };
    return {std::move(run), true};
  }

  TempDirectory directory_;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_{
      io_.get_executor()};
  std::unique_ptr<ControlServer> server_;
  std::thread thread_;
};

TEST_F(RunningControlServerTest, IdleConnectionsMakeRoom) {
  std::vector<RawClient> idle;
  for (int i = 0; i < 10; ++i) idle.push_back(RawClient::connect_unix(path()));
  const auto reply = get("/quick");
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->status, 200);
  EXPECT_LE(stats().open, 2u);
  EXPECT_EQ(stats().evicted, 9u);
}

TEST_F(RunningControlServerTest, AQuickRequestDoesNotWaitForASlowOne) {
  RawClient slow = RawClient::connect_unix(path());
  slow.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  slow_began_.wait();
  const auto reply = get("/quick");
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->status, 200);
}

// A prober beside them would be told by nobody that the daemon is well.
TEST_F(RunningControlServerTest, AnswersThatAreNotTakenMakeRoom) {
  std::vector<RawClient> silent;
  for (int i = 0; i < 2; ++i) {
    silent.push_back(RawClient::connect_unix(path()));
    silent.back().send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    silent.back().receive(1);  // the answer is under way
  }
  const auto reply = get("/quick");
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(stats().evicted, 1u);
}

// What followed a body would be read as the next answer.
TEST_F(RunningControlServerTest, AnAnswerToHeadHasTheLengthAndNoBody) {
  RawClient client = RawClient::connect_unix(path());
  client.send(
      "HEAD /quick HTTP/1.1\r\nHost: x\r\n\r\n"
      "HEAD /quick HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string answers = client.receive_all();
  const auto second = answers.find("HTTP/1.1 200 OK\r\n", 1);
  ASSERT_NE(second, std::string::npos) << answers;
  EXPECT_EQ(answers.substr(second - 4, 4), "\r\n\r\n");
  EXPECT_NE(answers.find("Content-Length: 2\r\n"), std::string::npos) << answers;
  EXPECT_EQ(answers.substr(answers.size() - 4), "\r\n\r\n");
}

// What a client still sends does not cost it the answer.
TEST_F(RunningControlServerTest, SaysThatAHeaderOrABodyIsTooLarge) {
  const auto answer_to = [this](const std::string& text) {
    RawClient client = RawClient::connect_unix(path());
    EXPECT_TRUE(client.send(text));
    return client.receive_all();
  };
  const std::string header = answer_to("GET / HTTP/1.1\r\nX: " + std::string(300'000, 'x'));
  EXPECT_TRUE(header.starts_with("HTTP/1.1 431 ")) << header;
  EXPECT_NE(header.find("Connection: close"), std::string::npos) << header;
  const std::string large(300'000, 'x');
  const std::string length = "Content-Length: " + std::to_string(large.size());
  const std::string body =
      answer_to("POST / HTTP/1.1\r\nHost: x\r\n" + length + "\r\n\r\n" + large);
  EXPECT_TRUE(body.starts_with("HTTP/1.1 413 ")) << body;
  EXPECT_NE(body.find("\"error\""), std::string::npos) << body;
}

TEST_F(RunningControlServerTest, WhatIsNoRequestIsCutOff) {
  RawClient client = RawClient::connect_unix(path());
  client.send("nonsense\r\n\r\n");
  EXPECT_EQ(client.receive_all(), "");
}

}  // namespace
}  // namespace tracelink
