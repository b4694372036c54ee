#include "ipc/wire/grpc_framing.hpp"

#include <gtest/gtest.h>

#include "ipc/wire/grpc_text.hpp"

namespace tracelink {
namespace {

using namespace std::chrono_literals;

TEST(FrameGrpcMessage, PutsFlagAndBigEndianLengthInFront) {
  EXPECT_EQ(frame_grpc_message(""), std::string("\0\0\0\0\0", 5));
  EXPECT_EQ(frame_grpc_message("abc"), std::string("\0\0\0\0\3abc", 8));
  EXPECT_EQ(frame_grpc_message(std::string(0x10203, 'x')).substr(0, 5),
            std::string("\0\0\1\2\3", 5));
}

TEST(GrpcDeframer, FindsTheMessageWhereverThePiecesEnd) {
  const std::string framed = frame_grpc_message("hello");
  for (std::size_t cut = 0; cut <= framed.size(); ++cut) {
    GrpcDeframer deframer(100);
    ASSERT_TRUE(deframer.feed(std::string_view(framed).substr(0, cut)));
    EXPECT_EQ(deframer.complete(), cut == framed.size());
    EXPECT_EQ(deframer.announced_bytes().has_value(), cut >= 5);
    ASSERT_TRUE(deframer.feed(std::string_view(framed).substr(cut)));
    ASSERT_TRUE(deframer.complete());
    EXPECT_FALSE(deframer.compressed());
    EXPECT_EQ(deframer.take_message(), "hello");
  }
}

TEST(GrpcDeframer, TakesAnEmptyMessage) {
  GrpcDeframer deframer(0);
  ASSERT_TRUE(deframer.feed(frame_grpc_message("")));
  EXPECT_TRUE(deframer.complete());
}

TEST(GrpcDeframer, RefusesAnAnnouncedLengthOverTheLimitBeforeTheBody) {
  GrpcDeframer at_limit(3);
  EXPECT_TRUE(at_limit.feed(frame_grpc_message("abc")));
  GrpcDeframer over(3);
  const auto result = over.feed(std::string_view("\0\xff\xff\xff\xff", 5));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::too_large);
}

TEST(GrpcDeframer, RefusesASecondMessageAndUnknownFlags) {
  GrpcDeframer two(10);
  const auto second = two.feed(frame_grpc_message("a") + frame_grpc_message("b"));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::invalid);

  GrpcDeframer flag(10);
  const auto unknown = flag.feed(std::string_view("\2\0\0\0\0", 5));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::invalid);
}

TEST(GrpcDeframer, ReadsTheCompressedFlag) {
  GrpcDeframer deframer(10);
  ASSERT_TRUE(deframer.feed(std::string_view("\1\0\0\0\1x", 6)));
  EXPECT_TRUE(deframer.compressed());
}

TEST(ParseGrpcTimeout, KnowsEveryUnitAndRefusesTheRest) {
  EXPECT_EQ(parse_grpc_timeout("10S"), 10s);
  EXPECT_EQ(parse_grpc_timeout("9986m"), 9986ms);
  EXPECT_EQ(parse_grpc_timeout("9872190u"), 9872190us);
  EXPECT_EQ(parse_grpc_timeout("5n"), 5ns);
  EXPECT_EQ(parse_grpc_timeout("2M"), 2min);
  EXPECT_EQ(parse_grpc_timeout("1H"), 1h);
  EXPECT_EQ(parse_grpc_timeout("0S"), 0s);
  EXPECT_EQ(parse_grpc_timeout("99999999H"), 24h * 365);  // clamped, not overflown
  for (const char* bad : {"", "S", "10", "10s", "-1S", "1.5S", "123456789S", " 1S", "1 S"}) {
    EXPECT_EQ(parse_grpc_timeout(bad), std::nullopt) << bad;
  }
}

TEST(PercentEncode, EscapesAllButPrintableAsciiAndPercent) {
  EXPECT_EQ(encode_grpc_message("plain text: ~!"), "plain text: ~!");
  EXPECT_EQ(encode_grpc_message("100%\n\xc3\xa9"), "100%25%0A%C3%A9");
}

}  // namespace
}  // namespace tracelink
