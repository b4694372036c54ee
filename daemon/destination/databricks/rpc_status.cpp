#include "daemon/destination/databricks/rpc_status.hpp"

#include <array>
#include <string_view>

#include <protozero/exception.hpp>

#include "daemon/mlflow/trace/wire.hpp"
#include "daemon/text/control.hpp"

namespace tracelink {
namespace {

constexpr std::array<std::string_view, 17> kCodes = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

std::string name_of(std::int32_t code) {
  const auto index = static_cast<std::size_t>(code);
  return code >= 0 && index < kCodes.size() ? std::string(kCodes.at(index)) : std::string();
}

// Status: code = 1, message = 2.
AnsweredStatus read(std::string_view body) {
  AnsweredStatus status;
  protozero::pbf_reader reader = reader_of(body);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case varint_field(1):
        status.code = name_of(reader.get_int32());
        break;
      case bytes_field(2):
        status.message = one_line(take_bytes(reader));
        break;
      default:
        reader.skip();
    }
  }
  return status;
}

}  // namespace

std::optional<AnsweredStatus> read_rpc_status(const HttpResponse& response) {
  const auto type = response.header("content-type").value_or("");
  if (!type.starts_with("application/x-protobuf") || response.body.empty()) return std::nullopt;
  try {
    return read(response.body);
  } catch (const protozero::exception&) {  // no protobuf, whatever its type says
    return std::nullopt;
  }
}

}  // namespace tracelink
