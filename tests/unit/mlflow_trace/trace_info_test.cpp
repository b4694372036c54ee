#include "daemon/mlflow/trace/trace_info.hpp"

#include <gtest/gtest.h>

#include "daemon/codec/run_attribute.hpp"
#include "tests/unit/mlflow_trace/span_builder.hpp"

namespace tracelink {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

PreparedTrace prepared(std::initializer_list<SpanBuilder> spans) {
  const auto trace = prepare_trace(TraceId{}, {traces_data(spans)});
  EXPECT_TRUE(trace);
  return trace ? *trace : PreparedTrace{};
}

TraceInfo info_of(std::initializer_list<SpanBuilder> spans) { return prepared(spans).info; }

SpanBuilder root() { return SpanBuilder('r').name("root").times(100, 200); }
SpanBuilder child() { return SpanBuilder('c').parent('r').name("child").times(50, 300); }

TEST(TraceInfo, TimesNameAndStateAreTheRoots) {
  const TraceInfo info = info_of({child().status(2), root()});
  EXPECT_TRUE(info.has_root);
  EXPECT_EQ(info.start_ns, 100u);
  EXPECT_EQ(info.end_ns, 200u);
  EXPECT_EQ(info.name, "root");
  EXPECT_EQ(info.state, TraceState::ok);
  EXPECT_EQ(info.tags.at("mlflow.traceName"), "root");
}

TEST(TraceInfo, StateIsErrorOnlyIfTheRootSaysSo) {
  EXPECT_EQ(info_of({root()}).state, TraceState::ok);
  EXPECT_EQ(info_of({root().status(1)}).state, TraceState::ok);
  EXPECT_EQ(info_of({root().status(2)}).state, TraceState::error);
}

TEST(TraceInfo, WithoutRootItIsInProgressFromEarliestToLatest) {
  const TraceInfo info =
      info_of({child(), SpanBuilder('d').parent('r').times(40, 60), SpanBuilder('e').parent('c')});
  EXPECT_FALSE(info.has_root);
  EXPECT_EQ(info.state, TraceState::in_progress);
  EXPECT_EQ(info.start_ns, 0u);  // e has no times
  EXPECT_EQ(info.end_ns, 300u);
  EXPECT_EQ(info.name, "");
  EXPECT_TRUE(info.tags.empty());
  EXPECT_FALSE(info.metadata.contains("mlflow.traceInputs"));
  EXPECT_FALSE(info.metadata.contains("mlflow.trace.sizeStats"));
}

TEST(TraceInfo, OfSeveralRootsTheEarliestCounts) {
  EXPECT_EQ(info_of({SpanBuilder('z').name("late").times(101, 102), root()}).name, "root");
}

TEST(TraceInfo, AParentOfZerosIsNone) {
  EXPECT_TRUE(info_of({SpanBuilder('a').parent_bytes(std::string(8, '\0'))}).has_root);
}

TEST(TraceInfo, SizesAreLeftOutWhileAParentIsMissing) {
  EXPECT_TRUE(info_of({root(), child()}).metadata.contains("mlflow.trace.sizeBytes"));
  const TraceInfo partial = info_of({root(), SpanBuilder('d').parent('x')});
  EXPECT_FALSE(partial.metadata.contains("mlflow.trace.sizeStats"));
  EXPECT_FALSE(partial.metadata.contains("mlflow.trace.sizeBytes"));
}

TEST(TraceInfo, SizesOfSpansAreWithoutTheTagsThatOtlpCarriesOnTheRoot) {
  const auto largest = [](SpanBuilder span) {
    const std::string stats = info_of({span}).metadata.at("mlflow.trace.sizeStats");
    return stats.substr(stats.find("\"max\""));
  };
  const std::string without = largest(root().from_mlflow());
  EXPECT_EQ(largest(root().from_mlflow().text("mlflow.traceTag.k", "v")), without);
  EXPECT_NE(largest(root().from_mlflow().text("other", "v")), without);
}

TEST(TraceInfo, PlainOpenTelemetrySpansLeaveInputsToTheServer) {
  const TraceInfo info = info_of({root().text("gen_ai.prompt", "hi")});
  EXPECT_FALSE(info.request_preview);
  EXPECT_FALSE(info.response_preview);
  EXPECT_FALSE(info.metadata.contains("mlflow.traceInputs"));
  EXPECT_FALSE(info.metadata.contains("mlflow.traceOutputs"));
}

TEST(TraceInfo, InputsOfOtherSdksAreShownAsJson) {
  const TraceInfo info =
      info_of({root().text("mlflow.spanInputs", "hello").text("mlflow.spanOutputs", "[1]")});
  EXPECT_EQ(info.request_preview, "\"hello\"");
  EXPECT_EQ(info.response_preview, "[1]");
  EXPECT_EQ(info.metadata.at("mlflow.traceInputs"), "\"hello\"");
}

TEST(TraceInfo, SessionAndUserAreTheFirstSpansThatHaveThem) {
  const TraceInfo info = info_of({child(), SpanBuilder('d').parent('r').text("session.id", ""),
                                  SpanBuilder('e').parent('r').text("gen_ai.conversation.id", "c"),
                                  root().text("session.id", "s").text("user.id", "\"u\"")});
  EXPECT_EQ(info.metadata.at("mlflow.trace.session"), "c");
  EXPECT_EQ(info.metadata.at("mlflow.trace.user"), "u");
  const TraceInfo both =
      info_of({root().text("gen_ai.conversation.id", "c").text("session.id", "s")});
  EXPECT_EQ(both.metadata.at("mlflow.trace.session"), "s");
  EXPECT_FALSE(info_of({root()}).metadata.contains("mlflow.trace.user"));
}

TEST(TraceInfo, TagsAreTheRootsTraceTags) {
  const TraceInfo info = info_of({root()
                                      .text("mlflow.traceTag.k", "\"as it is\"")
                                      .attribute("mlflow.traceTag.n", int_value(5))
                                      .text("mlflow.traceTag.", "no key"),
                                  child().text("mlflow.traceTag.c", "not the root")});
  EXPECT_EQ(info.tags, (std::map<std::string, std::string>{
                           {"k", "\"as it is\""}, {"n", "5"}, {"mlflow.traceName", "root"}}));
  EXPECT_EQ(info_of({root().text("mlflow.traceTag.mlflow.traceName", "renamed")})
                .tags.at("mlflow.traceName"),
            "renamed");
}

// By this one the server says that it has the spans: believed later, it would count what is lost as
// delivered.
TEST(TraceInfo, TagsThatAreTheServersOwnAreNotTakenFromTraces) {
  const TraceInfo info =
      info_of({root()
                   .text("mlflow.traceTag.mlflow.trace.spansLocation", "TRACKING_STORE")
                   .text("mlflow.traceTag.mlflow.artifactLocation", "file:///elsewhere")
                   .text("mlflow.traceTag.mlflow.trace.spansLocation2", "kept")});
  EXPECT_EQ(info.tags, (std::map<std::string, std::string>{{"mlflow.trace.spansLocation2", "kept"},
                                                           {"mlflow.traceName", "root"}}));
}

TEST(TraceInfo, EverythingFitsItsColumn) {
  const std::string huge(10'000, 'x');
  const TraceInfo info = info_of({root()
                                      .name(huge)
                                      .from_mlflow()
                                      .text("session.id", huge)
                                      .text("user.id", "u\0"sv)
                                      .text("mlflow.spanInputs", huge)
                                      .text("mlflow.spanOutputs", "\0"sv)
                                      .text("mlflow.traceTag." + huge, huge)});
  EXPECT_EQ(info.tags.at("mlflow.traceName").size(), 4096u);
  EXPECT_EQ(info.metadata.at("mlflow.trace.session").size(), 250u);
  EXPECT_EQ(info.metadata.at("mlflow.trace.user"), "u\uFFFD");
  EXPECT_EQ(info.request_preview->size(), huge.size()) << "the longest that a server takes";
  EXPECT_EQ(info.response_preview, "\uFFFD");
  EXPECT_EQ(info.metadata.at("mlflow.traceInputs"), std::string(247, 'x') + "...");
  EXPECT_EQ(info.metadata.at("mlflow.traceOutputs"), "\uFFFD");
  EXPECT_EQ(info.tags.at(std::string(250, 'x')).size(), 8000u);
}

TEST(TraceInfo, TimesFitInt64) {
  const TraceInfo info = info_of({root().times(UINT64_MAX, UINT64_MAX)});
  EXPECT_EQ(info.start_ns, std::uint64_t{INT64_MAX});
  EXPECT_EQ(info.end_ns, std::uint64_t{INT64_MAX});
}

TEST(TraceInfo, AnEndBeforeTheStartIsTheStart) {
  EXPECT_EQ(info_of({root().times(100, 0)}).end_ns, 100u);
}

TEST(TraceInfo, TokensOfOtherSdksAreMarkedAsSuch) {
  const TraceInfo info = info_of({root().attribute("gen_ai.usage.input_tokens", int_value(5))});
  EXPECT_EQ(info.token_usage->input_tokens, 5);
  EXPECT_FALSE(info.token_usage_from_mlflow);
  EXPECT_FALSE(info.metadata.contains("mlflow.trace.tokenUsage"));
}

TEST(PrepareTrace, TheLastOfEqualSpanIdsCounts) {
  const std::string first = traces_data({root().name("first")}, "one");
  const std::string second = traces_data({root().name("second"), child()}, "two");
  const auto trace = prepare_trace(TraceId{}, {first, second});
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace->span_count, 2u);
  EXPECT_EQ(trace->info.name, "second");
  EXPECT_EQ(trace->otlp, second);
  EXPECT_EQ(trace->service, "two") << "that of the spans that are sent";
}

TEST(PrepareTrace, SpansOfEqualResourceAreSentTogether) {
  const auto trace = prepare_trace(
      TraceId{},
      {traces_data({root()}), traces_data({SpanBuilder('x')}, "other"), traces_data({child()})});
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace->otlp, traces_data({root(), child()}) + traces_data({SpanBuilder('x')}, "other"));
}

