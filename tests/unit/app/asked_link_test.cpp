#include "daemon/app/asked_link.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

const std::string kId = "m-0123456789abcdef0123456789abcdef";

LinkDefinition configured_name() {
  LinkDefinition link;
  link.name = "agent";
  link.version = "v1";
  link.name_policy = NamePolicy::portable;
  link.params["llm"] = "gpt-4o";
  link.experiment.name = "support";
  return link;
}

TEST(AskedLink, ANameIsOneInTheConfiguredExperimentUnderTheConfiguredPolicy) {
  const auto link = asked_link("agent-v2", configured_name(), {});
  ASSERT_TRUE(link);
  EXPECT_EQ(link->name, "agent-v2");
  EXPECT_EQ(link->version, "");
  EXPECT_EQ(link->name_policy, NamePolicy::portable);
  EXPECT_EQ(link->experiment.name, "support");
  EXPECT_TRUE(link->params.empty()) << "they describe another version";
}

TEST(AskedLink, AnIdIsAnId) {
  const auto link = asked_link(kId, configured_name(), {});
  ASSERT_TRUE(link);
  EXPECT_EQ(link->id, kId);
  EXPECT_EQ(link->name, "");
  EXPECT_EQ(link->experiment.name, "support");
}

TEST(AskedLink, ACutIdIsNoName) {
  for (const std::string& word : {kId.substr(0, 33), kId + "0", std::string("m-ABCDEF")}) {
    const auto link = asked_link(word, configured_name(), {});
    ASSERT_FALSE(link) << word;
    EXPECT_EQ(link.error().code, ErrorCode::invalid);
    EXPECT_NE(link.error().message.find("32"), std::string::npos) << link.error().message;
  }
  EXPECT_TRUE(asked_link("m-agent", configured_name(), {}));
}

TEST(AskedLink, TheConfiguredModelsNameIsTheConfiguredModel) {
  const auto link = asked_link("agent-v1", configured_name(), {});
  ASSERT_TRUE(link);
  EXPECT_EQ(*link, configured_name());
}

TEST(AskedLink, NoWordIsNoModel) { EXPECT_FALSE(asked_link("", {}, {})); }

TEST(AskedLink, WithAnIdConfiguredANameIsLookedForInTheModelsExperiment) {
  LinkDefinition configured;
  configured.id = kId;
  const auto early = asked_link("agent-v2", configured, {});
  ASSERT_FALSE(early) << "the experiment is not known yet";
  EXPECT_NE(early.error().message.find("experiment.name"), std::string::npos);
  const auto link = asked_link("agent-v2", configured, ResolvedModel{kId, "agent-v1", "12", "x"});
  ASSERT_TRUE(link);
  EXPECT_EQ(link->experiment.id, "12");
}

}  // namespace
}  // namespace tracelink
