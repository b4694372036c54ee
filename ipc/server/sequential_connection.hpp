#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "ipc/server/client_connection.hpp"

namespace tracelink {

// A conversation with one request at a time: what HTTP/1.1 and JSON lines have in common.
//
// begin_request() starts the deadline. When it passes, reading and waiting stop and reply() holds
// the answer to send.
class SequentialConnection : public ClientConnection {
 public:
  SequentialConnection(StreamSocket socket, Peer peer, ServerContext& context);

  void finish() override;  // closes after the reply; if idle, as close_idle()
  void on_admitted(std::uint64_t token) override;
  void on_reply(std::uint64_t token, Reply reply) override;

 protected:
  void begin_request();
  void end_request();
  // The body, `bytes` long, goes elsewhere: it counts as held until end_request(), and no deadline
  // holds. Precondition: it is complete, and nothing is replied.
  void keep_request(std::size_t bytes);
  // Counts so many more bytes as held until then.
  void keep_more(std::size_t bytes);
  bool request_open() const { return request_.has_value(); }

  // True once `bytes` more are granted. False: replied(), or the connection was aborted.
  Task<bool> reserve(std::size_t bytes);
  // The same when `bytes` of the body have come.
  Task<bool> received(std::size_t bytes);
  // Hands the body in and waits for the reply, whatever it is once the connection was aborted.
  Task<Reply> exchange(RequestBody body, std::string experiment);
  // The same for what is decoded already.
  Task<Reply> exchange(SplitRequest split, std::string experiment);

  bool replied() const { return reply_.has_value(); }
  // An empty one once the connection was aborted: nobody will read it.
  Reply take_reply() { return std::exchange(reply_, std::nullopt).value_or(Reply{}); }

  // False after an error, or when the client did not take it in time.
  Task<bool> write(std::string text);
  // Behind the last answer: what the client still sends is dropped, as far as that is bounded.
  Task<void> drain();

  bool finishing() const { return finishing_; }
  std::size_t max_request_bytes() const { return context_.intake.max_request_bytes(); }

 private:
  Task<Reply> await_reply();
  Task<bool> write_rest(std::string_view rest);

  std::optional<RequestId> request_;
  std::uint64_t token_ = 0;
  std::optional<Reply> reply_;
  bool admitted_ = false;
  bool finishing_ = false;
};

}  // namespace tracelink
