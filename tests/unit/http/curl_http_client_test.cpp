#include "daemon/http/curl_http_client.hpp"

#include <filesystem>
#include <thread>

#include <boost/asio/write.hpp>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "daemon/codec/compression.hpp"
#include "tests/support/http_imposter.hpp"

namespace tracelink {
namespace {

using namespace std::chrono_literals;
using testing::HttpImposter;

constexpr auto kLong = 60s;  // never reached in a passing test

// This process's ends of the connections to the server at `url`.
std::vector<int> sockets_to(const std::string& url) {
  const int port = std::stoi(url.substr(url.rfind(':') + 1));
  std::vector<int> sockets;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int fd = std::stoi(entry.path().filename());
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) continue;
    if (peer.sin_family == AF_INET && ntohs(peer.sin_port) == port) sockets.push_back(fd);
  }
  return sockets;
}

class CurlHttpClientTest : public ::testing::Test {
 protected:
  HttpRequest get(const std::string& path) {
    HttpRequest request;
    request.url = server_.url() + path;
    request.timeout = kLong;
    return request;
  }
  HttpRequest post(const std::string& path, std::string body) {
    HttpRequest request = get(path);
    request.method = "POST";
    request.body = std::move(body);
    request.headers = {{"Content-Type", "application/json"}};
    return request;
  }
  HttpClient::RequestId start(HttpRequest request) {
    return client_->send(std::move(request), [this](Result<HttpResponse> result) {
      results_.push_back(std::move(result));
    });
  }
  void poll_until_answers(std::size_t count) {
    while (results_.size() < count) client_->poll(kLong);
  }
  void poll_until_asked(std::size_t count) {
    while (server_.requests().size() < count) client_->poll(1ms);
  }
  Result<HttpResponse> exchange(HttpRequest request) {
    results_.clear();
    start(std::move(request));
    poll_until_answers(1);
    return results_.front();
  }
  void use(CurlOptions options) { client_ = std::make_unique<CurlHttpClient>(options); }

  HttpImposter server_;
  std::unique_ptr<CurlHttpClient> client_ = std::make_unique<CurlHttpClient>(CurlOptions{});
  std::vector<Result<HttpResponse>> results_;
};

TEST_F(CurlHttpClientTest, SendsMethodHeadersAndBodyAsGiven) {
  HttpRequest request = post("/a?b=c", "body");
  request.method = "PATCH";
  request.headers.emplace_back("X-Empty", "");
  ASSERT_TRUE(exchange(request));
  const auto seen = server_.requests().at(0);
  EXPECT_EQ(seen.method, "PATCH");
  EXPECT_EQ(seen.target, "/a?b=c");
  EXPECT_EQ(seen.body, "body");
  EXPECT_EQ(seen.headers.at("content-type"), "application/json");
  EXPECT_EQ(seen.headers.at("x-empty"), "");
}

TEST_F(CurlHttpClientTest, CallsABodyNothingUnlessTold) {
  HttpRequest request = get("/signed");
  request.method = "PUT";
  request.body = "spans";
  ASSERT_TRUE(exchange(request));
  EXPECT_FALSE(server_.requests().at(0).headers.contains("content-type"));
}

TEST_F(CurlHttpClientTest, SendsPostAndDeleteWithoutBody) {
  HttpRequest request = get("/x");
  request.method = "POST";
  ASSERT_TRUE(exchange(request));
  request.method = "DELETE";
  ASSERT_TRUE(exchange(request));
  EXPECT_EQ(server_.requests().at(0).headers.at("content-length"), "0");
  EXPECT_EQ(server_.requests().at(1).method, "DELETE");
}

TEST_F(CurlHttpClientTest, LargeBodyIsSentWithoutWaitingForContinue) {
  ASSERT_TRUE(exchange(post("/", std::string(5u << 20, 'x'))));
  EXPECT_EQ(server_.requests().at(0).body.size(), 5u << 20);
  EXPECT_FALSE(server_.requests().at(0).headers.contains("expect"));
}

