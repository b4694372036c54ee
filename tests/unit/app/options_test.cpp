#include "daemon/app/options.hpp"

#include <gtest/gtest.h>

#include "daemon/codec/link_codec.hpp"

namespace tracelink {
namespace {

TEST(Options, DeletionOfTwinsCanBeTurnedOff) {
  Config config;
  EXPECT_TRUE(registrar_options_of(config).delete_twins);
  config.model.delete_twins = false;
  EXPECT_FALSE(registrar_options_of(config).delete_twins);
}

TEST(Options, TheForwarderKnowsTheConfiguredLink) {
  Config config;
  EXPECT_TRUE(forwarder_options_of(config).links.configured.is_zero());
  config.model.name = "agent";
  EXPECT_EQ(forwarder_options_of(config).links.configured, hash_link(encode_link(link_of(config))));
}

TEST(Options, WhatIsSaidOfAModelIsForOneThatIsCreated) {
  Config config;
  config.model.name = "agent";
  config.model.description = "Answers tickets.";
  config.model.git_facts = {"0123456789", "main", ""};
  config.model.origin = {"ada", "tracelinkd.service", false};
  const auto tags = link_of(config).source_tags;
  EXPECT_EQ(tags.at("mlflow.note.content"), "Answers tickets.");
  EXPECT_EQ(tags.at("git_commit"), "01234567");
  EXPECT_FALSE(tags.contains("mlflow.user")) << "the same version of another job is the same link";
  EXPECT_EQ(registrar_options_of(config).creation_tags.at("mlflow.user"), "ada");
  config.model.id = "m-0123456789abcdef0123456789abcdef";
  EXPECT_TRUE(link_of(config).source_tags.empty());
}

}  // namespace
}  // namespace tracelink
