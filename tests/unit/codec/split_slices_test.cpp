#include <algorithm>
#include <random>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>
#include <protozero/pbf_reader.hpp>

#include "daemon/codec/split_request.hpp"
#include "daemon/text/hex.hpp"
#include "tests/unit/codec/golden_request.hpp"
#include "tests/unit/codec/otlp_messages.hpp"

namespace tracelink {
namespace {

using namespace testing;

SplitRequest split(std::string_view request) {
  auto result = split_request(request, {});
  if (!result) {
    ADD_FAILURE() << result.error().message;
    return {};
  }
  return *std::move(result);
}

// A message without the fields of one number, and those fields.
std::pair<std::string, std::vector<std::string>> take_out(const std::string& message,
                                                          std::uint32_t number) {
  std::string rest;
  std::vector<std::string> taken;
  protozero::pbf_reader reader(message);
  while (true) {
    const char* const start = reader.data().data();
    if (!reader.next()) break;
    if (reader.tag() == number &&
        reader.wire_type() == protozero::pbf_wire_type::length_delimited) {
      taken.push_back(reader.get_string());
    } else {
      reader.skip();
      rest.append(start, reader.data().data());
    }
  }
  return {rest, taken};
}

// Resource, scope and span: all that a reader of a request learns, one entry a span.
using Flat = std::tuple<std::string, std::string, std::string>;

std::vector<Flat> flatten(const std::string& request) {
  std::vector<Flat> flat;
  for (const auto& outer : take_out(request, 1).second) {
    const auto [resource, scopes] = take_out(outer, 2);
    for (const auto& inner : scopes) {
      const auto [scope, spans] = take_out(inner, 2);
      for (const auto& span : spans) flat.emplace_back(resource, scope, span);
    }
  }
  return flat;
}

std::string trace_of(const Flat& entry) { return take_out(std::get<2>(entry), 1).second.back(); }

// The reference: what each slice has to hold, by the slow and simple way.
void expect_right_slices(const std::string& request) {
  const auto all = flatten(request);
  std::size_t spans = 0;
  for (const TraceSlice& slice : split(request).slices) {
    std::vector<Flat> wanted;
    std::ranges::copy_if(all, std::back_inserter(wanted), [&](const Flat& entry) {
      return trace_of(entry) == slice.trace_id.view();
    });
    EXPECT_EQ(flatten(slice.otlp), wanted);
    EXPECT_EQ(slice.span_count, wanted.size());
    spans += slice.span_count;
  }
  EXPECT_EQ(spans, all.size());
}

std::string random_headers(std::mt19937_64& random) {
  std::string out;
  if (random() % 2 == 0) out += bytes_field(1, "");
  if (random() % 2 == 0) out += bytes_field(3, std::string(random() % 200, 'u'));
  if (random() % 4 == 0) out += varint_field(77, random());
  return out;
}

std::string random_scope(std::mt19937_64& random) {
  std::string out = random_headers(random);
  for (std::size_t n = random() % 5; n > 0; --n) {
    out += span_field({.trace = trace_id(static_cast<char>('a' + random() % 3)),
                       .more = bytes_field(5, std::string(random() % 300, 'n'))});
  }
  return out + random_headers(random);
}

std::string random_request(std::mt19937_64& random) {
  std::string out;
  for (std::size_t n = random() % 4; n > 0; --n) {
    std::string fields = random_headers(random);
    for (std::size_t m = random() % 4; m > 0; --m) {
      fields += scope_spans(random_scope(random)) + random_headers(random);
    }
    out += resource_spans(fields);
  }
  return out;
}

TEST(SplitSlices, HoldEverySpanOnceWithItsResourceAndScope) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 2000 && !HasFailure(); ++i) expect_right_slices(random_request(random));
}

TEST(SplitSlices, OfTheGoldenRequestHoldEverySpan) {
  const std::string request = *parse_hex(kGoldenProtobufHex);
  const auto result = split(request);
  ASSERT_EQ(result.slices.size(), 2u);
  EXPECT_EQ(result.slices[0].trace_id.hex(), "000102030405060708090a0b0c0d0e0f");
  EXPECT_EQ(result.slices[1].trace_id.hex(), "101112131415161718191a1b1c1d1e1f");
  EXPECT_TRUE(result.slices[0].root_seen);
  EXPECT_TRUE(result.rejected.empty());
  expect_right_slices(request);
}

TEST(SplitSlices, AreTheInputBytesForOneTrace) {
  const std::string request = resource_spans(scope_spans(span_field()) + bytes_field(3, "url") +
                                             scope_spans(span_field())) +
                              resource_spans(varint_field(99, 1) + scope_spans(span_field()));
  const auto slices = split(request).slices;
  ASSERT_EQ(slices.size(), 1u);
  EXPECT_EQ(slices[0].otlp, request);
  EXPECT_EQ(slices[0].span_count, 3u);
}