TEST(PrepareTrace, RepairsAreCounted) {
  const auto half = [](std::string_view escape) {
    return traces_data({SpanBuilder('a').text("k", escape)});
  };
  const auto trace = prepare_trace(TraceId{}, {half(R"(["\ud83d"])")});
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace->repairs.surrogate, 1u);
  EXPECT_EQ(trace->repairs.total(), 1u);
  EXPECT_EQ(trace->otlp, half(R"(["\ufffd"])"));
}

TEST(PrepareTrace, NulStaysInSpansAndIsInNothingThatIsTold) {
  const std::string spans = traces_data(
      {SpanBuilder('a').name("n\0"sv).text("mlflow.spanInputs", "i\0"sv).text("user.id", "u\0"sv)},
      "s\0"s);
  const auto trace = prepare_trace(TraceId{}, {spans});
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace->otlp, spans);
  EXPECT_EQ(trace->repairs.total(), 0u);
  EXPECT_EQ(trace->info.name, "n\uFFFD");
  EXPECT_EQ(trace->info.metadata.at("mlflow.trace.user"), "u\uFFFD");
  EXPECT_EQ(trace->info.request_preview->find('\0'), std::string::npos);
}

// Previews and the rest are made of the repaired text.
TEST(PrepareTrace, HalfASurrogatePairInAChatCostsNoPreview) {
  const auto trace = prepare_trace(
      TraceId{},
      {traces_data({SpanBuilder('a').text(
          "mlflow.spanInputs", R"({"messages": [{"role": "user", "content": "a\ud83d"}]})")})});
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace->info.request_preview, "a\uFFFD");
  EXPECT_EQ(trace->repairs.surrogate, 1u);
}

