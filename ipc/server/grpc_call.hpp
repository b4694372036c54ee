#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "daemon/base/clock.hpp"
#include "daemon/codec/compression.hpp"
#include "ipc/server/http2_session.hpp"
#include "ipc/server/memory_budget.hpp"
#include "ipc/server/reply.hpp"
#include "ipc/wire/grpc_framing.hpp"

namespace tracelink {

// One call on one stream: what its headers say, and its message as far as it has arrived. No I/O.
class GrpcCall {
 public:
  explicit GrpcCall(std::size_t max_message_bytes) : deframer(max_message_bytes) {}

  void read_header(HeaderField field);

  // HTTP-level refusal once the headers are complete; such a peer does not speak gRPC.
  struct HttpRefusal {
    std::string_view status;
    std::string_view message;
  };
  std::optional<HttpRefusal> http_refusal() const;
  // As RFC 9113 6.5.2 counts them, against what this side's SETTINGS say.
  bool has_large_header() const { return header_bytes_ > kMaxHeaderListBytes; }
  // So large that to read on costs more than the call may: a byte of HPACK stands for a whole
  // field.
  bool has_excessive_header() const { return header_bytes_ > std::size_t{4} * kMaxHeaderListBytes; }
  // gRPC-level refusal: another method, an encoding that is not accepted.
  std::optional<Reply> refusal() const;
  // Precondition: the client has sent everything. Nothing: the message is whole.
  std::optional<Reply> incomplete() const;

  ContentEncoding message_encoding() const;
  std::optional<std::chrono::nanoseconds> timeout() const { return timeout_; }
  std::string take_experiment() { return std::move(experiment_); }

  GrpcDeframer deframer;
  RequestId request = 0;
  std::size_t unconsumed_bytes = 0;  // received, window not given back
  bool admitted = false;             // its memory is granted
  bool asked = false;                // its memory was asked for
  bool ended = false;                // the client has sent everything
  bool answered = false;             // what still comes is dropped
  bool serving = false;              // complete, and with the intake
  SteadyTime answered_at;

 private:
  bool post_ = false, export_path_ = false, grpc_content_ = false;
  bool unknown_encoding_ = false, long_experiment_ = false;
  std::size_t header_bytes_ = 0;
  ContentEncoding encoding_ = ContentEncoding::identity;
  std::optional<std::chrono::nanoseconds> timeout_;
  std::string experiment_;
};

}  // namespace tracelink
