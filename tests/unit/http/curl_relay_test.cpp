#include "daemon/http/curl_relay.hpp"

#include <condition_variable>
#include <mutex>
#include <stdexcept>

#include <gtest/gtest.h>

#include "tests/support/http_imposter.hpp"

namespace tracelink {
namespace {

using testing::HttpImposter;

class Target final : public RelayTarget {
 public:
  void on_answer(RelayAnswer answer) override {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }
  std::size_t on_body(std::string bytes) override {
    const std::lock_guard lock(mutex_);
    body_ += bytes;
    changed_.notify_all();
    return takes_at_once ? bytes.size() : 0;
  }
  void on_sent(std::size_t bytes) override {
    const std::lock_guard lock(mutex_);
    sent_ += bytes;
    changed_.notify_all();
  }
  void on_end(Result<void> result) override {
    const std::lock_guard lock(mutex_);
    end_ = std::move(result);
    changed_.notify_all();
  }
  Result<void> wait() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(300), [this] { return end_.has_value(); })) {
      throw std::runtime_error("the relay did not end");
    }
    return *end_;
  }
  std::size_t wait_for_body(std::size_t bytes) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(300), [&] { return body_.size() >= bytes; });
    return body_.size();
  }
  void wait_for_sent(std::size_t bytes) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(300), [&] { return sent_ >= bytes; });
  }
  const RelayAnswer& answer() const { return answer_; }  // these after wait()
  const std::string& body() const { return body_; }
  std::size_t sent() const { return sent_; }

  bool takes_at_once = false;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  RelayAnswer answer_;
  std::string body_;
  std::size_t sent_ = 0;
  std::optional<Result<void>> end_;
};

struct CurlRelayTest : ::testing::Test {
  std::shared_ptr<Target> target = std::make_shared<Target>();
  HttpImposter server;
};

TEST_F(CurlRelayTest, AddsNothingToARequest) {
  server.answer_with({.status = 201, .headers = {{"X-Answer", "yes"}}, .body = "made"});
  CurlRelay relay(server.url() + "/prefix", {});
  const auto id = relay.begin({.method = "PATCH",
                               .target = "/a/../b?c=%20d",
                               .headers = {{"Authorization", "Bearer own"}, {"Empty", ""}},
                               .body_bytes = 4},
                              target);
  relay.send(*id, "bo", false);
  relay.send(*id, "dy", true);
  ASSERT_TRUE(target->wait());
  const auto request = server.requests().at(0);
  EXPECT_EQ(request.method, "PATCH");
  EXPECT_EQ(request.target, "/prefix/a/../b?c=%20d");
  EXPECT_EQ(request.body, "body");
  const std::map<std::string, std::string> headers{{"authorization", "Bearer own"},
                                                   {"content-length", "4"},
                                                   {"empty", ""},
                                                   {"host", server.url().substr(7)}};
  EXPECT_EQ(request.headers, headers);
  EXPECT_EQ(target->answer().status, 201);
  EXPECT_EQ(target->answer().headers, (HttpHeaders{{"X-Answer", "yes"}, {"Content-Length", "4"}}));
  EXPECT_EQ(target->body(), "made");
  EXPECT_EQ(target->sent(), 4u);
}

