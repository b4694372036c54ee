#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "daemon/base/clock.hpp"

namespace tracelink {

// How many frames an HTTP/2 client may send that bring nothing. Each frame costs work, and many
// kinds cost the client nothing: WINDOW_UPDATE, PRIORITY, SETTINGS, PING, RST_STREAM, DATA without
// a payload, frames of unknown types and of streams that are closed. So frames are paid for by
// calls, by payload and by time.
class FrameAllowance {
 public:
  static constexpr std::int64_t kMostFrames = 10'000;
  static constexpr std::int64_t kFramesPerSecond = 100;
  static constexpr std::int64_t kFramesOfACall = 100;
  static constexpr std::size_t kPayloadOfAFrame = 256;  // bytes of DATA

  explicit FrameAllowance(SteadyTime now) : earned_until_(now) {}

  // All bytes of the connection in their order, from its preface on. False: it has sent more frames
  // than it may.
  bool take(std::string_view bytes, SteadyTime now);
  void add_call() { earn(kFramesOfACall); }
  bool has_preface() const { return has_preface_; }  // the whole of it was taken

 private:
  static constexpr std::size_t kPrefaceBytes = 24;
  static constexpr std::size_t kHeaderBytes = 9;

  void earn(std::int64_t frames);
  void earn_by_time(SteadyTime now);
  void begin_frame();

  std::int64_t left_ = kMostFrames;
  SteadyTime earned_until_;
  std::size_t skip_ = kPrefaceBytes;  // bytes before the next frame's header
  bool has_preface_ = false;
  std::array<unsigned char, kHeaderBytes> header_{};
  std::size_t header_bytes_ = 0;
};

}  // namespace tracelink