TEST(PrepareTrace, ATopmostSpanWithARemoteParentStandsForTheRoot) {
  const auto with_flags = [](SpanBuilder span, std::uint32_t flags) {
    std::string bytes;
    protozero::pbf_writer(bytes).add_fixed32(16, flags);
    return span.raw(bytes);
  };
  const auto service = [&] {
    return with_flags(SpanBuilder('s').parent('r').name("POST /chat").times(2'000'000, 9'000'000),
                      0x301);
  };
  const auto inner = [] { return SpanBuilder('i').parent('s').name("chat").times(1, 9'000'000); };
  const TraceInfo info = info_of({inner(), service()});
  EXPECT_FALSE(info.has_root);
  EXPECT_EQ(info.name, "POST /chat");
  EXPECT_EQ(info.state, TraceState::ok);
  EXPECT_EQ(info.start_ns, 2'000'000u);
  EXPECT_FALSE(info.metadata.contains("mlflow.trace.sizeStats"));
  const TraceInfo with_caller = info_of({inner(), service(), SpanBuilder('r').parent('x')});
  EXPECT_EQ(with_caller.name, "") << "its parent is here";
  EXPECT_EQ(with_caller.state, TraceState::in_progress);
}

TEST(PrepareTrace, TokensThatOnlyServersReadMakeTheSumPartial) {
  const auto counted = [] {
    return root().text("mlflow.chat.tokenUsage", R"({"input_tokens": 5})");
  };
  EXPECT_FALSE(info_of({counted(), child()}).token_usage_partial);
  EXPECT_TRUE(
      info_of({counted(), child().attribute("input_tokens", int_value(7))}).token_usage_partial);
}

TEST(PrepareTrace, TheRunOfARequestLeavesTheResource) {
  const std::string plain = traces_data({root()});
  const auto trace = prepare_trace(TraceId{}, {with_run(plain, "abc")});
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace->run_id, "abc");
  EXPECT_EQ(trace->otlp, plain);
  EXPECT_EQ(prepare_trace(TraceId{}, {plain})->run_id, "");
}

