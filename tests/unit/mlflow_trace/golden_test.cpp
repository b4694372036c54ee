#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <protozero/pbf_reader.hpp>

#include "daemon/mlflow/trace/span_view.hpp"
#include "daemon/mlflow/trace/text_limits.hpp"
#include "daemon/mlflow/trace/trace_info.hpp"
#include "daemon/mlflow/trace/traces_data.hpp"
#include "tests/unit/mlflow_trace/golden_data.hpp"

namespace tracelink {
namespace {

using Json = nlohmann::json;

TraceId trace_id_of(const std::string& hex) {
  TraceId id;
  for (std::size_t i = 0; i < id.bytes.size(); ++i)
    id.bytes[i] = static_cast<std::uint8_t>(std::stoi(hex.substr(2 * i, 2), nullptr, 16));
  return id;
}

std::string word(TraceState state) {
  return state == TraceState::ok ? "OK" : state == TraceState::error ? "ERROR" : "IN_PROGRESS";
}

std::map<SpanId, SpanView> spans_of(const SpanSet& set) {
  std::map<SpanId, SpanView> spans;
  for (const LocatedSpan& span : set.spans) {
    const auto view = read_span(span.encoded);
    EXPECT_TRUE(view);
    spans[view->id] = *view;
  }
  return spans;
}

// All encoded fields but the attributes.
std::string other_fields(std::string_view span) {
  std::string out;
  protozero::pbf_reader reader(span.data(), span.size());
  for (const char* begin = span.data(); reader.next(); begin = reader.data().data()) {
    const auto field = reader.tag();
    reader.skip();
    if (field != 9) out.append(begin, reader.data().data());
  }
  return out;
}

// As the store that was recorded takes it.
Json preview_json(const std::optional<std::string>& preview) {
  return preview ? Json(cut_with_dots(*preview, kMaxPreview)) : Json();
}

using Attributes = std::vector<std::pair<std::string, std::string>>;

Attributes attributes_of(const SpanView& span) {
  Attributes attributes;
  for (const KeyValue& pair : span.attributes)
    if (pair.key != "mlflow.traceRequestId") attributes.emplace_back(pair.key, pair.value);
  return attributes;
}

// What the real SDK sent to the daemon's door and, by its direct road, to a store.
class Golden : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    received_ = golden_bytes(GetParam() + std::string(".binpb"));
    direct_ = golden_bytes(GetParam() + std::string(".spans.binpb"));
    expected_ = golden_json(GetParam() + std::string(".json"));
    const auto prepared = prepare_trace(trace_id_of(expected_.at("trace_id")), {received_});
    ASSERT_TRUE(prepared);
    trace_ = *prepared;
  }

  std::string received_, direct_;
  Json expected_;
  PreparedTrace trace_;
};

TEST_P(Golden, InfoIsWhatTheSdkStores) {
  const TraceInfo& info = trace_.info;
  EXPECT_EQ(Json(info.trace_id.hex()), expected_.at("trace_id"));
  EXPECT_EQ(info.start_ns / 1'000'000, expected_.at("start_ms"));
  EXPECT_EQ((info.end_ns - info.start_ns) / 1'000'000, expected_.at("duration_ms"));
  EXPECT_EQ(Json(word(info.state)), expected_.at("state"));
  EXPECT_TRUE(info.has_root);
  EXPECT_EQ(Json(info.name), expected_.at("name"));
  EXPECT_EQ(preview_json(info.request_preview), expected_.at("request_preview"));
  EXPECT_EQ(preview_json(info.response_preview), expected_.at("response_preview"));
  EXPECT_EQ(Json(info.tags), expected_.at("tags"));
  EXPECT_EQ(trace_.service, "golden");
}

TEST_P(Golden, MetadataIsWhatTheSdkStores) {
  auto metadata = trace_.info.metadata;
  metadata.erase("mlflow.trace.sizeStats");
  metadata.erase("mlflow.trace.sizeBytes");
  EXPECT_EQ(Json(metadata), expected_.at("metadata"));
}

TEST_P(Golden, TokenUsageIsWhatTheSdkStores) {
  const auto& usage = trace_.info.token_usage;
  EXPECT_EQ(usage ? Json(usage->to_json()) : Json(), expected_.at("token_usage"));
  EXPECT_EQ(trace_.info.token_usage_from_mlflow, usage.has_value());
}

TEST_P(Golden, SizesAreThoseOfTheSpansJson) {
  Json stats = Json::parse(trace_.info.metadata.at("mlflow.trace.sizeStats"));
  const auto total = stats.at("total_size_bytes").get<std::uint64_t>();
  EXPECT_EQ(trace_.info.metadata.at("mlflow.trace.sizeBytes"), std::to_string(total));
  stats.erase("total_size_bytes");
  EXPECT_EQ(stats, expected_.at("sizes"));
  EXPECT_EQ(total, expected_.at("total_size_bytes"));
}

TEST_P(Golden, SpansAreWhatTheSdkSendsDirectly) {
  SpanSet ours, received, direct;
  read_traces_data(trace_.otlp, ours);
  read_traces_data(received_, received);
  read_traces_data(direct_, direct);
  const auto our_spans = spans_of(ours), received_spans = spans_of(received),
             direct_spans = spans_of(direct);
  ASSERT_EQ(our_spans.size(), received_spans.size());
  EXPECT_EQ(trace_.span_count, our_spans.size());
  for (const auto& [id, span] : our_spans) {
    EXPECT_EQ(attributes_of(span), attributes_of(direct_spans.at(id))) << span.name;
    EXPECT_EQ(other_fields(span.encoded), other_fields(received_spans.at(id).encoded));
    EXPECT_FALSE(span.attribute("mlflow.traceRequestId"));
  }
  EXPECT_EQ(trace_.repairs.total(), 0u);
}

TEST_P(Golden, InfoDoesNotDependOnHowTheSpansCame) {
  std::vector<std::string> parts;
  for (std::uint32_t i = 0; i < trace_.span_count; ++i) {
    const auto one = select_spans(received_, [i](std::size_t index) { return index == i; });
    ASSERT_TRUE(one);
    parts.push_back(one->otlp);
  }
  std::vector<std::string_view> slices(parts.begin(), parts.end());
  slices.insert(slices.begin(), received_);  // every span twice
  const auto again = prepare_trace(trace_.info.trace_id, slices);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->otlp, trace_.otlp);
  EXPECT_EQ(again->span_count, trace_.span_count);
  EXPECT_EQ(again->info.metadata, trace_.info.metadata);
}

// Whatever the bytes, there is an answer or an error.
TEST_P(Golden, DamagedBytesAreAnErrorAtWorst) {
  for (std::size_t i = 0; i < received_.size(); ++i) {
    std::string damaged = received_;
    damaged[i] = static_cast<char>(damaged[i] ^ (1 << (i % 8)));
    const auto flipped = prepare_trace(trace_.info.trace_id, {damaged});
    if (!flipped) {
      EXPECT_EQ(flipped.error().code, ErrorCode::corrupt);
    }
    const auto cut = prepare_trace(trace_.info.trace_id, {received_.substr(0, i)});
    if (!cut) {
      EXPECT_EQ(cut.error().code, ErrorCode::corrupt);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sdk, Golden,
                         testing::Values("nested", "chat", "responses", "no_text", "empty_messages",
                                         "long_texts", "exact_lengths", "unicode_text", "exception",
                                         "child_exception", "tokens", "partial_tokens", "no_inputs",
                                         "none_inputs", "session_user", "conversation", "numbers"),
                         [](const auto& scenario) { return std::string(scenario.param); });

}  // namespace
}  // namespace tracelink
