#include "daemon/text/percent.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

TEST(PercentEncode, KeepsOnlyUnreservedCharacters) {
  EXPECT_EQ(percent_encode("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(percent_encode("/Shared/a b&c=?#%+"), "%2FShared%2Fa%20b%26c%3D%3F%23%25%2B");
  EXPECT_EQ(percent_encode("é\n"), "%C3%A9%0A");
  EXPECT_EQ(percent_encode(""), "");
}

}  // namespace
}  // namespace tracelink
