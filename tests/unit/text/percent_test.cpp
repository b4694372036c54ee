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

TEST(QueryParameter, IsFoundAndDecoded) {
  EXPECT_EQ(query_parameter("a=1&b=x+y%2Bz%C3%A9", "b"), "x y+zé");
  EXPECT_EQ(query_parameter("a=1&b=2", "a"), "1");
  EXPECT_EQ(query_parameter("b", "b"), "");
  EXPECT_EQ(query_parameter("ab=1", "b"), std::nullopt);
  EXPECT_EQ(query_parameter("", "b"), std::nullopt);
  EXPECT_EQ(query_parameter("b=%4", "b"), std::nullopt);
  EXPECT_EQ(query_parameter("b=%zz", "b"), std::nullopt);
}

}  // namespace
}  // namespace tracelink
