#include "ipc/server/frame_allowance.hpp"

#include <algorithm>
#include <chrono>

namespace tracelink {
namespace {

constexpr unsigned char kData = 0;  // RFC 9113, section 6.1

}  // namespace

void FrameAllowance::earn(std::int64_t frames) { left_ = std::min(left_ + frames, kMostFrames); }

void FrameAllowance::earn_by_time(SteadyTime now) {
  constexpr auto kOfAFrame = std::chrono::nanoseconds(std::chrono::seconds(1)) / kFramesPerSecond;
  const auto frames = (now - earned_until_) / kOfAFrame;
  earned_until_ += frames * kOfAFrame;
  earn(frames);
}

bool FrameAllowance::take(std::string_view bytes, SteadyTime now) {
  earn_by_time(now);
  while (!bytes.empty()) {
    const std::size_t skipped = std::min(skip_, bytes.size());
    skip_ -= skipped;
    bytes.remove_prefix(skipped);
    has_preface_ |= skip_ == 0;
    if (bytes.empty()) break;
    header_[header_bytes_++] = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    if (header_bytes_ == header_.size()) begin_frame();
  }
  return left_ >= 0;
}

// The header: three bytes of length, type, flags, stream (RFC 9113, section 4.1).
void FrameAllowance::begin_frame() {
  header_bytes_ = 0;
  skip_ = std::size_t{header_[0]} << 16 | std::size_t{header_[1]} << 8 | header_[2];
  --left_;
  if (header_[3] == kData) earn(static_cast<std::int64_t>(skip_ / kPayloadOfAFrame));
}

}  // namespace tracelink
