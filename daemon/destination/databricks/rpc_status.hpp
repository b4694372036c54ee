#pragma once

#include <optional>
#include <string>

#include "daemon/http/http_client.hpp"

namespace tracelink {

// google.rpc.Status, as OTLP endpoints answer refusals.
struct AnsweredStatus {
  std::string code;  // its name, "PERMISSION_DENIED"; empty for an unknown number
  std::string message;
};

// Nothing if the answer is of another type, or no such message.
std::optional<AnsweredStatus> read_rpc_status(const HttpResponse& response);

}  // namespace tracelink