TEST_F(CurlRelayTest, AHeadWithABodyGetsItsAnswer) {
  server.answer_with({.hold = true, .raw = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"});
  CurlRelay relay(server.url(), {});
  const auto id = relay.begin({.method = "HEAD",
                               .target = "/",
                               .headers = {},
                               .body_bytes = 1,
                               .silence = std::chrono::seconds(60)},
                              target);
  relay.send(*id, "x", true);
  target->wait_for_sent(1);
  server.release();
  const auto end = target->wait();
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(target->answer().headers, (HttpHeaders{{"Content-Length", "5"}}));
  EXPECT_EQ(target->body(), "");
  EXPECT_EQ(server.requests().at(0).body, "");
}

TEST_F(CurlRelayTest, SendsABodyOfUnknownLength) {
  CurlRelay relay(server.url(), {});
  const auto id = relay.begin(
      {.method = "PUT", .target = "/", .headers = {}, .body_bytes = std::nullopt}, target);
  const std::string part(100'000, 'x');
  for (int n = 0; n < 10; ++n) relay.send(*id, part, n == 9);
  ASSERT_TRUE(target->wait());
  EXPECT_EQ(server.requests().at(0).body.size(), 1'000'000u);
  EXPECT_EQ(server.requests().at(0).headers.at("transfer-encoding"), "chunked");
}

// Several reads of libcurl, with more to send behind some of them.
TEST_F(CurlRelayTest, SendsABodyInItsOrder) {
  CurlRelay relay(server.url(), {});
  const auto id = relay.begin(
      {.method = "PUT", .target = "/", .headers = {}, .body_bytes = std::nullopt}, target);
  std::string body;
  for (int n = 0; n < 200'000; ++n) body += std::to_string(n) + ",";
  const std::size_t half = body.size() / 2;
  relay.send(*id, body.substr(0, half), false);
  target->wait_for_sent(half / 2);
  relay.send(*id, body.substr(half), true);
  ASSERT_TRUE(target->wait());
  EXPECT_TRUE(server.requests().at(0).body == body);
  EXPECT_EQ(target->sent(), body.size());
}

TEST_F(CurlRelayTest, HoldsNoMoreOfAnAnswerThanItsTargetTakes) {
  const std::string body(4u << 20, 'y');
  server.answer_with({.body = body});
  CurlRelay relay(server.url(), {});
  const auto id =
      relay.begin({.method = "GET", .target = "/", .headers = {}, .body_bytes = 0}, target);
  std::size_t taken = 0;
  while (taken < body.size()) {
    const std::size_t come = target->wait_for_body(std::min(taken + kRelayWindow, body.size()));
    ASSERT_LE(come - taken, 2 * kRelayWindow);
    relay.taken(*id, come - taken);
    taken = come;
  }
  ASSERT_TRUE(target->wait());
  EXPECT_EQ(target->body(), body);
}

TEST_F(CurlRelayTest, GoesOnAfterWhatItsTargetTakesAtOnce) {
  const std::string body(1u << 20, 'y');
  server.answer_with({.body = body});
  target->takes_at_once = true;
  CurlRelay relay(server.url(), {});
  ASSERT_TRUE(
      relay.begin({.method = "GET", .target = "/", .headers = {}, .body_bytes = 0}, target));
  ASSERT_TRUE(target->wait());
  EXPECT_EQ(target->body(), body);
}

// libcurl's own limit on silence does not count while nothing is taken.
TEST_F(CurlRelayTest, EndsARequestThatHasATimeForAllOfIt) {
  server.answer_with({.body = std::string(1u << 20, 'y')});
  CurlRelay relay(server.url(), {});
  ASSERT_TRUE(relay.begin({.method = "GET",
                           .target = "/",
                           .headers = {},
                           .body_bytes = 0,
                           .timeout = std::chrono::milliseconds(500)},
                          target));
  const auto ended = target->wait();
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, ErrorCode::timeout);
}

TEST_F(CurlRelayTest, TellsAServerThatIsAway) {
  std::string nowhere;
  {
    HttpImposter gone;
    nowhere = gone.url();
  }
  CurlRelay relay(nowhere, {});
  ASSERT_TRUE(
      relay.begin({.method = "GET", .target = "/", .headers = {}, .body_bytes = 0}, target));
  EXPECT_EQ(target->wait().error().code, ErrorCode::unavailable);
}

TEST_F(CurlRelayTest, TellsAConnectionThatBreaks) {
  server.answer_with({.drop = true});
  CurlRelay relay(server.url(), {});
  ASSERT_TRUE(
      relay.begin({.method = "POST", .target = "/", .headers = {}, .body_bytes = 0}, target));
  EXPECT_EQ(target->wait().error().code, ErrorCode::unavailable);
}

TEST_F(CurlRelayTest, RefusesAHeaderThatWouldBeTwo) {
  CurlRelay relay(server.url(), {});
  ASSERT_TRUE(relay.begin(
      {.method = "GET", .target = "/", .headers = {{"A", "b\r\nC: d"}}, .body_bytes = 0}, target));
  EXPECT_EQ(target->wait().error().code, ErrorCode::invalid);
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(CurlRelayTest, AnAnswersHeaderHasABound) {
  server.answer_with({.headers = {{"X-A", std::string(60'000, 'a')},
                                  {"X-B", std::string(60'000, 'b')},
                                  {"X-C", std::string(60'000, 'c')}},
                      .body = "never told"});
  CurlRelay relay(server.url(), {});
  ASSERT_TRUE(
      relay.begin({.method = "GET", .target = "/", .headers = {}, .body_bytes = 0}, target));
  const auto ended = target->wait();
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().message, "the answer's header is longer than 131072 bytes");
  EXPECT_EQ(target->answer().status, 0);
}

// Chunks are what counts (RFC 9112, section 6.3). Passed on, the length would cut the body short or
// make the client wait for more.
TEST_F(CurlRelayTest, LeavesOutALengthThatIsNotTheBodys) {
  server.answer_with({.raw = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Own: kept\r\n"
                             "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"});
  CurlRelay relay(server.url(), {});
  ASSERT_TRUE(
      relay.begin({.method = "GET", .target = "/", .headers = {}, .body_bytes = 0}, target));
  ASSERT_TRUE(target->wait());
  EXPECT_EQ(target->body(), "body");
  const HttpHeaders headers{{"X-Own", "kept"}, {"Transfer-Encoding", "chunked"}};
  EXPECT_EQ(target->answer().headers, headers);
}

TEST_F(CurlRelayTest, TakesSoManyRequestsAtOnce) {
  server.answer_with({.hold = true});
  CurlRelay relay(server.url(), {}, 1);
  const RelayRequest request{.method = "GET", .target = "/", .headers = {}, .body_bytes = 0};
  ASSERT_TRUE(relay.begin(request, target));
  EXPECT_FALSE(relay.begin(request, std::make_shared<Target>()));
  server.release();
  ASSERT_TRUE(target->wait());
  const auto next = std::make_shared<Target>();
  std::optional<Relay::Id> id;
  while (!id) id = relay.begin(request, next);
  EXPECT_TRUE(next->wait());
}

}  // namespace
}  // namespace tracelink
