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

}  // namespace
}  // namespace tracelink
