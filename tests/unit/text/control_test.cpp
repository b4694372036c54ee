#include "daemon/text/control.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

constexpr std::string_view kShown = " ~\u00e4\u0085";  // C1 is no ASCII

TEST(Control, IsC0AndDelete) {
  EXPECT_TRUE(has_control("a\tb"));
  EXPECT_TRUE(has_control(std::string_view("a\0b", 3)));
  EXPECT_TRUE(has_control("\x1f"));
  EXPECT_TRUE(has_control("\x7f"));
  EXPECT_FALSE(has_control(kShown));
  EXPECT_FALSE(has_control(""));
}

TEST(Control, ATextBecomesOneLine) {
  EXPECT_EQ(one_line("a\r\nb\x1b\x7f"), "a  b  ");
  EXPECT_EQ(one_line(kShown), kShown);
}

}  // namespace
}  // namespace tracelink
