#include "ipc/server/http_connection.hpp"

#include <iterator>
#include <utility>

#include <boost/beast/core/string.hpp>

#include "daemon/text/release.hpp"
#include "ipc/server/experiment_header.hpp"
#include "ipc/server/mlflow_request.hpp"
#include "ipc/server/peer.hpp"
#include "ipc/wire/export_response.hpp"

namespace tracelink {
namespace {

namespace http = boost::beast::http;

constexpr std::size_t kMaxHeaderBytes = 16u << 10;
// Beast holds about a hundred bytes for a field that may be four on the wire, so that bytes alone
// are no bound.
constexpr std::ptrdiff_t kMaxHeaderFields = 128;
constexpr std::size_t kFirstReservation = 64u << 10;
constexpr std::string_view kJson = "application/json";
constexpr std::string_view kProtobuf = "application/x-protobuf";

std::string_view media_type(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.remove_suffix(1);
  return type;
}

std::string_view field(const auto& request, auto name) {
  const auto value = request[name];
  return {value.data(), value.size()};
}

bool is_type(std::string_view type, std::string_view expected) {
  return boost::beast::iequals(boost::beast::string_view(type.data(), type.size()),
                               boost::beast::string_view(expected.data(), expected.size()));
}

// Nothing: its body is in neither of OTLP's encodings.
std::optional<BodyFormat> format_of(const auto& request) {
  const std::string_view type = media_type(field(request, http::field::content_type));
  if (is_type(type, kJson)) return BodyFormat::json;
  if (is_type(type, kProtobuf)) return BodyFormat::protobuf;
  return std::nullopt;
}

// Of the answer to a request that is refused for what its header says.
BodyFormat error_format(const auto& request) {
  return format_of(request).value_or(BodyFormat::json);
}

HttpReply error_reply(const RpcStatus& status, BodyFormat format) {
  HttpReply reply;
  reply.status = http_status_of(status.code);
  reply.retry_after = status.retry_after;
  const bool json = format == BodyFormat::json;
  reply.content_type = json ? kJson : kProtobuf;
  reply.body = json ? encode_status_json(status) : encode_status_protobuf(status);
  return reply;
}

HttpReply plain_error(int status, RpcCode code, std::string_view message,
                      BodyFormat format = BodyFormat::json) {
  HttpReply reply = error_reply(refuse(code, message).status(), format);
  reply.status = status;
  return reply;
}

HttpReply export_reply(const Reply& reply, BodyFormat format) {
  if (!reply.ok()) return error_reply(reply.status(), format);
  HttpReply http_reply;
  const bool json = format == BodyFormat::json;
  http_reply.content_type = json ? kJson : kProtobuf;
  http_reply.body =
      json ? encode_response_json(reply.response()) : encode_response_protobuf(reply.response());
  return http_reply;
}

std::string too_large(std::size_t limit) {
  return "request body over " + std::to_string(limit) + " bytes";
}

}  // namespace

OtlpHttpConnection::OtlpHttpConnection(StreamSocket socket, Peer peer, ServerContext& context,
                                       std::string first_bytes)
    : SequentialConnection(std::move(socket), peer, context), input_(std::move(first_bytes)) {}

Task<void> OtlpHttpConnection::run() {
  bool more = true;
  while (more && (!finishing() || !input_.empty()) && !closed_by_client_) {
    Parser parser;
    parser.header_limit(kMaxHeaderBytes);
    parser.body_limit(boost::none);  // checked by read_body(), which also answers it
    auto refusal = co_await read_header(parser);
    disarm_watchdog();
    if (closed_by_client_) break;
    set_waiting();
    if (!refusal) refusal = refuse_coding(parser);
    if (!refusal && peer_refusal()) refusal = reply_to_refused_peer(parser);
    if (refusal) {
      more = co_await send(*std::move(refusal), false);
    } else {
      more = co_await serve(parser);
    }
    end_request();
    if (input_.empty()) release(input_);  // an idle connection keeps no buffer
    if (more && !input_.empty()) co_await let_others_go();
  }
  end_request();
  abort();
}

// Nothing when the header is complete, or when the client has closed.
Task<std::optional<HttpReply>> OtlpHttpConnection::read_header(Parser& parser) {
  bool begun = false;
  for (;;) {
    boost::system::error_code error;
    const std::size_t used = parser.put(boost::asio::buffer(input_), error);
    input_.erase(0, used);
    const bool is_done = !error && parser.is_header_done();
    const bool has_many =
        is_done && std::distance(parser.get().begin(), parser.get().end()) > kMaxHeaderFields;
    if (is_done && !has_many) co_return std::nullopt;
    if (has_many || error == http::error::header_limit) {
      ++context_.stats.large_headers;
      co_return plain_error(431, RpcCode::invalid_argument,
                            "request header over " + std::to_string(kMaxHeaderBytes) +
                                " bytes or " + std::to_string(kMaxHeaderFields) + " fields");
    }
    if (error && error != http::error::need_more) {
      co_return plain_error(400, RpcCode::invalid_argument, "malformed HTTP request");
    }
    if (parser.got_some() && !std::exchange(begun, true)) arm_read_deadline();
    const auto bytes = co_await read_some();
    if (late()) {
      ++context_.stats.late_headers;
      co_return plain_error(408, RpcCode::unavailable, "the request header came too slowly");
    }
    if (!bytes) {
      closed_by_client_ = true;
      co_return std::nullopt;
    }
    input_ += *bytes;
  }
}

// Of another coding the parser takes the body for an empty one, and what follows for a request: a
// success would acknowledge what nobody has read (RFC 9112, section 6.1).
std::optional<HttpReply> OtlpHttpConnection::refuse_coding(const Parser& parser) {
  const auto [first, last] = parser.get().equal_range(http::field::transfer_encoding);
  const bool is_plain = first == last;
  const bool is_chunked =
      !is_plain && std::next(first) == last && boost::beast::iequals(first->value(), "chunked");
  if (is_plain || is_chunked) return std::nullopt;
  ++context_.stats.invalid_requests;
  return plain_error(501, RpcCode::unimplemented,
                     "the only Transfer-Encoding that is taken is chunked",
                     error_format(parser.get()));
}

Task<bool> OtlpHttpConnection::serve(Parser& parser) {
  if (auto reply = route(parser)) {
    reply->keep_alive = parser.keep_alive();
    reply->answers_head = parser.get().method() == http::verb::head;
    co_return co_await send(*std::move(reply), parser.is_done());
  }
  ++context_.stats.http_requests;
  auto request = read_export(parser);
  if (!request) {
    ++context_.stats.invalid_requests;
    context_.stats.http_results.count(refuse(RpcCode::invalid_argument, request.error().message));
    auto refusal = plain_error(415, RpcCode::invalid_argument, request.error().message,
                               error_format(parser.get()));
    co_return co_await send(std::move(refusal), parser.is_done());
  }
  const BodyFormat format = request->format;
  const Reply reply = co_await serve_export(parser, *std::move(request));
  if (closed_by_client_) co_return false;
  context_.stats.http_results.count(reply);
  auto http_reply = export_reply(reply, format);
  http_reply.keep_alive = parser.keep_alive();
  co_return co_await send(std::move(http_reply), parser.is_done());
}

HttpReply OtlpHttpConnection::reply_to_refused_peer(const Parser& parser) const {
  return export_reply(*peer_refusal(), error_format(parser.get()));
}

std::string OtlpHttpConnection::farewell() const {
  HttpReply reply = error_reply(no_room().status(), BodyFormat::json);
  reply.keep_alive = false;
  return format_http_response(reply);
}

// The reply to everything but an export; nothing for an export.
std::optional<HttpReply> OtlpHttpConnection::route(const Parser& parser) const {
  const auto& request = parser.get();
  const std::string_view path = path_of({request.target().data(), request.target().size()});
  const bool is_export = path == "/v1/traces";
  if (is_export && request.method() == http::verb::post) return std::nullopt;
  const auto* page = page_at(path);
  if (page != nullptr && request.method() == http::verb::get) {
    // Any local process may ask the loopback listener; a browser under a name of a page's own not.
    const std::string_view host = field(request, http::field::host);
    if (peer().uid == kUnknownUser && !host.empty() && !names_this_host(host)) {
      return plain_error(403, RpcCode::permission_denied,
                         "the Host header does not name this host: use 127.0.0.1");
    }
    HttpReply reply;
    reply.body = (*page)();
    return reply;
  }
  if (!is_export && page == nullptr) {
    return plain_error(404, RpcCode::not_found,
                       "only POST /v1/traces, GET / and GET /status are served",
                       error_format(request));
  }
  auto reply =
      plain_error(405, RpcCode::unimplemented, "method not allowed", error_format(request));
  reply.allow = is_export ? "POST" : "GET";
  return reply;
}

const std::function<std::string()>* OtlpHttpConnection::page_at(std::string_view path) const {
  if (path == "/") return &context_.describe;
  return path == "/status" ? &context_.status : nullptr;
}

Result<OtlpHttpConnection::Export> OtlpHttpConnection::read_export(const Parser& parser) const {
  const auto& request = parser.get();
  Export result;
  const auto format = format_of(request);
  if (!format) {
    return Error{ErrorCode::invalid,
                 "Content-Type must be application/x-protobuf or application/json"};
  }
  result.format = *format;
  auto encoding = parse_content_encoding(field(request, http::field::content_encoding));
  if (!encoding) return std::move(encoding).error();
  result.encoding = *encoding;
  result.experiment =
      join_experiment(field(request, kExperimentHeader), field(request, kRunHeader));
  return result;
}

Task<Reply> OtlpHttpConnection::serve_export(Parser& parser, Export request) {
  if (request.experiment.size() > kMaxExperimentHeaderBytes) {
    ++context_.stats.invalid_requests;
    co_return refuse(RpcCode::invalid_argument, kLongExperiment);
  }
  begin_request();
  auto refusal = co_await read_body(parser);
  if (refusal || closed_by_client_) co_return refusal.value_or(Reply{});
  parser.get().clear();  // of its fields, of which trailers may be many
  RequestBody body{request.format, request.encoding, std::move(parser.get().body())};
  co_return co_await exchange(std::move(body), std::move(request.experiment));
}

// Nothing when the body is complete, or when the client has closed.
Task<std::optional<Reply>> OtlpHttpConnection::read_body(Parser& parser) {
  const auto length = parser.content_length();
  if (length && *length > max_request_bytes()) {
    ++context_.stats.too_large_requests;
    co_return refuse(RpcCode::resource_exhausted, too_large(max_request_bytes()));
  }
  std::size_t reserved = length ? static_cast<std::size_t>(*length) : kFirstReservation;
  if (!co_await reserve(reserved)) co_return take_reply();
  if (input_.empty() && !parser.is_done()) {
    closed_by_client_ = !co_await say_continue(parser);
  }
  parser.eager(true);
  std::string rest = std::exchange(input_, {});
  std::string_view bytes = rest;
  while (!closed_by_client_ && !parser.is_done()) {
    if (auto refusal = feed(parser, bytes)) co_return refusal;
    release(rest);  // what waits is the body alone
    if (parser.is_done()) break;
    if (parser.get().body().size() > reserved) {
      if (!co_await reserve(reserved)) co_return take_reply();
      reserved *= 2;
    }
    if (!co_await received(parser.get().body().size())) co_return take_reply();
    std::optional<std::string_view> more;
    if (!replied()) more = co_await read_some();
    if (replied()) co_return take_reply();
    closed_by_client_ = !more;
    if (more) bytes = *more;
  }
  co_return std::nullopt;
}

Task<bool> OtlpHttpConnection::say_continue(const Parser& parser) {
  const auto expect = field(parser.get(), http::field::expect);
  if (!boost::beast::iequals(boost::beast::string_view(expect.data(), expect.size()),
                             "100-continue")) {
    co_return true;
  }
  const std::string text(kHttpContinue);
  co_return co_await write(text);
}

// Gives bytes to the parser and keeps what it leaves for later.
std::optional<Reply> OtlpHttpConnection::feed(Parser& parser, std::string_view bytes) {
  input_ += bytes;
  boost::system::error_code error;
  const std::size_t used = parser.put(boost::asio::buffer(input_), error);
  input_.erase(0, used);
  if (input_.empty()) release(input_);
  if (parser.get().body().size() > max_request_bytes()) {
    ++context_.stats.too_large_requests;
    return refuse(RpcCode::resource_exhausted, too_large(max_request_bytes()));
  }
  if (error && error != http::error::need_more) {
    ++context_.stats.invalid_requests;
    return refuse(RpcCode::invalid_argument, "malformed HTTP body");
  }
  if (!parser.is_done() && input_.size() > kMaxHeaderBytes) {
    ++context_.stats.large_headers;
    return refuse(RpcCode::invalid_argument,
                  "chunk extension or trailer over " + std::to_string(kMaxHeaderBytes) + " bytes");
  }
  return std::nullopt;
}

// True: the connection goes on with the next request.
Task<bool> OtlpHttpConnection::send(HttpReply reply, bool body_read) {
  if (!body_read || finishing()) reply.keep_alive = false;
  const bool keep_alive = reply.keep_alive;
  std::string text = format_http_response(reply);
  release(reply.body);  // which may be large, and waits for the client
  if (!co_await write(std::move(text))) co_return false;
  if (!keep_alive) co_await drain();
  co_return keep_alive;
}

}  // namespace tracelink
