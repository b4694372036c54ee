#include "daemon/mlflow/registration/model_name.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

TEST(ModelName, EachForbiddenCharacterBecomesADash) {
  EXPECT_EQ(portable_name("a/b:c.d%e\"f'g"), "a-b-c-d-e-f-g");
  EXPECT_EQ(portable_name("my-agent-v1.2.0"), "my-agent-v1-2-0");
  EXPECT_EQ(portable_name("../"), "---");
}

TEST(ModelName, OtherCharactersStay) {
  EXPECT_EQ(portable_name("Übung 1, `a`\\b\n😀"), "Übung 1, `a`\\b\n😀");
}

TEST(ModelName, TheDistinctNameEndsWithTheNamesSha256) {
  EXPECT_EQ(distinct_portable_name("abc"), "abc-ba7816bf");  // FIPS 180-2's example
  EXPECT_EQ(distinct_portable_name("a.b"), "a-b-2e7336dc");
  EXPECT_NE(distinct_portable_name("a.b"), distinct_portable_name("a/b"));
}

}  // namespace
}  // namespace tracelink
