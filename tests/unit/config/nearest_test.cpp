#include "config/nearest.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "config/key_table.hpp"

namespace tracelink {
namespace {

TEST(Nearest, CountsEdits) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("abc", ""), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("queue", "queue"), 0u);
}

TEST(Nearest, SuggestsOnlySimilarWords) {
  const std::vector<std::string_view> words{"wait", "reject", "drop_oldest"};
  EXPECT_EQ(nearest_word("wiat", {}), "");
  EXPECT_EQ(nearest_word("wiat", words), "wait");
  EXPECT_EQ(nearest_word("wat", words), "wait");
  EXPECT_EQ(nearest_word("drop-oldest", words), "drop_oldest");
  EXPECT_EQ(nearest_word("block", words), "");
}

TEST(Nearest, SuggestsKeys) {
  EXPECT_EQ(nearest_key("queue.max_byte"), "queue.max_bytes");
  EXPECT_EQ(nearest_key("queue_max_bytes"), "queue.max_bytes");
  EXPECT_EQ(nearest_key("tracing.uri"), "tracking.uri");
  EXPECT_EQ(nearest_key("uri"), "tracking.uri");
  EXPECT_EQ(nearest_key("forward.on_full"), "queue.on_full");
  EXPECT_EQ(nearest_key("queu.max_bytes"), "queue.max_bytes");
  EXPECT_EQ(nearest_key("qeuue.max_bytes"), "queue.max_bytes");
  EXPECT_EQ(nearest_key("experimnt.name"), "experiment.name");
  EXPECT_EQ(nearest_key("trackng"), "tracking");
  EXPECT_EQ(nearest_key("listen.sokcet"), "listen.socket");
  EXPECT_EQ(nearest_key("colour"), "");
}

}  // namespace
}  // namespace tracelink