TEST(SplitSlices, ComeInTheOrderOfFirstAppearance) {
  const auto slices =
      split(request_of(
                {{.trace = trace_id('z')}, {.trace = trace_id('a')}, {.trace = trace_id('z')}}))
          .slices;
  ASSERT_EQ(slices.size(), 2u);
  EXPECT_EQ(slices[0].trace_id.view(), trace_id('z'));
  EXPECT_EQ(slices[0].span_count, 2u);
  EXPECT_EQ(slices[1].trace_id.view(), trace_id('a'));
}

TEST(SplitSlices, LeaveOutFieldsOfTheRequestItself) {
  const auto slices = split(varint_field(9, 1) + request_of({{}})).slices;
  ASSERT_EQ(slices.size(), 1u);
  EXPECT_EQ(slices[0].otlp, request_of({{}}));
}

TEST(SplitSlices, KeepAFieldOfAnotherWireTypeAsUnknown) {
  const std::string request = request_of({{.more = varint_field(1, 5) + varint_field(5, 5)}});
  const auto slices = split(request).slices;
  ASSERT_EQ(slices.size(), 1u);
  EXPECT_EQ(slices[0].otlp, request);
}

TEST(SplitSlices, GoByTheLastOfRepeatedIds) {
  const auto slices =
      split(request_of({{.trace = "bad", .more = bytes_field(1, trace_id('x'))}})).slices;
  ASSERT_EQ(slices.size(), 1u);
  EXPECT_EQ(slices[0].trace_id.view(), trace_id('x'));
}

struct RootCase {
  const char* name;
  SpanFields span;
  bool is_root;
  SpanFields kept;
};

class SplitSlicesRoot : public ::testing::TestWithParam<RootCase> {};

TEST_P(SplitSlicesRoot, IsASpanWithoutParent) {
  const auto slices = split(request_of({GetParam().span})).slices;
  ASSERT_EQ(slices.size(), 1u);
  EXPECT_EQ(slices[0].root_seen, GetParam().is_root);
  EXPECT_EQ(slices[0].otlp, request_of({GetParam().kept}));
}

INSTANTIATE_TEST_SUITE_P(
    Table, SplitSlicesRoot,
    ::testing::Values(RootCase{"absent", {}, true, {}},
                      RootCase{"empty", {.parent = ""}, true, {.parent = ""}},
                      RootCase{"zero_is_dropped", {.parent = span_id('\0')}, true, {}},
                      RootCase{"child", {.parent = span_id('p')}, false, {.parent = span_id('p')}},
                      RootCase{"last_is_zero",
                               {.parent = span_id('p'), .more = bytes_field(4, span_id('\0'))},
                               true,
                               {}}),
    [](const auto& tested) { return tested.param.name; });

struct EndCase {
  const char* name;
  SpanFields span;
  std::uint64_t repaired;
  SpanFields kept;
};

class SplitSlicesEnd : public ::testing::TestWithParam<EndCase> {};

TEST_P(SplitSlicesEnd, IsNeverBeforeTheStart) {
  const auto result = split(request_of({GetParam().span}));
  ASSERT_EQ(result.slices.size(), 1u);
  EXPECT_EQ(result.repaired_ends, GetParam().repaired);
  EXPECT_EQ(result.slices[0].otlp, request_of({GetParam().kept}));
}

INSTANTIATE_TEST_SUITE_P(
    Table, SplitSlicesEnd,
    ::testing::Values(
        EndCase{"later", {.start = 5, .end = 6}, 0, {.start = 5, .end = 6}},
        EndCase{"equal", {.start = 5, .end = 5}, 0, {.start = 5, .end = 5}},
        EndCase{"before", {.start = 5, .end = 4}, 1, {.start = 5, .end = 5}},
        EndCase{"zero", {.start = 5, .end = 0}, 1, {.start = 5, .end = 5}},
        EndCase{"absent", {.start = 5, .end = {}}, 1, {.start = 5, .end = 5}},
        EndCase{"both_absent", {.start = {}, .end = {}}, 0, {.start = {}, .end = {}}},
        EndCase{"beyond_int64", {.start = ~0ull, .end = 1}, 1, {.start = ~0ull, .end = ~0ull}},
        EndCase{"of_a_root_with_zero_parent",
                {.parent = span_id('\0'), .start = 5, .end = 4},
                1,
                {.start = 5, .end = 5}}),
    [](const auto& tested) { return tested.param.name; });

TEST(SplitSlices, RepairedSpanOfAnotherLengthKeepsItsNeighbours) {
  const SpanFields neighbour{.id = span_id('n'), .more = bytes_field(5, std::string(500, 'n'))};
  const auto result = split(request_of({neighbour, {.end = {}}, neighbour}));
  ASSERT_EQ(result.slices.size(), 1u);
  EXPECT_EQ(result.slices[0].otlp, request_of({neighbour, {.end = 100}, neighbour}));
}

}  // namespace
}  // namespace tracelink
