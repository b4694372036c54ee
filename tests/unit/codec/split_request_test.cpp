#include "daemon/codec/split_request.hpp"

#include <gtest/gtest.h>

#include "tests/unit/codec/otlp_messages.hpp"

namespace tracelink {
namespace {

using namespace testing;
using namespace std::string_literals;

const SplitLimits kLimits;
const std::string kBadUtf8 = "\xc3\x28";

SplitRequest split(std::string_view request, const SplitLimits& limits = kLimits) {
  auto result = split_request(request, limits);
  if (!result) {
    ADD_FAILURE() << result.error().message;
    return {};
  }
  return *std::move(result);
}

// Every test of a rejection has a good span beside the bad one.
struct RejectionCase {
  const char* name;
  SpanFields span;
  std::string_view reason;
};

class SplitRequestRejection : public ::testing::TestWithParam<RejectionCase> {};

TEST_P(SplitRequestRejection, CostsOnlyTheBadSpan) {
  const SpanFields good{.id = span_id('g')};
  const auto result = split(request_of({GetParam().span, good}));
  const std::map<std::string, std::uint64_t> expected{{std::string(GetParam().reason), 1}};
  EXPECT_EQ(result.rejected, expected);
  EXPECT_EQ(result.rejected_spans(), 1u);
  EXPECT_EQ(result.first_rejection, "span 1: bad " + std::string(GetParam().reason));
  ASSERT_EQ(result.slices.size(), 1u);
  EXPECT_EQ(result.slices[0].span_count, 1u);
  EXPECT_EQ(result.slices[0].otlp, request_of({good}));
}

SpanFields with(std::string more) { return {.more = std::move(more)}; }
SpanFields with_attribute(const std::string& key, const std::string& value) {
  return with(bytes_field(9, key_value(key, value)));
}

INSTANTIATE_TEST_SUITE_P(
    Ids, SplitRequestRejection,
    ::testing::Values(
        RejectionCase{"trace_id_empty", {.trace = ""}, kRejectTraceId},
        RejectionCase{"trace_id_zero", {.trace = trace_id('\0')}, kRejectTraceId},
        RejectionCase{"trace_id_8_bytes", {.trace = "12345678"}, kRejectTraceId},
        RejectionCase{"trace_id_20_bytes", {.trace = std::string(20, 'x')}, kRejectTraceId},
        RejectionCase{"trace_id_last_is_bad", with(bytes_field(1, "x")), kRejectTraceId},
        RejectionCase{"span_id_empty", {.id = ""}, kRejectSpanId},
        RejectionCase{"span_id_zero", {.id = span_id('\0')}, kRejectSpanId},
        RejectionCase{"span_id_16_bytes", {.id = trace_id('x')}, kRejectSpanId},
        RejectionCase{"parent_id_7_bytes", {.parent = "1234567"}, kRejectParentId},
        RejectionCase{"parent_id_16_bytes", {.parent = trace_id('\0')}, kRejectParentId}),
    [](const auto& tested) { return tested.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Utf8, SplitRequestRejection,
    ::testing::Values(
        RejectionCase{"name", with(bytes_field(5, kBadUtf8)), kRejectUtf8},
        RejectionCase{"surrogate", with(bytes_field(5, "\xed\xa0\x80")), kRejectUtf8},
        RejectionCase{"overlong", with(bytes_field(5, "\xc0\x80")), kRejectUtf8},
        RejectionCase{"trace_state", with(bytes_field(3, kBadUtf8)), kRejectUtf8},
        RejectionCase{"attribute_key", with_attribute(kBadUtf8, ""), kRejectUtf8},
        RejectionCase{"attribute_value", with_attribute("k", bytes_field(1, kBadUtf8)),
                      kRejectUtf8},
        RejectionCase{"in_list",
                      with_attribute("k", bytes_field(5, bytes_field(1, bytes_field(1, kBadUtf8)))),
                      kRejectUtf8},
        RejectionCase{"map_key",
                      with_attribute("k", bytes_field(6, bytes_field(1, key_value(kBadUtf8, "")))),
                      kRejectUtf8},
        RejectionCase{"event_name", with(bytes_field(11, bytes_field(2, kBadUtf8))), kRejectUtf8},
        RejectionCase{"event_attribute",
                      with(bytes_field(11, bytes_field(3, key_value(kBadUtf8, "")))), kRejectUtf8},
        RejectionCase{"link_trace_state", with(bytes_field(13, bytes_field(3, kBadUtf8))),
                      kRejectUtf8},
        RejectionCase{"link_attribute",
                      with(bytes_field(13, bytes_field(4, key_value(kBadUtf8, "")))), kRejectUtf8},
        RejectionCase{"status_message", with(bytes_field(15, bytes_field(2, kBadUtf8))),
                      kRejectUtf8}),
    [](const auto& tested) { return tested.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Depth, SplitRequestRejection,
    ::testing::Values(RejectionCase{"lists", with_attribute("k", nested_list(33)), kRejectDepth},
                      RejectionCase{"maps", with_attribute("k", nested_map(33)), kRejectDepth},
                      RejectionCase{"lists_of_3000", with_attribute("k", nested_list(3000)),
                                    kRejectDepth}),
    [](const auto& tested) { return tested.param.name; });

// Flaws above the spans reject those under them, wherever the flaw stands.
class SplitRequestOuterFlaw : public ::testing::TestWithParam<RejectionCase> {};

TEST_P(SplitRequestOuterFlaw, RejectsTheSpansUnderIt) {
  const std::string good = request_of({{.id = span_id('g')}});
  const auto result = split(GetParam().span.more + good);
  const std::map<std::string, std::uint64_t> expected{{std::string(GetParam().reason), 2}};
  EXPECT_EQ(result.rejected, expected);
  ASSERT_EQ(result.slices.size(), 1u);
  EXPECT_EQ(result.slices[0].otlp, good);
}

const std::string kTwoSpans = span_field() + span_field();

INSTANTIATE_TEST_SUITE_P(
    Table, SplitRequestOuterFlaw,
    ::testing::Values(
        RejectionCase{"resource_schema_url",
                      with(resource_spans(scope_spans(kTwoSpans) + bytes_field(3, kBadUtf8))),
                      kRejectUtf8},
        RejectionCase{"resource_attribute",
                      with(resource_spans(bytes_field(1, bytes_field(1, key_value(kBadUtf8, ""))) +
                                          scope_spans(kTwoSpans))),
                      kRejectUtf8},
        RejectionCase{"resource_entity",
                      with(resource_spans(bytes_field(1, bytes_field(3, bytes_field(2, kBadUtf8))) +
                                          scope_spans(kTwoSpans))),
                      kRejectUtf8},
        RejectionCase{
            "resource_depth",
            with(resource_spans(bytes_field(1, bytes_field(1, key_value("k", nested_map(33)))) +
                                scope_spans(kTwoSpans))),
            kRejectDepth},
        RejectionCase{"scope_schema_url",
                      with(resource_spans(scope_spans(kTwoSpans + bytes_field(3, kBadUtf8)))),
                      kRejectUtf8},
        RejectionCase{
            "scope_name",
            with(resource_spans(scope_spans(bytes_field(1, bytes_field(1, kBadUtf8)) + kTwoSpans))),
            kRejectUtf8},
        RejectionCase{
            "scope_version",
            with(resource_spans(scope_spans(bytes_field(1, bytes_field(2, kBadUtf8)) + kTwoSpans))),
            kRejectUtf8}),
    [](const auto& tested) { return tested.param.name; });

TEST(SplitRequest, LeavesOutAFlawedResourceWithoutSpans) {
  const std::string good = request_of({{}});
  for (const std::string& flawed : {resource_spans(bytes_field(3, kBadUtf8)),
                                    resource_spans(scope_spans(bytes_field(3, kBadUtf8)))}) {
    const auto result = split(flawed + good);
    ASSERT_EQ(result.slices.size(), 1u);
    EXPECT_EQ(result.slices[0].otlp, good);
    EXPECT_TRUE(result.rejected.empty());
  }
}

TEST(SplitRequest, AcceptsTheDeepestValueThatParsersRead) {
  const auto event = bytes_field(11, bytes_field(3, key_value("k", nested_map(32))));
  EXPECT_TRUE(split(request_of({with(event)})).rejected.empty());
}

struct MalformedCase {
  const char* name;
  std::string request;
};

class SplitRequestMalformed : public ::testing::TestWithParam<MalformedCase> {};

TEST_P(SplitRequestMalformed, IsRefusedWhole) {
  const auto result = split_request(request_of({{}}) + GetParam().request, kLimits);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::invalid);
}

const std::string kCut = "\x0a\x05x";
const std::string kGroup = "\x1b\x1c";

INSTANTIATE_TEST_SUITE_P(
    Table, SplitRequestMalformed,
    ::testing::Values(MalformedCase{"request", kCut}, MalformedCase{"request_group", kGroup},
                      MalformedCase{"resource_spans", resource_spans(kCut)},
                      MalformedCase{"resource_spans_group", resource_spans(kGroup)},
                      MalformedCase{"resource", resource_spans(bytes_field(1, kCut))},
                      MalformedCase{"scope_spans", resource_spans(scope_spans(kCut))},
                      MalformedCase{"scope", resource_spans(scope_spans(bytes_field(1, kCut)))},
                      MalformedCase{"span", request_of({with(kCut)})},
                      MalformedCase{"span_group", request_of({with(kGroup)})},
                      MalformedCase{"attribute", request_of({with(bytes_field(9, kCut))})},
                      MalformedCase{"value", request_of({with_attribute("k", kCut)})},
                      MalformedCase{"list",
                                    request_of({with_attribute("k", bytes_field(5, kCut))})},
                      MalformedCase{"event", request_of({with(bytes_field(11, kCut))})},
                      MalformedCase{"link", request_of({with(bytes_field(13, kCut))})},
                      MalformedCase{"status", request_of({with(bytes_field(15, kCut))})}),
    [](const auto& tested) { return tested.param.name; });

TEST(SplitRequest, RefusesMoreSpansThanAllowed) {
  const std::string request = request_of({{}, {}, {.trace = ""}});
  EXPECT_TRUE(split_request(request, {.max_spans = 3}));
  const auto result = split_request(request, {.max_spans = 2});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::too_large);
}

TEST(SplitRequest, RefusesOneSliceOverTheByteLimit) {
  const std::string request = request_of({{}});
  EXPECT_TRUE(split_request(request, {.max_bytes = request.size()}));
  const auto result = split_request(request, {.max_bytes = request.size() - 1});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::too_large);
}

TEST(SplitRequest, CountsARepeatedResourceAgainstTheByteLimit) {
  const std::string resource =
      bytes_field(1, bytes_field(1, key_value(std::string(1000, 'k'), "")));
  const std::string request =
      resource_spans(resource + scope_spans(span_field({.trace = trace_id('a')}) +
                                            span_field({.trace = trace_id('b')})));
  const auto slices = split(request).slices;
  ASSERT_EQ(slices.size(), 2u);
  const std::size_t sum = slices[0].otlp.size() + slices[1].otlp.size();
  EXPECT_GT(sum, request.size() + 1000);
  EXPECT_TRUE(split_request(request, {.max_bytes = sum}));
  const auto result = split_request(request, {.max_bytes = sum - 1});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::too_large);
}

TEST(SplitRequest, IsEmptyWithoutSpans) {
  for (const std::string& request : {""s, resource_spans(""), resource_spans(scope_spans(""))}) {
    const auto result = split(request);
    EXPECT_TRUE(result.slices.empty());
    EXPECT_EQ(result.rejected_spans(), 0u);
  }
}

}  // namespace
}  // namespace tracelink
