#include "daemon/cli/key_values.hpp"

#include <gtest/gtest.h>

namespace tracelink::cli {
namespace {

using Texts = std::map<std::string, std::string>;

TEST(KeyValues, AreSplitAtTheFirstEqualsSign) {
  EXPECT_EQ(*parse_pairs({"a=1", "b=x=y", "c="}), (Texts{{"a", "1"}, {"b", "x=y"}, {"c", ""}}));
}

TEST(KeyValues, NeedAKeyOnce) {
  for (const std::string pair : {"a", "=1", ""}) {
    EXPECT_FALSE(parse_pairs({pair})) << pair;
  }
  EXPECT_EQ(parse_pairs({"a=1", "a=2"}).error().message, "'a=2': the key is given twice");
}

TEST(KeyValues, AreNoTagsOfTheDaemon) {
  EXPECT_TRUE(parse_tags({"team=ml", "mlflow.note.content=x"}));
  for (const std::string key : {"tracelink.model_name", "tracelink.instance"}) {
    const auto tags = parse_tags({key + "=x"});
    ASSERT_FALSE(tags);
    EXPECT_EQ(tags.error().message, "'" + key + "' is set by tracelink itself");
  }
}

TEST(KeyValues, OfMetricsAreNumbers) {
  EXPECT_EQ(*parse_metrics({"a=0.5", "b=-2e3"}),
            (std::map<std::string, double>{{"a", 0.5}, {"b", -2000}}));
  for (const std::string pair : {"a=", "a=x", "a=1x", "a=nan", "a=inf", "a=1e999"}) {
    EXPECT_FALSE(parse_metrics({pair})) << pair;
  }
}

}  // namespace
}  // namespace tracelink::cli
