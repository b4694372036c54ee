#include "daemon/codec/split_request.hpp"

#include <algorithm>
#include <utility>

#include <gtest/gtest.h>

#include "daemon/codec/otlp_check.hpp"
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

using Utf8Case = std::pair<const char*, std::string (*)(std::string)>;

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

// A text that is no UTF-8 costs nothing but its ill-formed part.
class SplitRequestUtf8 : public ::testing::TestWithParam<Utf8Case> {};

TEST_P(SplitRequestUtf8, IsReplacedAndTheSpansAreKept) {
  const auto& request = GetParam().second;
  const auto result = split(request(kBadUtf8));
  EXPECT_TRUE(result.rejected.empty());
  EXPECT_EQ(result.replaced_utf8, 1u);
  ASSERT_EQ(result.slices.size(), 1u);
  EXPECT_EQ(result.slices[0].otlp, request("\xef\xbf\xbd("));
}

std::string in_span(const std::string& more) { return request_of({with(more)}); }
std::string in_resource(const std::string& more) {
  return resource_spans(bytes_field(1, more) + scope_spans(span_field()));
}

INSTANTIATE_TEST_SUITE_P(
    Table, SplitRequestUtf8,
    ::testing::Values(
        Utf8Case{"name", [](std::string text) { return in_span(bytes_field(5, text)); }},
        Utf8Case{"trace_state", [](std::string text) { return in_span(bytes_field(3, text)); }},
        Utf8Case{"attribute_key",
                 [](std::string text) { return in_span(bytes_field(9, key_value(text, ""))); }},
        Utf8Case{"attribute_value",
                 [](std::string text) {
                   return in_span(bytes_field(9, key_value("k", bytes_field(1, text))));
                 }},
        Utf8Case{"in_list",
                 [](std::string text) {
                   const auto list = bytes_field(5, bytes_field(1, bytes_field(1, text)));
                   return in_span(bytes_field(9, key_value("k", list)));
                 }},
        Utf8Case{"map_key",
                 [](std::string text) {
                   const auto map = bytes_field(6, bytes_field(1, key_value(text, "")));
                   return in_span(bytes_field(9, key_value("k", map)));
                 }},
        Utf8Case{"event_name",
                 [](std::string text) { return in_span(bytes_field(11, bytes_field(2, text))); }},
        Utf8Case{"link_attribute",
                 [](std::string text) {
                   return in_span(bytes_field(13, bytes_field(4, key_value(text, ""))));
                 }},
        Utf8Case{"status_message",
                 [](std::string text) { return in_span(bytes_field(15, bytes_field(2, text))); }},
        Utf8Case{"resource_attribute",
                 [](std::string text) { return in_resource(bytes_field(1, key_value(text, ""))); }},
        Utf8Case{
            "resource_entity",
            [](std::string text) { return in_resource(bytes_field(3, bytes_field(2, text))); }},
        Utf8Case{"resource_schema_url",
                 [](std::string text) {
                   return resource_spans(bytes_field(3, text) + scope_spans(span_field()));
                 }},
        Utf8Case{"scope_name",
                 [](std::string text) {
                   return resource_spans(
                       scope_spans(bytes_field(1, bytes_field(1, text)) + span_field()));
                 }},
        Utf8Case{"scope_schema_url",
                 [](std::string text) {
                   return resource_spans(scope_spans(bytes_field(3, text) + span_field()));
                 }}),
    [](const auto& tested) { return tested.param.first; });

TEST(SplitRequest, ARepairedSpanMayStillBeRejected) {
  const auto result = split(request_of({{.trace = "", .more = bytes_field(5, kBadUtf8)}}));
  const std::map<std::string, std::uint64_t> expected{{std::string(kRejectTraceId), 1}};
  EXPECT_EQ(result.rejected, expected);
  EXPECT_EQ(result.replaced_utf8, 0u);
}

