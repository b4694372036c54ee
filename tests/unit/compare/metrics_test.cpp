#include "daemon/compare/metrics.hpp"

#include <gtest/gtest.h>

#include "tests/unit/compare/versions.hpp"

namespace tracelink::compare {
namespace {

TEST(Metrics, NamesThatMlflowTakesStay) {
  for (const char* name :
       {"error_rate", "pass_rate.human:is correct", "count:tone/rude", "mean:a.b-c/d"}) {
    EXPECT_EQ(metric_name(name), name);
  }
}

TEST(Metrics, OtherNamesAreChangedAndStayDifferent) {
  EXPECT_TRUE(metric_name("count:tone/what?").starts_with("count:tone/what_."));
  EXPECT_EQ(metric_name("count:tone/what?").size(), std::string("count:tone/what_.").size() + 8);
  EXPECT_NE(metric_name("mean:é"), metric_name("mean:è"));
  for (const char* name : {"count:x/", "count:x//y", "count:x/.", "count:x/../y", "mean:/"}) {
    EXPECT_NE(metric_name(name), name);
    EXPECT_EQ(metric_name(name).find("/."), std::string::npos) << name;
    EXPECT_EQ(metric_name(name).find("//"), std::string::npos) << name;
  }
  EXPECT_EQ(metric_name("mean:" + std::string(400, 'x')).size(), 250u);
}

TEST(Metrics, FiguresWithoutAValueAreNone) {
  const Version version = version_of("a", {trace_of("0.5s")});
  const auto metrics = metrics_of(figures_of(version.samples));
  EXPECT_EQ(metrics.at("latency_p95_ms"), 500);
  EXPECT_FALSE(metrics.contains("cost_usd"));
}

}  // namespace
}  // namespace tracelink::compare
