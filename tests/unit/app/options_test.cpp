#include "daemon/app/options.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

TEST(Options, DeletionOfTwinsCanBeTurnedOff) {
  Config config;
  EXPECT_TRUE(registrar_options_of(config).delete_twins);
  config.model.delete_twins = false;
  EXPECT_FALSE(registrar_options_of(config).delete_twins);
}

}  // namespace
}  // namespace tracelink