TEST(PrepareTrace, WhatIsNotOtlpIsCorrupt) {
  const auto garbage = prepare_trace(TraceId{}, {"\x0A\xFF\xFF"});
  ASSERT_FALSE(garbage);
  EXPECT_EQ(garbage.error().code, ErrorCode::corrupt);
  const auto short_id =
      prepare_trace(TraceId{}, {traces_data({SpanBuilder('a').bytes(2, "short")})});
  ASSERT_FALSE(short_id);
  EXPECT_EQ(short_id.error().code, ErrorCode::corrupt);
}

TEST(PrepareTrace, NoSlicesAreATraceWithoutSpans) {
  const auto trace = prepare_trace(TraceId{}, {});
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace->span_count, 0u);
  EXPECT_EQ(trace->otlp, "");
}

TEST(BareRoot, IsTheRootWithoutDetailsAndResource) {
  const auto bare = bare_root(traces_data({child(), root().status(2).text("k", "v")}));
  ASSERT_TRUE(bare);
  std::string spans, scope, all;
  protozero::pbf_writer(spans).add_message(2, root().status(2).build());
  protozero::pbf_writer(scope).add_message(2, spans);
  protozero::pbf_writer(all).add_message(1, scope);
  EXPECT_EQ(*bare, all);
}

TEST(BareRoot, IsEmptyWithoutOne) {
  const auto bare = bare_root(traces_data({child()}));
  ASSERT_TRUE(bare);
  EXPECT_EQ(*bare, "");
  EXPECT_FALSE(bare_root("\x0A\xFF\xFF"));
}

TEST(SelectSpans, KeepTheirOrderAndResources) {
  const std::string all = traces_data({root(), child()}) + traces_data({SpanBuilder('x')}, "other");
  const auto selected = select_spans(all, [](std::size_t index) { return index != 1; });
  ASSERT_TRUE(selected);
  EXPECT_EQ(selected->span_count, 2u);
  EXPECT_EQ(selected->otlp, traces_data({root()}) + traces_data({SpanBuilder('x')}, "other"));
}

TEST(SelectSpans, ShareOneCopyOfTheirResource) {
  const std::string service(100'000, 's');
  const std::string all = traces_data({root(), child(), SpanBuilder('x')}, service);
  const auto selected = select_spans(all, [](std::size_t) { return true; });
  ASSERT_TRUE(selected);
  EXPECT_EQ(selected->otlp, all);
}

TEST(SelectSpans, WhatIsNotOtlpIsCorrupt) {
  const auto selected = select_spans("\x0A\xFF\xFF", [](std::size_t) { return true; });
  ASSERT_FALSE(selected);
  EXPECT_EQ(selected.error().code, ErrorCode::corrupt);
  EXPECT_EQ(take_spans("\x0A\xFF\xFF", 0, 100).error().code, ErrorCode::corrupt);
}

// The number of spans of each run.
std::vector<std::uint32_t> runs_of(const std::string& all, std::size_t max_bytes) {
  std::vector<std::uint32_t> runs;
  for (std::size_t first = 0;; first += runs.back()) {
    const auto run = take_spans(all, first, max_bytes);
    if (!run || run->span_count == 0) return runs;
    runs.push_back(run->span_count);
  }
}

TEST(TakeSpans, RunsAreAsLongAsTheBoundAllows) {
  const std::string all = traces_data({SpanBuilder('a').text("k", std::string(1'000, 'x')),
                                       SpanBuilder('b').text("k", std::string(1'000, 'x')),
                                       SpanBuilder('c').text("k", std::string(1'000, 'x'))});
  EXPECT_EQ(runs_of(all, 2'500), (std::vector<std::uint32_t>{2, 1}));
  EXPECT_EQ(runs_of(all, 1), (std::vector<std::uint32_t>{1, 1, 1})) << "one at least";
  const auto run = take_spans(all, 0, 2'500);
  ASSERT_TRUE(run);
  EXPECT_LE(run->otlp.size(), 2'500u);
}

TEST(TakeSpans, AResourceOfTheBoundsSizeIsNotSentForEachSpan) {
  const std::string all = traces_data({SpanBuilder('a').text("k", std::string(1'000, 'x')),
                                       SpanBuilder('b').text("k", std::string(1'000, 'x')),
                                       SpanBuilder('c').text("k", std::string(1'000, 'x'))},
                                      std::string(50'000, 's'));
  EXPECT_EQ(runs_of(all, 5'000), (std::vector<std::uint32_t>{2, 1}));
}

}  // namespace
}  // namespace tracelink
