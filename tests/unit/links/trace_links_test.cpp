#include "daemon/links/trace_links.hpp"

#include <chrono>

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "daemon/links/link_failure.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_source.hpp"
#include "tests/support/trace_record.hpp"

namespace tracelink {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr const char* kId = "m-0123456789abcdef0123456789abcdef";

class TraceLinksTest : public ::testing::Test {
 protected:
  TraceLinksTest() { spdlog::set_level(spdlog::level::off); }

  // What is configured.
  LinkHash base() { return source.define(configured); }
  LinkChoice choose(const Attributes& resource, const Attributes& root = {}) {
    return choose_from(base(), resource, root);
  }
  LinkChoice choose_from(const LinkHash& from, const Attributes& resource,
                         const Attributes& root = {}) {
    if (!links) links.emplace(options, source, reporter, clock);
    const std::string attributes = encode_attributes(root);
    const auto spans = encode_spans(trace_id(1), {{.attributes = attributes}}, resource);
    return links->choose(spans, {}, from);
  }
  LinkDefinition chosen(const Attributes& resource, const Attributes& root = {}) {
    const LinkChoice choice = choose(resource, root);
    EXPECT_EQ(choice.obstacle, LinkObstacle::none);
    return *source.link(choice.link);
  }
  // By what an MLflow SDK tells.
  LinkChoice choose_by_info(const std::string& info) {
    const LinkHash from = base();
    if (!links) links.emplace(options, source, reporter, clock);
    return links->choose({}, info, from);
  }
  static std::string info_of(const std::string& name, const std::string& experiment_id) {
    return std::string(R"({"trace_metadata":{"mlflow.modelId":")") + kId +
           R"("},"tracelink.model":{"name":")" + name + R"(","experiment_id":")" + experiment_id +
           R"("}})";
  }
  void forget_unused() { links->forget_unused({in_use}); }

  LinkDefinition configured{.id = {},
                            .name = "agent",
                            .version = "1",
                            .name_policy = NamePolicy::exact,
                            .type = "chat",
                            .source_run_id = {},
                            .params = {{"llm", "gpt"}},
                            .tags = {{"team", "ml"}},
                            .experiment = {.id = {}, .name = "support"}};
  TraceLinks::Options options;
  FakeClock clock;
  FakeSource source;
  Reporter reporter{clock};
  std::optional<TraceLinks> links;
  LinkHash in_use;
};

TEST_F(TraceLinksTest, ATraceThatNamesNoneKeepsTheAcceptedLink) {
  const LinkChoice choice = choose({{"service.name", "cart"}});
  EXPECT_EQ(choice.link, base());
  EXPECT_EQ(choice.rank, LinkRank::accepted);
  EXPECT_EQ(choice.obstacle, LinkObstacle::none);
}

TEST_F(TraceLinksTest, ANamedModelHasPolicyAndExperimentOfTheConfiguredOneAndNothingElse) {
  LinkDefinition expected;
  expected.name = "cart-2";
  expected.name_policy = NamePolicy::exact;
  expected.experiment.name = "support";
  expected.named_by_trace = true;
  EXPECT_EQ(chosen({{"mlflow.modelName", "cart-2"}}), expected);
  expected.name = "root-3";
  EXPECT_EQ(chosen({{"mlflow.modelName", "cart-2"}}, {{"mlflow.modelName", "root-3"}}), expected);
}

TEST_F(TraceLinksTest, AModelMayBeNamedById) {
  LinkDefinition expected;
  expected.id = kId;
  expected.experiment.name = "support";
  expected.named_by_trace = true;
  EXPECT_EQ(chosen({{"mlflow.modelId", kId}}), expected);
  EXPECT_EQ(chosen({{"mlflow.modelName", kId}}), expected);
}

TEST_F(TraceLinksTest, AnIdThatStandsForANameIsTheModelOfThatNameInItsExperiment) {
  LinkDefinition expected;
  expected.name = "cart";
  expected.name_policy = NamePolicy::exact;
  expected.experiment.id = "12";
  expected.named_by_trace = true;
  const LinkChoice choice = choose_by_info(info_of("cart", "12"));
  EXPECT_EQ(choice.rank, LinkRank::trace_info);
  EXPECT_EQ(*source.link(choice.link), expected);
  expected.experiment = {.id = {}, .name = "support"};
  EXPECT_EQ(*source.link(choose_by_info(info_of("cart", "")).link), expected);
}

TEST_F(TraceLinksTest, SuchANameIsTheConfiguredModelWhereThatIs) {
  EXPECT_EQ(choose_by_info(info_of("agent-1", "")).link, base());
  EXPECT_NE(choose_by_info(info_of("agent-1", "12")).link, base());
  configured.experiment = {.id = "12", .name = {}};
  EXPECT_EQ(choose_by_info(info_of("agent-1", "12")).link, base());
}

