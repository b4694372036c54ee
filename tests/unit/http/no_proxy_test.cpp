#include "daemon/http/no_proxy.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

constexpr char kUrl[] = "http://mlflow.svc:5000/api";

TEST(NoProxy, IsAListOfHosts) {
  EXPECT_EQ(no_proxy_for(kUrl, ""), "");
  EXPECT_EQ(no_proxy_for(kUrl, "localhost,.svc, 10.0.0.0/8"), "localhost,.svc,10.0.0.0/8");
  EXPECT_EQ(no_proxy_for(kUrl, "*"), "*");
  EXPECT_EQ(no_proxy_for(kUrl, "::1,fd00::/8"), "::1,fd00::/8");
}

TEST(NoProxy, MayHaveSeveralLinesAndEndWithALineBreak) {
  EXPECT_EQ(no_proxy_for(kUrl, "mlflow.svc\n"), "mlflow.svc");
  EXPECT_EQ(no_proxy_for(kUrl, "\r\nlocalhost,\r\nmlflow.svc\r\n"), "localhost,mlflow.svc");
  EXPECT_EQ(no_proxy_for(kUrl, "*\n"), "*");
}

TEST(NoProxy, AnEntryWithAPortIsForThatPort) {
  EXPECT_EQ(no_proxy_for(kUrl, "mlflow.svc:5000,mlflow.svc:80"), "mlflow.svc");
  EXPECT_EQ(no_proxy_for("http://mlflow.svc/api", "mlflow.svc:5000,localhost:80"), "localhost");
  EXPECT_EQ(no_proxy_for("https://mlflow.svc", "mlflow.svc:443"), "mlflow.svc");
  EXPECT_EQ(no_proxy_for("http://[::1]:5000/", "[::1]:5000,[fe80::1]"), "::1,fe80::1");
  EXPECT_EQ(no_proxy_for("http://[::1]/", "[::1]:5000"), "");
}

}  // namespace
}  // namespace tracelink
