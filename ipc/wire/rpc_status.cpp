#include "ipc/wire/rpc_status.hpp"

#include <cstdio>

#include <protozero/pbf_writer.hpp>

#include "ipc/wire/json_text.hpp"

namespace tracelink {
namespace {

constexpr char kRetryInfoType[] = "type.googleapis.com/google.rpc.RetryInfo";

std::string any_of_retry_info(std::chrono::milliseconds delay) {
  std::string any;
  protozero::pbf_writer writer(any);
  writer.add_string(1, kRetryInfoType);
  writer.add_bytes(2, encode_retry_info(delay));
  return any;
}

std::string duration_text(std::chrono::milliseconds delay) {
  const long long ms = delay.count();
  char text[32];
  std::snprintf(text, sizeof text, "%lld.%03llds", ms / 1000, ms % 1000);
  return text;
}

}  // namespace

std::string encode_retry_info(std::chrono::milliseconds delay) {
  std::string duration;
  protozero::pbf_writer duration_writer(duration);
  if (delay.count() >= 1000) duration_writer.add_int64(1, delay.count() / 1000);
  const auto nanos = static_cast<std::int32_t>(delay.count() % 1000 * 1'000'000);
  if (nanos != 0) duration_writer.add_int32(2, nanos);
  std::string info;
  protozero::pbf_writer(info).add_message(1, duration);
  return info;
}

std::string encode_status_protobuf(const RpcStatus& status) {
  std::string bytes;
  protozero::pbf_writer writer(bytes);
  writer.add_int32(1, static_cast<int>(status.code));
  if (!status.message.empty()) writer.add_string(2, status.message);
  if (status.retry_after) writer.add_message(3, any_of_retry_info(*status.retry_after));
  return bytes;
}

std::string encode_status_json(const RpcStatus& status) {
  std::string json = "{\"code\":" + std::to_string(static_cast<int>(status.code)) +
                     ",\"message\":" + quote_json(status.message);
  if (status.retry_after) {
    json += ",\"details\":[{\"@type\":" + quote_json(kRetryInfoType) +
            ",\"retryDelay\":" + quote_json(duration_text(*status.retry_after)) + "}]";
  }
  return json + "}";
}

}  // namespace tracelink
