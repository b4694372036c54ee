#include "daemon/text/secret.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

std::string hidden(std::string text, std::string_view secret) {
  hide_secret(text, secret);
  return text;
}

TEST(HideSecret, HidesEachTime) {
  EXPECT_EQ(hidden("s3cret, s3crets3cret and s3cre", "s3cret"), "***, ****** and s3cre");
  EXPECT_EQ(hidden("nothing", "s3cret"), "nothing");
  EXPECT_EQ(hidden("***** *****", "****"), "**** ****");
}

TEST(HideSecret, LeavesWhatIsInEveryText) {
  EXPECT_EQ(hidden("a text", ""), "a text");
  EXPECT_EQ(hidden("a text", "tex"), "a text");
}

}  // namespace
}  // namespace tracelink
