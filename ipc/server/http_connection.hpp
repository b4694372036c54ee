#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <boost/beast/http/parser.hpp>

#include "ipc/server/growing_body.hpp"
#include "ipc/server/sequential_connection.hpp"
#include "ipc/wire/http_response.hpp"

namespace tracelink {

// An OTLP/HTTP conversation: POST /v1/traces in protobuf or JSON; GET / for `tracelink env` and
// GET /status, for whoever may send.
//
// A request refused before its body is read is answered at once; then a bounded amount of what the
// client still sends is read and dropped, so that it gets to read the answer. What is not body (a
// chunk's extension, trailers) is bounded as the header is.
class OtlpHttpConnection final : public SequentialConnection {
 public:
  OtlpHttpConnection(StreamSocket socket, Peer peer, ServerContext& context,
                     std::string first_bytes);
  Task<void> run() override;

 private:
  using Parser = boost::beast::http::request_parser<GrowingBody>;
  // How an export says what its body is.
  struct Export {
    BodyFormat format = BodyFormat::protobuf;
    ContentEncoding encoding = ContentEncoding::identity;
    std::string experiment;
  };

  Task<std::optional<HttpReply>> read_header(Parser& parser);
  Task<bool> serve(Parser& parser);
  Task<Reply> serve_export(Parser& parser, Export request);
  Task<std::optional<Reply>> read_body(Parser& parser);
  Task<bool> send(HttpReply reply, bool body_read);
  Task<void> drain();

  std::string farewell() const override;
  HttpReply reply_to_refused_peer(const Parser& parser) const;
  std::optional<HttpReply> route(const Parser& parser) const;
  const std::function<std::string()>* page_at(std::string_view path) const;
  Result<Export> read_export(const Parser& parser) const;
  std::optional<Reply> feed(Parser& parser, std::string_view bytes);

  std::string input_;
  bool closed_by_client_ = false;
};

}  // namespace tracelink
