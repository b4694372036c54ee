#include "daemon/codec/link_codec.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

LinkDefinition full_link() {
  return {.id = {},
          .name = "agent",
          .version = "v1",
          .name_policy = NamePolicy::portable,
          .type = "agent",
          .source_run_id = "run",
          .params = {{"llm", "gpt"}, {"temperature", "0.7"}},
          .tags = {{"team", ""}},
          .source_tags = {{"git_commit", "01234567"}},
          .experiment = {.id = {}, .name = "/Shared/x"},
          .named_by_trace = true,
          .undecided = true};
}

TEST(LinkCodec, RoundTripsEveryField) {
  LinkDefinition by_id, by_experiment, by_neighbour;
  by_id.id = "m-1";
  by_experiment.experiment.id = "12";
  by_neighbour.experiment.of_model = "m-2";
  for (const auto& link : {LinkDefinition{}, full_link(), by_id, by_experiment, by_neighbour}) {
    const auto decoded = decode_link(encode_link(link));
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(*decoded, link);
  }
}

TEST(LinkCodec, PinsBytesAndHash) {
  LinkDefinition link;
  link.name = "ab";
  link.params = {{"k", "v"}};
  const auto bytes = encode_link(link);
  EXPECT_EQ(bytes, std::string("\x12\x02"
                               "ab"
                               "\x3a\x06\x0a\x01k\x12\x01v",
                               12));
  EXPECT_EQ(hash_link("").hex(), "e3b0c44298fc1c149afbf4c8996fb924");
  EXPECT_NE(hash_link(bytes), hash_link(encode_link(full_link())));
}

TEST(LinkCodec, RefusesTornBytesAndSurvivesEveryFlip) {
  const auto bytes = encode_link(full_link());
  EXPECT_FALSE(decode_link(std::string_view(bytes).substr(0, bytes.size() - 1)));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      auto damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      const auto decoded = decode_link(damaged);
      EXPECT_TRUE(decoded || decoded.error().code == ErrorCode::corrupt);
    }
  }
}

TEST(LinkCodec, IgnoresUnknownFields) {
  const auto decoded = decode_link(encode_link(full_link()) + std::string("\xA2\x01\x01x", 4));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, full_link());
}

}  // namespace
}  // namespace tracelink
