#include "daemon/app/requested_link.hpp"

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

TEST(RequestedLink, ANameIsOneInTheConfiguredExperimentUnderTheConfiguredPolicy) {
  const auto link = requested_link("agent-v2", configured_name(), {});
  ASSERT_TRUE(link);
  EXPECT_EQ(link->name, "agent-v2");
  EXPECT_EQ(link->version, "");
  EXPECT_EQ(link->name_policy, NamePolicy::portable);
  EXPECT_EQ(link->experiment.name, "support");
  EXPECT_TRUE(link->params.empty()) << "they describe another version";
}

TEST(RequestedLink, AnIdIsAnId) {
  const auto link = requested_link(kId, configured_name(), {});
  ASSERT_TRUE(link);
  EXPECT_EQ(link->id, kId);
  EXPECT_EQ(link->name, "");
  EXPECT_EQ(link->experiment.name, "support");
}

TEST(RequestedLink, ACutIdIsNoName) {
  for (const std::string& word : {kId.substr(0, 33), kId + "0", std::string("m-ABCDEF")}) {
    const auto link = requested_link(word, configured_name(), {});
    ASSERT_FALSE(link) << word;
    EXPECT_EQ(link.error().code, ErrorCode::invalid);
    EXPECT_NE(link.error().message.find("32"), std::string::npos) << link.error().message;
  }
  EXPECT_TRUE(requested_link("m-agent", configured_name(), {}));
}

TEST(RequestedLink, TheConfiguredModelsNameIsTheConfiguredModel) {
  const auto link = requested_link("agent-v1", configured_name(), {});
  ASSERT_TRUE(link);
  EXPECT_EQ(*link, configured_name());
}

TEST(RequestedLink, NoWordIsNoModel) {
  for (const std::string word : {"", " ", "\t\n"}) {
    EXPECT_FALSE(requested_link(word, configured_name(), {})) << "'" << word << "'";
  }
}

// As where a file is read for it; a model of that name would stay for ever.
TEST(RequestedLink, WhatIsNotSeenIsNoPartOfAName) {
  for (const std::string word : {"agent-v2\n", " agent-v2 ", "agent-v2\xc2\xa0"}) {
    const auto link = requested_link(word, configured_name(), {}, {.id = " 12\n", .name = {}});
    ASSERT_TRUE(link) << word;
    EXPECT_EQ(link->name, "agent-v2");
    EXPECT_EQ(link->experiment.id, "12");
  }
  EXPECT_EQ(requested_link(kId + "\n", configured_name(), {})->id, kId);
  EXPECT_EQ(*requested_link("agent-v1\n", configured_name(), {}), configured_name());
  for (const std::string word : {"agent\nv2", "agent\x1b[31m"}) {
    EXPECT_FALSE(requested_link(word, configured_name(), {}));
    EXPECT_FALSE(requested_link("agent", configured_name(), {}, {.id = {}, .name = word}));
  }
}

TEST(RequestedLink, WithAnIdConfiguredANameIsLookedForInTheModelsExperiment) {
  LinkDefinition configured;
  configured.id = kId;
  const auto early = requested_link("agent-v2", configured, {});
  ASSERT_TRUE(early);
  EXPECT_EQ(early->experiment.of_model, kId) << "the experiment is not known yet";
  const auto link =
      requested_link("agent-v2", configured, ResolvedModel{kId, "agent-v1", "12", "x"});
  ASSERT_TRUE(link);
  EXPECT_EQ(link->experiment.id, "12");
}

TEST(RequestedLink, AnExperimentThatIsNamedIsThePlace) {
  const ExperimentRef other{.id = "", .name = "other"};
  const auto link = requested_link("agent-v1", configured_name(), {}, other);
  ASSERT_TRUE(link);
  EXPECT_EQ(link->experiment.name, "other");
  EXPECT_EQ(link->name, "agent-v1");
  EXPECT_TRUE(link->params.empty()) << "it is another model than the configured one";
  EXPECT_EQ(requested_link(kId, configured_name(), {}, other)->experiment.name, "other");
  EXPECT_EQ(*requested_link("agent-v1", configured_name(), {}, configured_name().experiment),
            configured_name());
}

class MeantLink : public testing::Test {
 protected:
  static LinkHash hash(char fill) {
    LinkHash link;
    link.bytes.fill(static_cast<std::uint8_t>(fill));
    return link;
  }
  MeantLink() {
    LinkDefinition v1 = configured_name();
    LinkDefinition other_params = v1;
    other_params.params["llm"] = "gpt-5";
    LinkDefinition wrong_id;
    wrong_id.id = kId;
    LinkDefinition dotted;
    dotted.name = "agent.v2";
    links = {{hash('a'), v1, {}},
             {hash('b'), other_params, {}},
             {hash('c'), wrong_id, {}},
             {hash('d'), dotted,
              ResolvedModel{"m-" + std::string(32, '7'), "agent-v2", "0", "Default"}}};
  }
  std::vector<KnownLink> links;
};

TEST_F(MeantLink, IsNamedByHashIdNameOrItsModel) {
  EXPECT_EQ(*meant_link(hash('a').hex(), links), hash('a'));
  EXPECT_EQ(*meant_link(kId, links), hash('c'));
  EXPECT_EQ(*meant_link("agent.v2", links), hash('d'));
  EXPECT_EQ(*meant_link("agent-v2", links), hash('d')) << "its name on the server";
  EXPECT_EQ(*meant_link("m-" + std::string(32, '7'), links), hash('d'));
}

TEST_F(MeantLink, SeveralAreListedWithWhatTellsThemApart) {
  const auto link = meant_link("agent-v1", links);
  ASSERT_FALSE(link);
  EXPECT_EQ(link.error().code, ErrorCode::invalid);
  for (const std::string& part : {hash('a').hex(), hash('b').hex(), std::string("llm=gpt-5"),
                                  std::string("llm=gpt-4o"), std::string("experiment support")}) {
    EXPECT_NE(link.error().message.find(part), std::string::npos) << link.error().message;
  }
  EXPECT_EQ(link.error().message.find(hash('c').hex()), std::string::npos);
}

TEST_F(MeantLink, AnUnknownWordAndNoWordAreErrors) {
  EXPECT_FALSE(meant_link("nobody", links));
  EXPECT_FALSE(meant_link("", links)) << "an id link has no name";
}

TEST_F(MeantLink, NoneIsTheLinkOfTracesWithoutAModel) {
  EXPECT_TRUE(meant_link("none", links)->is_zero());
}

}  // namespace
}  // namespace tracelink