TEST_F(CurlHttpClientTest, GivesStatusBodyAndHeadersInLowerCase) {
  server_.answer_with({.status = 503, .headers = {{"Retry-After", " 7 "}}, .body = "busy"});
  const auto answer = exchange(get("/"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 503);
  EXPECT_EQ(answer->body, "busy");
  EXPECT_EQ(answer->header("retry-after"), "7");
  EXPECT_EQ(answer->header("absent"), std::nullopt);
}

TEST_F(CurlHttpClientTest, DoesNotFollowRedirects) {
  server_.answer_with({.status = 302, .headers = {{"Location", "/elsewhere"}}});
  EXPECT_EQ(exchange(get("/"))->status, 302);
  EXPECT_EQ(server_.requests().size(), 1u);
}

TEST_F(CurlHttpClientTest, KeepsTheConnection) {
  ASSERT_TRUE(exchange(get("/1")));
  ASSERT_TRUE(exchange(get("/2")));
  EXPECT_EQ(server_.connection_count(), 1u);
}

TEST_F(CurlHttpClientTest, WhatAKeptConnectionTookIsSentAgainUnlessThatMattersMore) {
  for (const bool sends_again : {true, false}) {
    use({.sends_again = sends_again});
    server_.answer_with({});
    ASSERT_TRUE(exchange(get("/"))) << "the connection is kept";
    const std::size_t before = server_.requests().size();
    server_.answer_with({.drop = true});
    const auto lost = exchange(post("/spans", "body"));
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().code, ErrorCode::unavailable);
    EXPECT_EQ(server_.requests().size() - before, sends_again ? 2u : 1u);
  }
}

TEST_F(CurlHttpClientTest, TellsWhetherTheConnectionIsNew) {
  EXPECT_TRUE(exchange(get("/1"))->new_connection);
  EXPECT_FALSE(exchange(get("/2"))->new_connection);
  server_.answer_with({.drop = true});
  EXPECT_FALSE(exchange(get("/3")));
  server_.answer_with({});
  EXPECT_TRUE(exchange(get("/4"))->new_connection);
}

// A proxy that compresses unasked.
TEST_F(CurlHttpClientTest, ACompressedAnswerIsDecoded) {
  const std::string body(1000, 'x');
  server_.answer_with({.headers = {{"Content-Encoding", "gzip"}}, .body = compress_gzip(body)});
  EXPECT_EQ(exchange(get("/"))->body, body);
  EXPECT_EQ(server_.requests().at(0).headers.at("accept-encoding"), "identity");
  use({.max_response_bytes = 500});
  EXPECT_EQ(exchange(get("/")).error().code, ErrorCode::too_large);
}

TEST_F(CurlHttpClientTest, OpensNoMoreConnectionsThanAllowed) {
  for (int i = 0; i < 6; ++i) start(get("/"));
  poll_until_answers(6);
  EXPECT_LE(server_.connection_count(), 2u);
  EXPECT_EQ(server_.requests().size(), 6u);
}

// The kernel delays acknowledgements on a connection that it takes for a dialogue, and a server
// that follows Nagle's algorithm then holds the second piece of its answer.
TEST_F(CurlHttpClientTest, KeptConnectionAcknowledgesAtOnce) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(exchange(post("/", "body")));
  server_.answer_with({.hold = true});
  start(post("/", "body"));
  poll_until_asked(6);
  const auto sockets = sockets_to(server_.url());
  ASSERT_EQ(sockets.size(), 1u);
  int acknowledges_at_once = 0;
  socklen_t size = sizeof acknowledges_at_once;
  ASSERT_EQ(::getsockopt(sockets[0], IPPROTO_TCP, TCP_QUICKACK, &acknowledges_at_once, &size), 0);
  EXPECT_EQ(acknowledges_at_once, 1);
}

TEST_F(CurlHttpClientTest, HandlerIsNotCalledFromSend) {
  start(get("/"));
  HttpRequest impossible = get("/");
  impossible.headers = {{"X-Token", "two\r\nlines"}};
  start(impossible);
  EXPECT_TRUE(results_.empty());
  poll_until_answers(2);
}

TEST_F(CurlHttpClientTest, HeaderWithLineBreakIsInvalidAndItsValueNotRepeated) {
  HttpRequest request = get("/");
  request.headers = {{"Authorization", "Bearer secret\n"}};
  const auto answer = exchange(request);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::invalid);
  EXPECT_EQ(answer.error().message.find("secret"), std::string::npos);
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(CurlHttpClientTest, OtherProtocolsAreInvalid) {
  HttpRequest request;
  request.url = "file:///etc/hostname";
  EXPECT_EQ(exchange(request).error().code, ErrorCode::invalid);
}

TEST_F(CurlHttpClientTest, ThePasswordOfAProxyIsNotInTheError) {
  for (const char* proxy : {"http://svc:S3cret/Pw@127.0.0.1:1", "http://svc:S3cret#Pw@127.0.0.1:1",
                            "ftp://svc:S3cret@127.0.0.1:1", "svc:S3cret@:x"}) {
    use(CurlOptions{.http_proxy = proxy});
    const auto answer = exchange(get("/"));
    ASSERT_FALSE(answer) << proxy;
    EXPECT_EQ(answer.error().message.find("S3cret"), std::string::npos) << answer.error().message;
  }
}

