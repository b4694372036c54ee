#include "daemon/codec/remote_parent.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/trace_record.hpp"

namespace tracelink {
namespace {

bool is_remote(const std::vector<TestSpan>& spans) {
  return has_remote_parent(encode_spans(trace_id(1), spans));
}

TEST(RemoteParent, IsWhatBothFlagsSayOfAParentThatIsNotThere) {
  EXPECT_TRUE(is_remote({{.id = 2, .parent = 1, .flags = 0x300}}));
  EXPECT_TRUE(is_remote({{.id = 2, .parent = 1, .flags = 0x301}}));
}

TEST(RemoteParent, NeedsBothFlags) {
  for (const std::uint32_t flags : {0x0u, 0x1u, 0x100u, 0x101u, 0x200u, 0xffu}) {
    EXPECT_FALSE(is_remote({{.id = 2, .parent = 1, .flags = flags}})) << flags;
  }
}

TEST(RemoteParent, IsNotTheTopIfTheParentIsThereToo) {
  EXPECT_FALSE(is_remote({{.id = 3, .parent = 2, .flags = 0x300}, {.id = 2, .parent = 1}}));
}

TEST(RemoteParent, OfARootMeansNothing) { EXPECT_FALSE(is_remote({{.id = 1, .flags = 0x300}})); }

TEST(RemoteParent, IsFoundAmongOtherSpansAndResources) {
  const auto inner = encode_spans(trace_id(1), {{.id = 5, .parent = 4, .flags = 0x100}});
  const auto top = encode_spans(trace_id(1), {{.id = 4, .parent = 9, .flags = 0x300}});
  EXPECT_TRUE(has_remote_parent(inner + top));
  EXPECT_FALSE(has_remote_parent(inner));
}

TEST(RemoteParent, IsNotInBytesThatAreNoSpans) {
  EXPECT_FALSE(has_remote_parent(""));
  EXPECT_FALSE(has_remote_parent("\x0a\x03\x12\xff\xff"));
}

}  // namespace
}  // namespace tracelink
