#pragma once

#include <condition_variable>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

namespace tracelink::testing {

// An HTTP server on an ephemeral loopback port that answers as its script says and records what it
// was asked. Each connection is served by a thread of its own. Threads: any.
class HttpImposter {
 public:
  struct Request {
    std::string method, target, body;
    std::map<std::string, std::string> headers;  // names in lower case
  };
  struct Reply {
    int status = 200;
    std::vector<std::pair<std::string, std::string>> headers{};
    std::string body{};
    bool drop = false;  // close the connection instead of answering
    bool hold = false;  // answer only after release()
    std::string raw{};  // sent as it is, in the place of all that
  };
  using Script = std::function<Reply(const Request&)>;

  // Answers 200 without a body until told otherwise.
  HttpImposter() {
    acceptor_.open(boost::asio::ip::tcp::v4());
    acceptor_.bind({boost::asio::ip::address_v4::loopback(), 0});
    acceptor_.listen();
    port_ = acceptor_.local_endpoint().port();
    accepting_ = std::thread([this] { accept(); });
  }

  ~HttpImposter() {
    release();
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      for (auto& connection : connections_) shut_down(connection.socket);
    }
    ::shutdown(acceptor_.native_handle(), SHUT_RDWR);  // ends the blocking accept
    accepting_.join();
    for (auto& connection : connections_) connection.thread.join();
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  void answer_with(Reply reply) {
    follow([reply](const Request&) { return reply; });
  }
  void follow(Script script) {
    const std::lock_guard lock(mutex_);
    script_ = std::move(script);
  }

  void release() {
    const std::lock_guard lock(mutex_);
    released_ = true;
    changed_.notify_all();
  }

  std::vector<Request> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  std::size_t connection_count() const {
    const std::lock_guard lock(mutex_);
    return connections_.size();
  }

 private:
  using Socket = boost::asio::ip::tcp::socket;
  struct Connection {
    Socket socket;
    std::thread thread;
  };

  static void shut_down(Socket& socket) {
    boost::system::error_code ignored;
    socket.shutdown(Socket::shutdown_both, ignored);
  }

  void accept() {
    for (;;) {
      boost::system::error_code error;
      Socket socket = acceptor_.accept(error);
      const std::lock_guard lock(mutex_);
      if (error || stopping_) return;
      Connection& connection = connections_.emplace_back(std::move(socket), std::thread());
      connection.thread = std::thread([this, &connection] { serve(connection.socket); });
    }
  }

  void serve(Socket& socket) {
    boost::beast::flat_buffer buffer;
    while (serve_one(socket, buffer)) {
    }
    shut_down(socket);
  }

  bool serve_one(Socket& socket, boost::beast::flat_buffer& buffer) {
    namespace http = boost::beast::http;
    http::request_parser<http::string_body> parser;
    parser.body_limit(std::uint64_t{64} << 20);
    boost::system::error_code error;
    http::read(socket, buffer, parser, error);
    if (error) return false;
    const Reply reply = reply_to(parser.get());
    if (reply.hold) wait_for_release();
    if (reply.drop) return false;
    if (!reply.raw.empty()) {
      boost::asio::write(socket, boost::asio::buffer(reply.raw), error);
      return !error;
    }
    http::response<http::string_body> response(
        http::int_to_status(static_cast<unsigned>(reply.status)), 11, reply.body);
    for (const auto& [name, value] : reply.headers) response.insert(name, value);
    response.prepare_payload();
    http::write(socket, response, error);
    return !error;
  }

  template <class Message>
  Reply reply_to(const Message& message) {
    Request request{
        std::string(message.method_string()), std::string(message.target()), message.body(), {}};
    for (const auto& field : message) {
      std::string name(field.name_string());
      for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      request.headers[name] = std::string(field.value());
    }
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    return script_(request);
  }

  void wait_for_release() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return released_; });
  }

  Script script_ = [](const Request&) { return Reply{}; };
  boost::asio::io_context io_;
  boost::asio::ip::tcp::acceptor acceptor_{io_};
  unsigned short port_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool released_ = false, stopping_ = false;
  std::list<Connection> connections_;
  std::vector<Request> requests_;
  std::thread accepting_;
};

}  // namespace tracelink::testing
