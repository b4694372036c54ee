#include "ipc/server/frame_allowance.hpp"

#include <string>

#include <gtest/gtest.h>

#include "tests/support/fake_clock.hpp"

namespace tracelink {
namespace {

constexpr char kPreface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr char kData = 0, kPing = 6, kUnknown = 77;

std::string frame(char type, const std::string& payload = "") {
  const auto byte = [&](int shift) { return static_cast<char>(payload.size() >> shift & 0xff); };
  return std::string{byte(16), byte(8), byte(0), type, 0, 0, 0, 0, 1} + payload;
}

struct FrameAllowanceTest : testing::Test {
  FakeClock clock;
  FrameAllowance frames{clock.steady()};

  FrameAllowanceTest() { EXPECT_TRUE(take(kPreface)); }
  bool take(const std::string& bytes) { return frames.take(bytes, clock.steady()); }
  // How many more of these it takes.
  std::int64_t takes(const std::string& one, std::int64_t at_most = 20'000) {
    std::int64_t taken = 0;
    while (taken < at_most && take(one)) ++taken;
    return taken;
  }
};

TEST_F(FrameAllowanceTest, AConnectionMaySendManyFramesThatBringNothing) {
  EXPECT_EQ(takes(frame(kPing, std::string(8, 'p'))), FrameAllowance::kMostFrames);
}

TEST_F(FrameAllowanceTest, EmptyDataAndUnknownFramesBringNothing) {
  EXPECT_EQ(takes(frame(kData) + frame(kUnknown, std::string(5'000, 'u'))),
            FrameAllowance::kMostFrames / 2);
}

TEST_F(FrameAllowanceTest, FramesMayComeByteByByte) {
  const std::string ping = frame(kPing, std::string(8, 'p'));
  std::size_t sent = 0;
  while (take(ping.substr(sent % ping.size(), 1))) ++sent;
  EXPECT_EQ(sent / ping.size(), static_cast<std::size_t>(FrameAllowance::kMostFrames));
}

TEST_F(FrameAllowanceTest, TimeCallsAndPayloadPayForFrames) {
  EXPECT_EQ(takes(frame(kPing)), FrameAllowance::kMostFrames);
  clock.advance(std::chrono::seconds(1));
  EXPECT_EQ(takes(frame(kPing)) + 1, FrameAllowance::kFramesPerSecond) << "one was too many before";
  frames.add_call();
  EXPECT_EQ(takes(frame(kPing)) + 1, FrameAllowance::kFramesOfACall);
  constexpr std::size_t kFrames = 5;
  EXPECT_TRUE(take(frame(kData, std::string(kFrames * FrameAllowance::kPayloadOfAFrame, 'd'))));
  EXPECT_EQ(takes(frame(kPing)) + 2, static_cast<std::int64_t>(kFrames));
}

TEST_F(FrameAllowanceTest, LittleIsEarnedInAdvance) {
  clock.advance(std::chrono::hours(24));
  for (int call = 0; call < 1'000; ++call) frames.add_call();
  EXPECT_EQ(takes(frame(kPing)), FrameAllowance::kMostFrames);
}

TEST_F(FrameAllowanceTest, AnHonestClientIsNeverTooMuch) {
  for (int call = 0; call < 100'000; ++call) {
    frames.add_call();
    const std::string headers = frame(1, std::string(80, 'h'));
    ASSERT_TRUE(take(headers + frame(kData, std::string(700, 'd')) + frame(8, "0001") +
                     frame(kPing, std::string(8, 'p'))));
  }
}

}  // namespace
}  // namespace tracelink
