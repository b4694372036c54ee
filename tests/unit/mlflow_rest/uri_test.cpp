#include "daemon/mlflow/rest/uri.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

TEST(OriginOf, EndsBeforeThePath) {
  EXPECT_EQ(origin_of("http://host:5000/mlflow/x"), "http://host:5000");
  EXPECT_EQ(origin_of("https://host"), "https://host");
  EXPECT_EQ(origin_of("https://[::1]:8/p"), "https://[::1]:8");
}

}  // namespace
}  // namespace tracelink