TEST_F(TraceLinksTest, SuchANameIsNotTakenWhereNamesAreNot) {
  options.from_traces = FromTraces::ids;
  EXPECT_EQ(choose_by_info(info_of("cart", "12")).link, base());
}

// Else the model could be created without the type, params and facts of its deployment.
TEST_F(TraceLinksTest, ATraceThatNamesTheAcceptedModelGetsItsLink) {
  configured.type = "chat";
  const LinkChoice by_name = choose({{"mlflow.modelName", "agent-1"}});
  EXPECT_EQ(by_name.link, base());
  EXPECT_EQ(by_name.rank, LinkRank::root_resource);
  configured = {};
  configured.id = kId;
  EXPECT_EQ(choose({}, {{"mlflow.modelId", kId}}).link, base());
  EXPECT_EQ(choose({}, {{"mlflow.modelId", kId}}).rank, LinkRank::root_span);
  EXPECT_TRUE(source.links_named_by_traces().empty());
}

TEST_F(TraceLinksTest, ATraceThatNamesTheConfiguredModelWhileAnotherIsActiveGetsItsLinkToo) {
  options.configured = base();
  LinkDefinition active;
  active.name = "other";
  EXPECT_EQ(choose_from(source.define(active), {{"mlflow.modelName", "agent-1"}}).link, base());
}

TEST_F(TraceLinksTest, ATemplateIsNoNameThatATraceCanGive) {
  configured.name = "{service.name}";
  configured.version = "";
  options.configured = base();
  EXPECT_TRUE(chosen({{"mlflow.modelName", "{service.name}"}}).named_by_trace);
}

TEST_F(TraceLinksTest, ANameIsPlacedBesideAConfiguredModelThatSaysNoExperiment) {
  configured = {};
  configured.id = kId;
  options.configured = base();
  EXPECT_EQ(chosen({{"mlflow.modelName", "cart"}}).experiment.of_model, kId);
  LinkDefinition active;  // by id, set at runtime: its place is not the configured one
  active.id = "m-fedcba9876543210fedcba9876543210";
  const LinkChoice other = choose_from(source.define(active), {{"mlflow.modelName", "stock"}});
  EXPECT_EQ(source.link(other.link)->experiment.of_model, kId);
}

TEST_F(TraceLinksTest, WhatIsNotAllowedIsNotTaken) {
  options.from_traces = FromTraces::ids;
  EXPECT_EQ(choose({{"mlflow.modelName", "cart"}}).link, base());
  EXPECT_EQ(chosen({{"mlflow.modelId", kId}}).id, kId);
  links.reset();
  options.from_traces = FromTraces::off;
  EXPECT_EQ(choose({{"mlflow.modelId", kId}}).link, base());
}

TEST_F(TraceLinksTest, WhatCanBeNoModelIsAnObstacle) {
  for (const Attributes& bad : {Attributes{{"mlflow.modelId", "m-0123"}},
                                Attributes{{"mlflow.modelName", std::string(2001, 'x')}},
                                Attributes{{"mlflow.modelName", std::string("a\0b", 3)}}}) {
    EXPECT_EQ(choose(bad).obstacle, LinkObstacle::unusable_name);
  }
  EXPECT_TRUE(source.links_named_by_traces().empty());
}

TEST_F(TraceLinksTest, WhatCanBeNoModelIsRelinkedAsTracesWithoutOne) {
  EXPECT_TRUE(choose({{"mlflow.modelId", "m-0123"}}).link.is_zero());
  configured = {};
  configured.experiment.name = "support";
  EXPECT_EQ(choose({{"mlflow.modelId", "m-0123"}}).link, base());
  const Failure told = link_failure(LinkObstacle::unusable_name, base(), source);
  EXPECT_NE(told.remedy.find("tracelink models relink none NEW"), std::string::npos);
}

TEST_F(TraceLinksTest, WithoutAModelAnywhereThereIsNothingToLinkTo) {
  configured = {};
  configured.experiment.name = "support";
  EXPECT_EQ(choose({}).obstacle, LinkObstacle::no_model);
  EXPECT_EQ(choose_from({}, {}).obstacle, LinkObstacle::no_model);
  EXPECT_EQ(chosen({{"mlflow.modelName", "cart"}}).experiment.name, "support");
  links.reset();
  options.model_required = false;
  EXPECT_EQ(choose({}).obstacle, LinkObstacle::none);
}