TEST_F(CurlHttpClientTest, AnErrorOfTheProxyNamesTheVariable) {
  for (const char* proxy : {"ftp://127.0.0.1:1", "http://:x", "http://no-such-host.invalid:1",
                            "http://127.0.0.1:1", "socks5h://127.0.0.1:1"}) {
    use(CurlOptions{.http_proxy = proxy});
    const auto answer = exchange(get("/"));
    ASSERT_FALSE(answer) << proxy;
    const std::string& message = answer.error().message;
    EXPECT_TRUE(message.starts_with("cannot use the proxy of HTTP_PROXY: ")) << message;
  }
}

TEST_F(CurlHttpClientTest, NoProxyMayEndWithALineBreak) {
  ASSERT_EQ(::setenv("NO_PROXY", "127.0.0.1\n", 1), 0);
  use(CurlOptions{.http_proxy = "http://127.0.0.1:1"});
  const auto answer = exchange(get("/"));
  ::unsetenv("NO_PROXY");
  EXPECT_TRUE(answer) << answer.error().message;
}

TEST_F(CurlHttpClientTest, EachProxyVariableMayEndWithALineBreak) {
  const std::string proxy = server_.url() + "\n";
  for (const char* name : {"http_proxy", "all_proxy", "ALL_PROXY"}) {
    ASSERT_EQ(::setenv(name, proxy.c_str(), 1), 0);
    HttpRequest request;
    request.url = "http://mlflow.example/version";
    const auto answer = exchange(request);
    ::unsetenv(name);
    EXPECT_TRUE(answer) << name << ": " << answer.error().message;
  }
  ASSERT_EQ(::setenv("all_proxy", "\n", 1), 0);
  const auto answer = exchange(get("/"));
  ::unsetenv("all_proxy");
  EXPECT_TRUE(answer) << answer.error().message;
}

// The proxy is no TLS server's: its name in the error shows that it was asked.
TEST_F(CurlHttpClientTest, TheProxyOfTlsMayEndWithALineBreak) {
  server_.answer_with({.status = 407});
  for (const char* name : {"https_proxy", "HTTPS_PROXY"}) {
    ASSERT_EQ(::setenv(name, (server_.url() + "\n").c_str(), 1), 0);
    HttpRequest request;
    request.url = "https://mlflow.example/version";
    const auto answer = exchange(request);
    ::unsetenv(name);
    ASSERT_FALSE(answer);
    EXPECT_NE(answer.error().message.find("407"), std::string::npos) << answer.error().message;
  }
}

TEST_F(CurlHttpClientTest, AProxyThatWantsAPasswordIsNamed) {
  server_.answer_with({.status = 407, .body = "<html>who are you?</html>"});
  use(CurlOptions{.http_proxy = server_.url()});
  HttpRequest request;
  request.url = "http://mlflow.example/version";
  const auto answer = exchange(request);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message,
            "cannot use the proxy of HTTP_PROXY: it wants a user name and a password (407)");
}

TEST_F(CurlHttpClientTest, AnErrorOfTheServerIsNotTheProxys) {
  HttpRequest request;
  request.url = "http://127.0.0.1:1/";
  const auto answer = exchange(request);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message.find("proxy"), std::string::npos) << answer.error().message;
}

TEST_F(CurlHttpClientTest, DroppedConnectionIsUnavailable) {
  server_.answer_with({.drop = true});
  EXPECT_EQ(exchange(get("/")).error().code, ErrorCode::unavailable);
}

// Answers one connection with these bytes and keeps it open.
class BareServer {
 public:
  explicit BareServer(std::string bytes) {
    thread_ = std::thread([this, bytes = std::move(bytes)] {
      boost::asio::ip::tcp::socket socket(io_);
      acceptor_.accept(socket);
      boost::system::error_code error;
      boost::asio::write(socket, boost::asio::buffer(bytes), error);
      char rest[4096];
      while (!error) socket.read_some(boost::asio::buffer(rest), error);
    });
  }
  ~BareServer() { thread_.join(); }
  std::string url() const {
    return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
  }

 private:
  boost::asio::io_context io_;
  boost::asio::ip::tcp::acceptor acceptor_{io_, {boost::asio::ip::address_v4::loopback(), 0}};
  std::thread thread_;
};

