#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/result.hpp"

namespace tracelink {

// Puts gRPC's prefix (flag 0, four length bytes) before an uncompressed message.
std::string frame_grpc_message(std::string_view message);

// Cuts the single message of a unary call out of its stream; pieces may end anywhere.
//
// The announced length is checked against the limit, and nothing is allocated for it before its
// bytes come.
class GrpcDeframer {
 public:
  explicit GrpcDeframer(std::size_t max_message_bytes) : max_message_bytes_(max_message_bytes) {}

  // Errors: `too_large` for an announced length over the limit; `invalid` for a flag byte other
  // than 0 and 1, or bytes after the message. After an error nothing more may be fed.
  Result<void> feed(std::string_view bytes);

  // Known once the five bytes of the prefix are there.
  std::optional<std::size_t> announced_bytes() const;
  std::size_t received_bytes() const { return message_.size(); }
  bool compressed() const { return prefix_[0] == 1; }
  bool complete() const { return announced_bytes() && message_.size() == length_; }
  std::string take_message() { return std::move(message_); }

 private:
  Result<void> finish_prefix();
  void make_room_for(std::size_t bytes);

  static constexpr std::size_t kPrefixBytes = 5;

  std::size_t max_message_bytes_;
  std::size_t length_ = 0;
  std::size_t prefix_size_ = 0;
  std::array<unsigned char, kPrefixBytes> prefix_{};
  std::string message_;
};

}  // namespace tracelink
