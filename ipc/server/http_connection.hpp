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
class OtlpHttpConnection : public SequentialConnection {
 public:
  OtlpHttpConnection(StreamSocket socket, Peer peer, ServerContext& context,
                     std::string first_bytes);
  Task<void> run() override;

 protected:
  using Parser = boost::beast::http::request_parser<GrowingBody>;

  // One request whose header has been read. True: the connection goes on with the next one.
  virtual Task<bool> serve(Parser& parser);
  virtual HttpReply reply_to_refused_peer(const Parser& parser) const;
  std::string farewell() const override;

  Task<std::optional<Reply>> read_body(Parser& parser);
  // If the client waits to be told that it may send its body; false: it has gone.
  Task<bool> say_continue(const Parser& parser);
  Task<bool> send(HttpReply reply, bool body_read);
  std::optional<Reply> feed(Parser& parser, std::string_view bytes);

  std::string input_;
  bool closed_by_client_ = false;

 private:
  // How an export says what its body is.
  struct Export {
    BodyFormat format = BodyFormat::protobuf;
    ContentEncoding encoding = ContentEncoding::identity;
    std::string experiment;
  };

  Task<std::optional<HttpReply>> read_header(Parser& parser);
  std::optional<HttpReply> refuse_coding(const Parser& parser);
  Task<Reply> serve_export(Parser& parser, Export request);

  std::optional<HttpReply> route(const Parser& parser) const;
  const std::function<std::string()>* page_at(std::string_view path) const;
  Result<Export> read_export(const Parser& parser) const;
};

}  // namespace tracelink
