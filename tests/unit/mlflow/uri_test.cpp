#include "daemon/mlflow/uri.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

TEST(PercentEncode, KeepsOnlyUnreservedCharacters) {
  EXPECT_EQ(percent_encode("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(percent_encode("/Shared/a b&c=?#%+"), "%2FShared%2Fa%20b%26c%3D%3F%23%25%2B");
  EXPECT_EQ(percent_encode("é\n"), "%C3%A9%0A");
  EXPECT_EQ(percent_encode(""), "");
}

// RFC 4648 section 10.
TEST(Base64, EncodesTheTestVectors) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foob"), "Zm9vYg==");
  EXPECT_EQ(base64("fooba"), "Zm9vYmE=");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xff\xfb\xfe"), "//v+");
}

TEST(OriginOf, EndsBeforeThePath) {
  EXPECT_EQ(origin_of("http://host:5000/mlflow/x"), "http://host:5000");
  EXPECT_EQ(origin_of("https://host"), "https://host");
  EXPECT_EQ(origin_of("https://[::1]:8/p"), "https://[::1]:8");
}

}  // namespace
}  // namespace tracelink