TEST(SplitRequest, BoundsWhatRepairedTextsGrowTo) {
  const std::string request = request_of({with(bytes_field(5, std::string(1000, '\xff')))});
  EXPECT_TRUE(split_request(request, {.max_bytes = 3500}));
  const auto result = split_request(request, {.max_bytes = 2500});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::too_large);
}

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
        RejectionCase{
            "resource_depth",
            with(resource_spans(bytes_field(1, bytes_field(1, key_value("k", nested_map(33)))) +
                                scope_spans(kTwoSpans))),
            kRejectDepth},
        RejectionCase{
            "scope_depth",
            with(resource_spans(scope_spans(
                bytes_field(1, bytes_field(3, key_value("k", nested_map(33)))) + kTwoSpans))),
            kRejectDepth}),
    [](const auto& tested) { return tested.param.name; });

TEST(SplitRequest, LeavesOutResourcesAndScopesWithoutSpans) {
  const std::string good = request_of({{}});
  for (const std::string& empty :
       {resource_spans(""), resource_spans(bytes_field(3, kBadUtf8)),
        resource_spans(scope_spans("")), resource_spans(scope_spans(bytes_field(3, "url"))),
        resource_spans(scope_spans("") + scope_spans(""))}) {
    const auto result = split(empty + good + empty);
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

TEST(SplitRequest, RefusesMoreResourcesScopesAndSpansThanAllowed) {
  for (const std::string& request :
       {request_of({{}, {}, {.trace = ""}}), resource_spans("") + request_of({{}, {}}),
        resource_spans(scope_spans("") + scope_spans("") + scope_spans("") + scope_spans(""))}) {
    EXPECT_TRUE(split_request(request, {.max_items = 5}));
    const auto result = split_request(request, {.max_items = 4});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::too_large);
  }
}

TEST(SplitRequest, CountsWhatEachTraceCostsBesideItsBytes) {
  const std::string two = request_of({{}, {.trace = trace_id('b')}});
  const auto slices = split(two).slices;
  const std::size_t bytes = slices[0].otlp.size() + slices[1].otlp.size();
  EXPECT_TRUE(split_request(two, {.max_bytes = bytes + kSliceCost}));
  const auto result = split_request(two, {.max_bytes = bytes + kSliceCost - 1});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::too_large);
}

TEST(SplitRequest, CountsWhatEachMessageInsideASpanCostsAtLeast) {
  std::string many, attributes;
  for (int i = 0; i < 100; ++i) {
    many += bytes_field(9, "") + bytes_field(11, bytes_field(3, ""));
    attributes += bytes_field(1, "");
  }
  const std::string in_span = request_of({{.more = many}});  // 300 messages
  const std::string in_resource =
      resource_spans(bytes_field(1, attributes) + scope_spans(span_field()));
  const std::string in_list = request_of(
      {{.more = bytes_field(
            9, key_value("k", bytes_field(5, join({bytes_field(1, ""), bytes_field(1, "")}))))}});
  for (const auto& [request, messages] : {std::pair(in_span, 300u), std::pair(in_list, 5u)}) {
    EXPECT_EQ(otlp::count_messages(request, otlp::MessageType::traces_data), messages + 3);
    const std::size_t enough = std::max(messages * kMessageCost, request.size());
    EXPECT_TRUE(split_request(request, {.max_bytes = enough}));
  }
  const auto result = split_request(in_span, {.max_bytes = 300 * kMessageCost - 1});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::too_large);
  EXPECT_EQ(result.error().message, "more than 299 attributes, values, events and links");
  EXPECT_TRUE(split_request(in_resource, {.max_bytes = 101 * kMessageCost}));
  EXPECT_FALSE(split_request(in_resource, {.max_bytes = 101 * kMessageCost - 1}));
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
  const std::size_t sum = slices[0].otlp.size() + slices[1].otlp.size() + kSliceCost;
  EXPECT_GT(sum, request.size() + 1000 + kSliceCost);
  EXPECT_TRUE(split_request(request, {.max_bytes = sum}));
  const auto result = split_request(request, {.max_bytes = sum - 1});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::too_large);
}

TEST(SplitRequest, IsEmptyWithoutSpans) {
  for (const std::string& request : {""s, resource_spans(""), resource_spans(scope_spans(""))}) {
    const auto result = split(request);
    EXPECT_TRUE(result.slices.empty());
    EXPECT_TRUE(result.rejected.empty());
  }
}

}  // namespace
}  // namespace tracelink