TEST_F(TraceLinksTest, ATemplateIsFilledFromTheResource) {
  configured.name = "shop-{service.name}";
  configured.version = "{service.version}";
  LinkDefinition expected = configured;
  expected.name = "shop-cart";
  expected.version = "1.2";
  expected.named_by_trace = true;
  EXPECT_EQ(chosen({{"service.name", "cart"}, {"service.version", "1.2"}}), expected);
  expected.version = "";
  EXPECT_EQ(chosen({{"service.name", "cart"}}), expected);
}

TEST_F(TraceLinksTest, ANameInTheTraceIsStrongerThanATemplate) {
  configured.name = "{service.name}";
  EXPECT_EQ(chosen({{"service.name", "cart"}, {"mlflow.modelName", "other"}}).name, "other");
}

TEST_F(TraceLinksTest, AMissingAttributeOfTheNameIsAnObstacle) {
  configured.name = "{service.name}";
  EXPECT_EQ(choose({{"service.version", "1"}}).obstacle, LinkObstacle::missing_attribute);
}

TEST_F(TraceLinksTest, WhatIsFixedIsNotExpandedAgain) {
  configured.name = "{service.name}";
  const LinkChoice first = choose({{"service.name", "{host.name}"}, {"host.name", "h"}});
  EXPECT_EQ(source.link(first.link)->name, "{host.name}");
  EXPECT_EQ(choose_from(first.link, {{"service.name", "stock"}, {"host.name", "h"}}).link,
            first.link);
}

TEST_F(TraceLinksTest, OnlySoManyModelsAreNamedAtATime) {
  options.max_names = 2;
  EXPECT_EQ(chosen({{"mlflow.modelName", "a"}}).name, "a");
  EXPECT_EQ(chosen({{"mlflow.modelName", "b"}}).name, "b");
  const LinkChoice third = choose({{"mlflow.modelName", "c"}});
  EXPECT_EQ(third.obstacle, LinkObstacle::too_many_models);
  EXPECT_EQ(third.rank, LinkRank::root_resource);
  EXPECT_FALSE(source.knows(third.link));
  EXPECT_EQ(chosen({{"mlflow.modelName", "a"}}).name, "a");
}

TEST_F(TraceLinksTest, WhatAnEarlierProcessRememberedCounts) {
  options.max_names = 1;
  const LinkHash first = choose({{"mlflow.modelName", "a"}}).link;
  links.emplace(options, source, reporter, clock);
  EXPECT_TRUE(links->is_known(first));
  EXPECT_EQ(choose({{"mlflow.modelName", "b"}}).obstacle, LinkObstacle::too_many_models);
}

TEST_F(TraceLinksTest, IsForgottenAnHourAfterItsLastUse) {
  options.max_names = 1;
  const LinkHash link = choose({{"mlflow.modelName", "a"}}).link;
  clock.advance(minutes(30));
  choose({{"mlflow.modelName", "a"}});
  clock.advance(minutes(59));
  forget_unused();
  EXPECT_FALSE(links->has_room());
  clock.advance(minutes(1));
  forget_unused();
  EXPECT_TRUE(links->has_room());
  EXPECT_FALSE(source.knows(link));
  EXPECT_EQ(chosen({{"mlflow.modelName", "b"}}).name, "b");
}

TEST_F(TraceLinksTest, WhatCannotBeForgottenCountsUntilItIs) {
  options.max_names = 1;
  const LinkHash link = choose({{"mlflow.modelName", "a"}}).link;
  clock.advance(hours(2));
  source.fail_notes(true);
  forget_unused();
  EXPECT_FALSE(links->has_room());
  source.fail_notes(false);
  forget_unused();
  EXPECT_TRUE(links->has_room());
  EXPECT_FALSE(source.knows(link));
}

TEST_F(TraceLinksTest, LateSpansOfItsTracesKeepIt) {
  const LinkHash link = choose({{"mlflow.modelName", "a"}}).link;
  clock.advance(minutes(30));
  choose_from(link, {});
  clock.advance(minutes(59));
  forget_unused();
  EXPECT_TRUE(source.knows(link));
}

TEST_F(TraceLinksTest, IsKeptWhileItIsInUse) {
  in_use = choose({{"mlflow.modelName", "a"}}).link;
  clock.advance(hours(3));
  forget_unused();
  EXPECT_TRUE(source.knows(in_use));
  clock.advance(hours(1));
  in_use = {};
  forget_unused();
  EXPECT_TRUE(links->is_known(choose({{"mlflow.modelName", "a"}}).link));
}

TEST_F(TraceLinksTest, WhatCannotBeStoredIsAnObstacleAndTriedAgain) {
  source.fail_notes(true);
  EXPECT_EQ(choose({{"mlflow.modelName", "a"}}).obstacle, LinkObstacle::not_stored);
  source.fail_notes(false);
  EXPECT_EQ(chosen({{"mlflow.modelName", "a"}}).name, "a");
}

}  // namespace
}  // namespace tracelink
