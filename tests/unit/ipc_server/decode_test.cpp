#include "ipc/server/decode.hpp"

#include <string>

#include <gtest/gtest.h>

#include "tests/support/allocated_bytes.hpp"
#include "tests/support/otlp_builder.hpp"
#include "tests/support/trace_record.hpp"

namespace tracelink {
namespace {

constexpr std::size_t kMaxBytes = 64u << 20;
constexpr std::size_t kMiB = 1u << 20;

DecodedRequest decoded(const std::string& body, const DecodeOptions& options) {
  auto request = decode_body({.bytes = body}, options);
  EXPECT_TRUE(request);
  return *std::move(request);
}

std::size_t allocated_to_decode(const std::string& body, const DecodeOptions& options) {
  const std::size_t before = allocated_bytes();
  (void)decoded(body, options);
  return allocated_bytes() - before;
}

TEST(DecodeBody, ARunCostsATraceItsBytesOnceWhateverResourcesItHas) {
  std::string body;
  for (int n = 0; n < 10'000; ++n) body += one_span(1);
  const DecodeOptions without{.max_bytes = kMaxBytes};
  const DecodeOptions with{.max_bytes = kMaxBytes, .run = std::string(100, 'r')};
  EXPECT_NE(decoded(body, with).split.slices.at(0).otlp.find(with.run), std::string::npos);
  EXPECT_LE(decoded(body, with).bytes(), decoded(body, without).bytes() + kSliceCost);
  EXPECT_LE(allocated_to_decode(body, with),
            allocated_to_decode(body, without) + body.size() + 2 * kSliceCost);
}

TEST(DecodeBody, TellsTheServicesOfSlicesThatFollowEachOther) {
  const auto of = [](std::uint64_t trace, const std::string& service) {
    return encode_spans(trace_id(trace), {{}, {.id = 2, .parent = 1}}, {{"service.name", service}});
  };
  const auto request = decoded(of(1, "shop") + of(2, "shop") + of(3, "billing") + one_span(4),
                               {.max_bytes = kMaxBytes});
  ASSERT_EQ(request.services.size(), 3u);
  EXPECT_EQ(request.services[0].service, "shop");
  EXPECT_EQ(request.services[0].slices, 2u);
  EXPECT_EQ(request.services[0].spans, 4u);
  EXPECT_EQ(request.services[1].service, "billing");
  EXPECT_EQ(request.services[2].service, "");
  EXPECT_EQ(request.services[2].slices, 1u);
  EXPECT_TRUE(request.to_hold.empty()) << "nobody asks for it";
}

TEST(DecodeBody, OnlyWhatCanBeHeldIsCopiedAndThatIsCounted) {
  const DecodeOptions without{.max_bytes = kMaxBytes};
  const DecodeOptions holds{.max_bytes = kMaxBytes, .holds_stored = true};
  const std::string large = one_span(1, 3 * kMiB);
  EXPECT_LT(allocated_to_decode(large, holds), allocated_to_decode(large, without) + kMiB);
  const auto kept = decoded(large + one_span(2, kMiB), holds).to_hold;
  ASSERT_EQ(kept.size(), 2u);
  EXPECT_FALSE(kept[0].is_whole);
  EXPECT_EQ(kept[0].slice.span_count, 1u);
  EXPECT_TRUE(kept[1].is_whole);

  std::string many;
  for (char trace = 1; trace <= 20; ++trace) many += one_span(trace, kMiB);
  EXPECT_LT(allocated_to_decode(many, holds),
            allocated_to_decode(many, without) + StoredTraces::kMaxBytes + kMiB);
  EXPECT_GT(decoded(many, holds).bytes(), decoded(many, without).bytes() + 15 * kMiB);
}

}  // namespace
}  // namespace tracelink
