#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "daemon/base/result.hpp"
#include "ipc/wire/export_response.hpp"
#include "ipc/wire/rpc_status.hpp"

namespace tracelink {

// How one request ended, whatever its protocol.
struct Reply {
  RpcCode code = RpcCode::ok;
  std::string message;  // printable ASCII
  std::uint64_t rejected_spans = 0;

  bool ok() const { return code == RpcCode::ok; }
  ExportResponse response() const { return {rejected_spans, message}; }  // precondition: ok()
  RpcStatus status() const;                                              // precondition: !ok()
};

Reply refuse(RpcCode code, std::string_view message);

// As one line of JSON: {}, {"partialSuccess":…} or {"error":…}.
std::string reply_line(const Reply& reply);

// For a client whose connection is given up for another's.
Reply no_room();

// `too_large` never fits; any other failure of the sink is worth another try.
Reply reply_for_sink_error(const Error& error);
Reply reply_for_decode_error(const Error& error);

// A connection as the intake sees it. `token` is the connection's own name for the request.
// Threads: called on the io thread, also from inside the intake's methods.
class ReplyTarget : public std::enable_shared_from_this<ReplyTarget> {
 public:
  virtual ~ReplyTarget() = default;
  virtual void on_admitted(std::uint64_t token) = 0;  // a reservation that had to wait is granted
  virtual void on_reply(std::uint64_t token, Reply reply) = 0;
};

}  // namespace tracelink
