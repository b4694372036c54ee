#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace tracelink {

// The canonical codes that this server answers with (google.rpc.Code).
enum class RpcCode : int {
  ok = 0,
  invalid_argument = 3,
  not_found = 5,
  permission_denied = 7,
  resource_exhausted = 8,
  unimplemented = 12,
  internal = 13,
  unavailable = 14,
};

// An error as google.rpc.Status. `retry_after` is given only where the client shall try again.
struct RpcStatus {
  RpcCode code = RpcCode::ok;
  std::string message;  // printable ASCII
  std::optional<std::chrono::milliseconds> retry_after;
};

std::string encode_status_protobuf(const RpcStatus& status);
std::string encode_status_json(const RpcStatus& status);

// google.rpc.RetryInfo alone, for the metadata google.rpc.retryinfo-bin.
std::string encode_retry_info(std::chrono::milliseconds delay);

}  // namespace tracelink
