#include "ipc/wire/grpc_framing.hpp"

#include <algorithm>
#include <cstdint>

namespace tracelink {

std::string frame_grpc_message(std::string_view message) {
  const auto length = static_cast<std::uint32_t>(message.size());
  std::string framed;
  framed.reserve(message.size() + 5);
  framed.push_back('\0');
  for (int shift = 24; shift >= 0; shift -= 8) framed.push_back(static_cast<char>(length >> shift));
  framed += message;
  return framed;
}

Result<void> GrpcDeframer::feed(std::string_view bytes) {
  while (prefix_size_ < kPrefixBytes && !bytes.empty()) {
    prefix_[prefix_size_++] = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    if (prefix_size_ == kPrefixBytes) {
      if (auto ok = finish_prefix(); !ok) return ok;
    }
  }
  if (bytes.empty()) return {};
  if (bytes.size() > length_ - message_.size()) {
    return Error{ErrorCode::invalid, "bytes after the one message of a unary call"};
  }
  make_room_for(bytes.size());
  message_ += bytes;
  return {};
}

// Memory follows what has come, not what was announced.
void GrpcDeframer::make_room_for(std::size_t bytes) {
  constexpr std::size_t kGrowth = 4;
  const std::size_t needed = message_.size() + bytes;
  if (needed > message_.capacity()) message_.reserve(std::min(length_, kGrowth * needed));
}

Result<void> GrpcDeframer::finish_prefix() {
  if (prefix_[0] > 1) return Error{ErrorCode::invalid, "unknown gRPC message flag"};
  for (std::size_t i = 1; i < kPrefixBytes; ++i) length_ = length_ << 8 | prefix_[i];
  if (length_ > max_message_bytes_) {
    return Error{ErrorCode::too_large, "message of " + std::to_string(length_) +
                                           " bytes; at most " + std::to_string(max_message_bytes_) +
                                           " are accepted"};
  }
  return {};
}

std::optional<std::size_t> GrpcDeframer::announced_bytes() const {
  if (prefix_size_ < kPrefixBytes) return std::nullopt;
  return length_;
}

}  // namespace tracelink
