#include "ipc/client/unix_http.hpp"

#include <optional>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/child_process.hpp"
#include "tests/support/temp_directory.hpp"

namespace tracelink {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::local::stream_protocol;
using std::chrono::milliseconds;

constexpr milliseconds kLong{60'000};

// A socket in a directory of its own, and a server on it that answers one request with given bytes.
class UnixHttp : public ::testing::Test {
 protected:
  UnixHttp() {
    chmod(directory_.c_str(), 0755);  // so that other users meet the socket's own mode
  }
  ~UnixHttp() override {
    if (server_.joinable()) server_.join();
    acceptor_.close();
  }

  void listen() {
    const stream_protocol::endpoint endpoint(path_.string());
    acceptor_.open(endpoint.protocol());
    acceptor_.bind(endpoint);
    acceptor_.listen();
  }
  void serve(const std::string& answer, bool read_request = true) {
    listen();
    server_ = std::thread([this, answer, read_request] {
      boost::system::error_code error;
      stream_protocol::socket connection = acceptor_.accept();
      boost::beast::flat_buffer buffer;
      if (read_request) http::read(connection, buffer, request_, error);
      asio::write(connection, asio::buffer(answer), error);
    });
  }

  Result<UnixHttpReply> get(milliseconds timeout = kLong) {
    return unix_http_request(path_, "GET", "/status", "", "", timeout);
  }
  // "code: message" with the socket's path as SOCKET.
  std::string error_of(const Result<UnixHttpReply>& reply) const {
    if (reply) return "status " + std::to_string(reply->status);
    std::string text = std::string(to_string(reply.error().code)) + ": " + reply.error().message;
    const auto at = text.find(path_.string());
    return at == text.npos ? text : text.replace(at, path_.string().size(), "SOCKET");
  }
  // The same for a user who is not root.
  std::string error_for_a_user() {
    return test::result_in_child([&]() -> std::string {
      constexpr uid_t kNobody = 65534;
      const bool is_root = geteuid() == 0;
      if (is_root && (setgroups(0, nullptr) != 0 || setgid(kNobody) != 0 || setuid(kNobody) != 0)) {
        return "cannot become another user";
      }
      return error_of(get());
    });
  }

  const TempDirectory temporary_;
  const std::filesystem::path directory_ = temporary_.path();
  std::filesystem::path path_ = directory_ / "daemon.sock";
  asio::io_context context_;
  stream_protocol::acceptor acceptor_{context_};
  std::thread server_;
  http::request<http::string_body> request_;
};

TEST_F(UnixHttp, SendsARequestAndReturnsTheAnswer) {
  serve("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\n{\"a\"");
  const auto reply =
      unix_http_request(path_, "POST", "/models/active?x=1", "application/json", "{}", kLong);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->content_type, "application/json");
  EXPECT_EQ(reply->body, "{\"a\"");
  server_.join();
  EXPECT_EQ(request_.method(), http::verb::post);
  EXPECT_EQ(request_.target(), "/models/active?x=1");
  EXPECT_EQ(request_[http::field::content_type], "application/json");
  EXPECT_EQ(request_[http::field::host], "localhost");
  EXPECT_EQ(request_.body(), "{}");
}

TEST_F(UnixHttp, SendsNoBodyWhenThereIsNone) {
  serve("HTTP/1.1 204 No Content\r\n\r\n");
  const auto reply = get();
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->status, 204);
  EXPECT_EQ(reply->body, "");
  server_.join();
  EXPECT_EQ(request_.count(http::field::content_type), 0u);
  EXPECT_EQ(request_.count(http::field::content_length), 0u);
}

TEST_F(UnixHttp, ReadsAnAnswerThatEndsWithTheConnection) {
  serve("HTTP/1.1 500 Oops\r\nConnection: close\r\n\r\nall of this");
  const auto reply = get();
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->status, 500);
  EXPECT_EQ(reply->body, "all of this");
}

TEST_F(UnixHttp, ReadsAnAnswerThatComesBeforeTheRequestIsRead) {
  serve("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", false);
  const std::string large(4 << 20, 'x');  // more than the socket's buffers
  const auto reply = unix_http_request(path_, "POST", "/", "text/plain", large, kLong);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->status, 413);
}

TEST_F(UnixHttp, SaysThatThereIsNoSocket) {
  EXPECT_EQ(error_of(get()), "unavailable: SOCKET: no such socket; is the daemon running?");
}

TEST_F(UnixHttp, SaysThatNobodyListens) {
  listen();
  acceptor_.close();
  EXPECT_EQ(error_of(get()), "unavailable: SOCKET: nobody answers on it; the daemon has stopped");
}

TEST_F(UnixHttp, NamesTheGroupToJoin) {
  listen();
  ASSERT_EQ(chmod(path_.c_str(), geteuid() == 0 ? 0660 : 0060), 0);
  const group* own = getgrgid(getegid());
  const std::string name = own ? own->gr_name : std::to_string(getegid());
  EXPECT_EQ(error_for_a_user(), "rejected: SOCKET: permission denied; join its group " + name +
                                    " (sudo usermod -aG " + name + " <user>, then log in again)");
}

TEST_F(UnixHttp, SaysThatOnlyTheOwnerMayUseASocket) {
  listen();
  ASSERT_EQ(chmod(path_.c_str(), geteuid() == 0 ? 0600 : 0000), 0);
  EXPECT_EQ(error_for_a_user(), "rejected: SOCKET: permission denied; only its owner may use it");
}

TEST_F(UnixHttp, SaysThatADirectoryIsClosed) {
  listen();
  ASSERT_EQ(chmod(directory_.c_str(), geteuid() == 0 ? 0700 : 0000), 0);
  EXPECT_EQ(error_for_a_user(),
            "rejected: SOCKET: permission denied; this user may not look into its directory");
  ASSERT_EQ(chmod(directory_.c_str(), 0755), 0);
}

TEST_F(UnixHttp, GivesUpAfterTheTimeout) {
  listen();  // and never answers
  EXPECT_EQ(error_of(get(milliseconds(20))), "timeout: SOCKET: no answer in time");
}

TEST_F(UnixHttp, GivesUpOnADaemonThatDoesNotReadTheRequest) {
  listen();
  const std::string large(4 << 20, 'x');
  const auto reply = unix_http_request(path_, "POST", "/", "text/plain", large, milliseconds(20));
  EXPECT_EQ(error_of(reply), "timeout: SOCKET: no answer in time");
}

TEST_F(UnixHttp, SaysThatTheConnectionBroke) {
  serve("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
  const std::string found = error_of(get());
  EXPECT_TRUE(found.starts_with("unavailable: SOCKET: the connection broke: ")) << found;
}

TEST_F(UnixHttp, SaysThatAnAnswerIsNotHttp) {
  serve("SSH-2.0-OpenSSH_9.2\r\n\r\n");
  const std::string found = error_of(get());
  EXPECT_TRUE(found.starts_with("invalid: SOCKET: the answer is not HTTP: ")) << found;
}

TEST_F(UnixHttp, RefusesAnAnswerOverItsBound) {
  serve("HTTP/1.1 200 OK\r\nContent-Length: 67108865\r\n\r\n");
  EXPECT_EQ(error_of(get()), "too_large: SOCKET: the answer is larger than 64 MiB");
}

TEST_F(UnixHttp, RefusesAPathThatNoSocketCanHave) {
  path_ = "/" + std::string(200, 'x');
  EXPECT_EQ(error_of(get()), "invalid: SOCKET: too long for a socket's path");
}

}  // namespace
}  // namespace tracelink
