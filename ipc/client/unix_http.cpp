#include "ipc/client/unix_http.hpp"

#include <array>
#include <optional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <grp.h>
#include <sys/stat.h>

namespace tracelink {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using Stream = beast::basic_stream<asio::local::stream_protocol>;

constexpr std::uint64_t kMaxReplyBytes = 64ull << 20;

std::string group_name(gid_t gid) {
  std::array<char, 4096> buffer{};
  group entry{};
  group* found = nullptr;
  getgrgid_r(gid, &entry, buffer.data(), buffer.size(), &found);
  return found ? found->gr_name : std::to_string(gid);
}

// What a user who may not open the socket can do about it.
std::string access_remedy(const std::string& path) {
  struct stat socket{};
  if (stat(path.c_str(), &socket) != 0) return "this user may not look into its directory";
  if ((socket.st_mode & S_IWGRP) == 0) return "only its owner may use it";
  const std::string group = group_name(socket.st_gid);
  return "join its group " + group + " (sudo usermod -aG " + group + " <user>, then log in again)";
}

Error connect_error(const std::string& path, const error_code& error) {
  if (error == beast::error::timeout) return {ErrorCode::timeout, path + ": nobody accepts"};
  if (error == boost::system::errc::permission_denied) {
    return {ErrorCode::rejected, path + ": permission denied; " + access_remedy(path)};
  }
  if (error == boost::system::errc::no_such_file_or_directory) {
    return {ErrorCode::unavailable, path + ": no such socket; is the daemon running?"};
  }
  if (error == boost::system::errc::connection_refused) {
    return {ErrorCode::unavailable, path + ": nobody answers on it; the daemon has stopped"};
  }
  return {ErrorCode::unavailable, path + ": " + error.message()};
}

Error exchange_error(const std::string& path, const error_code& error) {
  if (error == beast::error::timeout) {
    return {ErrorCode::timeout, path + ": no answer in time"};
  }
  if (error == http::error::body_limit) {
    return {ErrorCode::too_large, path + ": the answer is larger than 64 MiB"};
  }
  const bool ended = error == http::error::end_of_stream || error == http::error::partial_message;
  if (ended || error.category() == boost::system::system_category()) {
    return {ErrorCode::unavailable, path + ": the connection broke: " + error.message()};
  }
  return {ErrorCode::invalid, path + ": the answer is not HTTP: " + error.message()};
}

// Runs one asynchronous operation to its end; the stream's deadline bounds it.
template <class Start>
error_code run(asio::io_context& context, Start start) {
  error_code result;
  start([&result](error_code error, auto&&...) { result = error; });
  context.restart();
  context.run();
  return result;
}

http::request<http::string_body> make_request(std::string_view method, std::string_view target,
                                              std::string_view content_type, std::string body) {
  http::request<http::string_body> request;
  request.version(11);
  request.method_string({method.data(), method.size()});
  request.target({target.data(), target.size()});
  request.set(http::field::host, "localhost");
  request.set(http::field::connection, "close");
  if (!content_type.empty()) {
    request.set(http::field::content_type, {content_type.data(), content_type.size()});
  }
  request.body() = std::move(body);
  request.prepare_payload();
  return request;
}

std::optional<asio::local::stream_protocol::endpoint> endpoint_of(const std::string& path) {
  try {
    return asio::local::stream_protocol::endpoint(path);
  } catch (const boost::system::system_error&) {
    return std::nullopt;  // too long for a socket address
  }
}

}  // namespace

Result<UnixHttpReply> unix_http_request(const std::filesystem::path& socket_path,
                                        std::string_view method, std::string_view target,
                                        std::string_view content_type, std::string body,
                                        std::chrono::milliseconds timeout) {
  const std::string path = socket_path.string();
  const auto endpoint = endpoint_of(path);
  if (!endpoint) return Error{ErrorCode::invalid, path + ": too long for a socket's path"};

  asio::io_context context;
  Stream stream(context);
  stream.expires_after(timeout);  // for everything below
  auto error = run(context, [&](auto done) { stream.async_connect(*endpoint, done); });
  if (error) return connect_error(path, error);

  auto request = make_request(method, target, content_type, std::move(body));
  const auto write_error =
      run(context, [&](auto done) { http::async_write(stream, request, done); });
  if (write_error == beast::error::timeout) return exchange_error(path, write_error);

  // Also after a failed write: who refuses a request may answer and close before reading all of it.
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(kMaxReplyBytes);
  error = run(context, [&](auto done) { http::async_read(stream, buffer, parser, done); });
  if (error) return exchange_error(path, write_error ? write_error : error);

  auto reply = parser.release();
  return UnixHttpReply{static_cast<int>(reply.result_int()),
                       std::string(reply[http::field::content_type]), std::move(reply.body())};
}

}  // namespace tracelink
