#include "daemon/text/secrets.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

std::string hidden(std::string text, std::string_view secret) {
  hide_secret(text, secret);
  return text;
}

TEST(HideSecret, ReplacesItWhereverItIs) {
  EXPECT_EQ(hidden("tokentoken: no token", "token"), "******: no ***");
  EXPECT_EQ(hidden("Bearer ****", "****"), "Bearer ***");
}

TEST(HideSecret, LeavesWhatIsInEveryText) {
  EXPECT_EQ(hidden("a bad request", "bad"), "a bad request");
  EXPECT_EQ(hidden("a bad request", ""), "a bad request");
}

}  // namespace
}  // namespace tracelink
