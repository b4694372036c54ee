#include "daemon/app/allowed_host.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

bool is_allowed(std::string_view host) {
  return is_allowed_host(host, "metrics.internal:9464", "host1");
}

TEST(AllowedHost, AddressesCannotBeRebound) {
  for (const char* host :
       {"127.0.0.1", "127.0.0.1:9464", "10.1.2.3:9464", "[::1]", "[::1]:9464", "[fd00::7]:80"}) {
    EXPECT_TRUE(is_allowed(host)) << host;
  }
}

TEST(AllowedHost, OfNamesOnlyThoseThatNobodyElseCanGive) {
  for (const char* host :
       {"localhost", "LocalHost:9464", "metrics.internal:9464", "host1", "HOST1:80"}) {
    EXPECT_TRUE(is_allowed(host)) << host;
  }
  for (const char* host :
       {"rebound.example", "localhost.rebound.example", "127.0.0.1.rebound.example:9464",
        "host1.rebound.example", "host10", "x[::1]", "a:127.0.0.1"}) {
    EXPECT_FALSE(is_allowed(host)) << host;
  }
}

TEST(AllowedHost, ClientsThatSendNoneAreNoBrowsers) { EXPECT_TRUE(is_allowed("")); }

TEST(AllowedHost, AnAddressInBracketsIsNoName) {
  EXPECT_TRUE(is_allowed_host("[::1]:9464", "[::]:9464", ""));
  EXPECT_FALSE(is_allowed_host("rebound.example", "[::]:9464", ""));
}

}  // namespace
}  // namespace tracelink