TEST_F(CurlHttpClientTest, AnAnswerThatIsNoHttpIsUnavailableWithItsText) {
  const struct {
    std::string bytes, text;
  } others[] = {
      {"SSH-2.0-OpenSSH_9.2\r\n", "the answer is no HTTP: \"SSH-2.0-OpenSSH_9.2..\""},
      {"220 mail ESMTP\r\n", "the answer is no HTTP: \"220 mail ESMTP..\""},
      {"hello\x1b[31m", "the answer is no HTTP: \"hello.[31m\""},
      {"\x15\x03\x01\x01\x02\x02\x16", "the answer is TLS: the address needs https"},
  };
  for (const auto& [bytes, text] : others) {
    const BareServer server(bytes);
    HttpRequest request = get("/");
    request.url = server.url();
    const auto answer = exchange(request);
    ASSERT_FALSE(answer) << text;
    EXPECT_EQ(answer.error().code, ErrorCode::unavailable);
    EXPECT_EQ(answer.error().message, text);
    use({});  // closes the connection
  }
}

TEST_F(CurlHttpClientTest, RefusedConnectionIsUnavailable) {
  boost::asio::io_context io;
  boost::asio::ip::tcp::acceptor bound(io, {boost::asio::ip::address_v4::loopback(), 0}, false);
  const auto port = bound.local_endpoint().port();
  bound.close();
  HttpRequest request;
  request.url = "http://127.0.0.1:" + std::to_string(port);
  EXPECT_EQ(exchange(request).error().code, ErrorCode::unavailable);
}

TEST_F(CurlHttpClientTest, SilentServerIsTimeout) {
  server_.answer_with({.hold = true});
  HttpRequest request = get("/");
  request.timeout = 20ms;
  EXPECT_EQ(exchange(request).error().code, ErrorCode::timeout);
}

TEST_F(CurlHttpClientTest, AnswerOverTheBoundIsTooLarge) {
  use({.max_response_bytes = 1000});
  server_.answer_with({.body = std::string(2000, 'x')});
  EXPECT_EQ(exchange(get("/")).error().code, ErrorCode::too_large);
  server_.answer_with({.body = std::string(500, 'x')});
  EXPECT_TRUE(exchange(get("/")));
}

TEST_F(CurlHttpClientTest, HeadersCountTowardsTheBound) {
  use({.max_response_bytes = 1000});
  server_.answer_with({.headers = {{"X-Long", std::string(2000, 'x')}}});
  EXPECT_EQ(exchange(get("/")).error().code, ErrorCode::too_large);
}

TEST_F(CurlHttpClientTest, CancelEndsOneRequestAtTheNextPoll) {
  server_.answer_with({.hold = true});
  const auto id = start(get("/held"));
  start(get("/kept"));
  poll_until_asked(2);
  client_->cancel(id);
  EXPECT_TRUE(results_.empty());
  client_->poll(kLong);
  ASSERT_EQ(results_.size(), 1u);
  EXPECT_EQ(results_[0].error().code, ErrorCode::closed);
  server_.release();
  poll_until_answers(2);
  EXPECT_TRUE(results_[1]);
}

TEST_F(CurlHttpClientTest, CancelOfAFinishedRequestDoesNothing) {
  const auto id = start(get("/"));
  poll_until_answers(1);
  client_->cancel(id);
  client_->poll(0ms);
  EXPECT_EQ(results_.size(), 1u);
}

TEST_F(CurlHttpClientTest, CancelAllEndsEverythingAtOnce) {
  server_.answer_with({.hold = true});
  for (int i = 0; i < 3; ++i) start(get("/"));  // the third waits for a connection
  poll_until_asked(2);
  client_->cancel_all();
  ASSERT_EQ(results_.size(), 3u);
  for (const auto& result : results_) EXPECT_EQ(result.error().code, ErrorCode::closed);
}

TEST_F(CurlHttpClientTest, HandlerMaySendAgain) {
  client_->send(get("/first"), [this](const Result<HttpResponse>&) { start(get("/second")); });
  poll_until_answers(1);
  EXPECT_EQ(server_.requests().at(1).target, "/second");
}

TEST_F(CurlHttpClientTest, HandlerMaySendFromCancelAll) {
  client_->send(get("/first"), [this](const Result<HttpResponse>&) { start(get("/second")); });
  client_->cancel_all();
  poll_until_answers(1);
  EXPECT_TRUE(results_[0]);
}

TEST_F(CurlHttpClientTest, WakeupEndsAPollFromAnotherThread) {
  std::thread other([this] { client_->wakeup(); });
  client_->poll(kLong);  // hangs, and the test with it, if the wake-up is lost
  other.join();
}

TEST_F(CurlHttpClientTest, DestructionCallsNoHandler) {
  server_.answer_with({.hold = true});
  start(get("/"));
  poll_until_asked(1);
  client_.reset();
  EXPECT_TRUE(results_.empty());
}

}  // namespace
}  // namespace tracelink
