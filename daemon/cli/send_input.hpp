#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/result.hpp"

namespace tracelink::cli {

// What `tracelink send` is given, and what the daemon says about it.

// The bytes of the file, "-" for standard input, without a byte order mark. Errors: `io`, `invalid`
// for what cannot be sent as it is, with the remedy.
Result<std::string> read_send_input(const std::string& file);

enum class InputForm { json_document, json_lines, protobuf };
InputForm form_of(std::string_view input);

// The spans of a request as the daemon reads it, with those that it will reject. Nothing if the
// request cannot be read: the daemon says why.
std::optional<std::uint64_t> spans_in_json(std::string_view request);
std::optional<std::uint64_t> spans_in_protobuf(std::string_view request);

// The reason in the daemon's answer to a protobuf request: google.rpc.Status with an error, else
// ExportTraceServiceResponse; "" when there is none.
std::string protobuf_reason(int http_status, std::string_view body);
// How many spans an ExportTraceServiceResponse says were rejected.
std::uint64_t rejected_in_protobuf(std::string_view body);

}  // namespace tracelink::cli
