#include "daemon/cli/resource_attributes.hpp"

#include <gtest/gtest.h>

namespace tracelink::cli {
namespace {

constexpr const char* kId = "m-0123456789abcdef0123456789abcdef";

std::string named(std::string_view current, std::string_view model) {
  const auto result = name_model(current, model);
  EXPECT_TRUE(result);
  return result ? *result : "";
}

TEST(NameModel, TakesANameOrAnId) {
  EXPECT_EQ(named("", "agent-v1.0"), "mlflow.modelName=agent-v1.0");
  EXPECT_EQ(named("", kId), "mlflow.modelId=" + std::string(kId));
}

TEST(NameModel, KeepsOtherAttributes) {
  EXPECT_EQ(named("a=1,b=x%2Cy", "agent"), "a=1,b=x%2Cy,mlflow.modelName=agent");
}

TEST(NameModel, TakesThePlaceOfAnotherModel) {
  const std::string outer = "mlflow.modelId=" + std::string(kId) + ",a=1, mlflow.modelName =x";
  EXPECT_EQ(named(outer, "agent"), "a=1,mlflow.modelName=agent");
}

TEST(NameModel, DropsEntriesThatAreNone) {
  EXPECT_EQ(named(",a=1,,b,", "agent"), "a=1,mlflow.modelName=agent");
}

TEST(NameModel, EncodesWhatSeparates) {
  EXPECT_EQ(named("", "a,b=c d%/é"), "mlflow.modelName=a%2Cb%3Dc%20d%25%2F%C3%A9");
}

TEST(NameModel, RefusesNothingAndACutId) {
  EXPECT_FALSE(name_model("", ""));
  EXPECT_FALSE(name_model("", " \t"));
  EXPECT_FALSE(name_model("", "m-0123"));
  EXPECT_TRUE(name_model("", "m-agent"));
  const auto message = name_model("", "m-0123456789ABCDEF0123456789abcdef").error().message;
  EXPECT_NE(message.find("digits; write its digits in lower case)"), std::string::npos) << message;
}

}  // namespace
}  // namespace tracelink::cli
