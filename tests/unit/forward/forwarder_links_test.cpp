#include <chrono>

#include "tests/unit/forward/forwarder_fixture.hpp"

// One link per trace: what traces name, and what becomes of those that cannot be linked.
namespace tracelink {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr const char* kId = "m-0123456789abcdef0123456789abcdef";

class ForwarderLinksTest : public ForwarderFixture {
 protected:
  ForwarderLinksTest() {
    configured.name = "agent";
    options.links.max_names = 2;
  }

  // One span of a trace, the root or a child of it, accepted under the configured link.
  Position accept_span(std::uint64_t trace, bool root, const Attributes& resource,
                       const Attributes& attributes = {}) {
    TestSpan test_span{.id = span(trace, root ? 1 : next_span_++)};
    test_span.parent = root ? 0 : span(trace, 1);
    test_span.attributes = encode_attributes(attributes);
    Record record = trace_record(trace, {test_span}, clock.wall());
    record.slice.otlp = encode_spans(trace_id(trace), {test_span}, resource);
    record.link = source.define(configured);
    return source.append(std::move(record));
  }
  Position accept_named(std::uint64_t trace, const std::string& name) {
    return accept_span(trace, true, {{"mlflow.modelName", name}});
  }
  // The model of each delivery of the trace, in their order.
  std::vector<std::string> models_of(std::uint64_t trace) {
    std::vector<std::string> models;
    for (const auto& batch : destination.batches()) {
      for (const TraceDelivery& delivery : batch) {
        if (delivery.trace.info.trace_id != trace_id(trace)) continue;
        const auto link = source.link(delivery.link);
        models.push_back(link->id.empty() ? link->model_name() : link->id);
      }
    }
    return models;
  }
  using Models = std::vector<std::string>;

  LinkDefinition configured;

 private:
  std::uint64_t next_span_ = 2;
};

// What was set at runtime cannot be read until it is decided.
class ForwarderUndecidedTest : public ForwarderLinksTest {
 protected:
  ForwarderUndecidedTest() {
    configured.undecided = true;
    options.links.decide = [this](const LinkDefinition& undecided, std::string_view) {
      EXPECT_EQ(undecided, configured);
      return decided;
    };
  }
  std::optional<LinkHash> decided;
};

TEST_F(ForwarderUndecidedTest, WhatWasAcceptedUndecidedWaitsAloneAndGetsTheLinkThatIsFound) {
  accept_span(1, true, {});
  accept(2);
  run_for(minutes(1));
  EXPECT_TRUE(models_of(1).empty());
  EXPECT_EQ(models_of(2), Models{"model-a"});
  decided = link_of('b');
  run_for(minutes(1));
  EXPECT_EQ(models_of(1), Models{"model-b"});
  EXPECT_EQ(source.totals(), (Totals{.accepted = 2, .delivered = 2}));
}

TEST_F(ForwarderUndecidedTest, ItWaitsAlsoOverARestart) {
  accept_span(1, false, {});
  accept_span(1, true, {});
  run_for(minutes(1));
  restart();
  run_for(minutes(1));
  EXPECT_TRUE(models_of(1).empty());
  decided = link_of('b');
  run_for(minutes(1));
  EXPECT_EQ(models_of(1), Models{"model-b"}) << "both parts at once";
}

// Much that is held keeps what was spilled from being read again, but for once an hour.
TEST_F(ForwarderUndecidedTest, WhatOthersHoldDoesNotKeepThemOnceTheFileIsRead) {
  options.window_records = 10;
  options.held_records = 40;
  destination.follow(ScriptedDestination::each([](const TraceDelivery& delivery) {
    return delivery.experiment == "7" ? misconfigured(FailureScope::experiment) : Outcome{};
  }));
  accept_span(1, true, {});
  for (std::uint64_t trace = 2; trace <= 300; ++trace) accept(trace, {.experiment = "7"});
  run_for(minutes(10));
  decided = link_of('b');
  source.note_file_read_late();
  run_for(minutes(5));
  EXPECT_EQ(models_of(1), Models{"model-b"});
}

// An operator's link, which no segment has.
TEST_F(ForwarderLinksTest, WhatATraceNamesIsObeyedAlsoIfItsLinkCannotBeReadAtFirst) {
  start();
  accept_named(1, "planner");
  accept_span(2, true, {});
  source.hide_link(link_of('b'), true);
  ASSERT_TRUE(forwarder->relink({source.define(configured), link_of('b'), clock.wall(), 0}));
  run_for(minutes(1));
  EXPECT_TRUE(destination.batches().empty());
  source.hide_link(link_of('b'), false);
  source.note_file_read_late();
  run_for(minutes(1));
  EXPECT_EQ(models_of(1), Models{"planner"});
  EXPECT_EQ(models_of(2), Models{"model-b"});
  EXPECT_EQ(source.totals(), (Totals{.accepted = 2, .delivered = 2}));
}

TEST_F(ForwarderUndecidedTest, LaterPartsFollowTheLinkThatTheirTraceHasGot) {
  accept(1);
  run();
  accept_span(1, false, {});
  run_for(minutes(1));
  EXPECT_EQ(models_of(1), Models{"model-a"});
  decided = link_of('b');
  run_for(minutes(1));
  EXPECT_EQ(models_of(1), (Models{"model-a", "model-a"}));
}

TEST_F(ForwarderUndecidedTest, WhoWaitsForOneIsNotToldThatNothingOfItIsLeft) {
  accept_span(1, true, {});
  run();
  std::vector<bool> told;
  forwarder->await_delivery(trace_id(1), clock.steady() + seconds(1),
                            [&](bool delivered) { told.push_back(delivered); });
  run();
  EXPECT_EQ(told, std::vector<bool>{false});
}

TEST_F(ForwarderUndecidedTest, ThoseOfAnEarlierRunAreToldAtOnceAndOnce) {
  accept_span(1, true, {});
  start();
  std::vector<TraceId> told;
  forwarder->set_on_earlier([&](const TraceSlice& slice) { told.push_back(slice.trace_id); });
  run();
  EXPECT_EQ(told, trace_ids({1}));
  decided = link_of('b');
  run_for(minutes(1));
  EXPECT_EQ(told, trace_ids({1}));
}

TEST_F(ForwarderUndecidedTest, ARelinkOfTheLinkThatIsFoundHoldsForThemToo) {
  accept_span(1, true, {});
  run_for(minutes(1));
  ASSERT_TRUE(forwarder->relink({link_of('b'), link_of('c'), clock.wall(), 0}));
  decided = link_of('b');
  run_for(minutes(1));
  EXPECT_EQ(models_of(1), Models{"model-c"});
}

TEST_F(ForwarderLinksTest, TheStrongestNamingOfAllPartsCounts) {
  accept_span(1, false, {{"mlflow.modelName", "resource"}});
  accept_span(1, true, {{"mlflow.modelName", "resource"}}, {{"mlflow.modelName", "root"}});
  accept_span(2, false, {{"mlflow.modelName", "other-service"}});
  accept_span(2, true, {{"mlflow.modelName", "its-service"}});
  accept_span(3, false, {});
  accept_span(3, true, {});
  options.links.max_names = 10;
  run();
  EXPECT_EQ(models_of(1), Models{"root"});
  EXPECT_EQ(models_of(2), Models{"its-service"});
  EXPECT_EQ(models_of(3), Models{"agent"});
}

TEST_F(ForwarderLinksTest, ALateRootThatNamesAModelChangesTheLink) {
  accept_span(1, false, {});
  run_for(minutes(11));
  accept_span(1, true, {}, {{"mlflow.modelId", kId}});
  run();
  accept_span(1, false, {});
  run();
  EXPECT_EQ(models_of(1), (Models{"agent", kId, kId}));
  EXPECT_EQ(batch(1)[0].mode, Mode::final_info);
  EXPECT_EQ(batch(2)[0].mode, Mode::spans_only);
}

TEST_F(ForwarderLinksTest, ALateRootThatNamesNoneKeepsTheLink) {
  accept_span(1, false, {{"mlflow.modelName", "cart"}});
  run_for(minutes(11));
  accept_span(1, true, {});
  run();
  EXPECT_EQ(models_of(1), (Models{"cart", "cart"}));
}

TEST_F(ForwarderLinksTest, OnceTheRootIsDeliveredTheLinkIsFixed) {
  accept_named(1, "cart");
  run();
  accept_span(1, false, {{"mlflow.modelName", "stock"}});
  run();
  accept_span(1, true, {{"mlflow.modelName", "stock"}});
  run();
  EXPECT_EQ(models_of(1), (Models{"cart", "cart", "cart"}));
}

TEST_F(ForwarderLinksTest, AChangedLinkIsDurableBeforeItIsSent) {
  accept_span(1, false, {});
  run_for(minutes(11));
  destination.hold_answers(true);
  accept_span(1, true, {}, {{"mlflow.modelName", "root"}});
  run();
  ASSERT_EQ(models_of(1), (Models{"agent", "root"}));
  const TraceNote& note = source.notes().back();
  EXPECT_EQ(source.link(note.link)->name, "root");
  EXPECT_EQ(note.step, TraceNote::Step::delivered);
  EXPECT_FALSE(note.root_delivered);
  EXPECT_EQ(source.unsynced(), 0u) << "or the first part would go again as late spans";
  configured.name = "other";  // a new deployment
  destination.hold_answers(false);
  crash();
  run();
  EXPECT_EQ(models_of(1), (Models{"agent", "root", "root"}));
}

TEST_F(ForwarderLinksTest, ANoteKeepsTheLinkOverARestart) {
  destination.follow(ScriptedDestination::each([](const TraceDelivery&) { return transient(); }));
  accept_named(1, "cart");
  run();
  options.links.from_traces = FromTraces::off;
  destination.follow(ScriptedDestination::each([](const TraceDelivery&) { return Outcome{}; }));
  restart();
  run_for(minutes(10));
  EXPECT_EQ(models_of(1).back(), "cart");
}

TEST_F(ForwarderLinksTest, StatusShowsWhatTheOperatorChoseBeforeWhatPeersChose) {
  options.links.max_names = 200;
  destination.follow(ScriptedDestination::each(
      [](const TraceDelivery&) { return misconfigured(FailureScope::link); }));
  for (std::uint64_t trace = 1; trace <= 150; ++trace) {
    accept_named(trace, "peer-" + std::to_string(trace));
  }
  accept_span(151, true, {});
  run_for(minutes(1));
  const ForwardStatus status = forwarder->status();
  EXPECT_EQ(status.held_scopes, 151u);
  ASSERT_EQ(status.held.size(), 100u);
  EXPECT_EQ(status.held[0].scope, "link agent");
}

TEST_F(ForwarderLinksTest, MoreModelsThanAllowedAreHeldAndTheOthersGo) {
  accept_named(1, "a");
  accept_named(2, "b");
  accept_named(3, "c");
  accept_named(4, "d");
  accept_named(5, "b");
  run();
  EXPECT_EQ(models_of(1), Models{"a"});
  EXPECT_EQ(models_of(5), Models{"b"});
  EXPECT_TRUE(models_of(3).empty());
  const ForwardStatus status = forwarder->status();
  ASSERT_EQ(status.held.size(), 1u);
  EXPECT_EQ(status.held[0].traces, 2u);
  EXPECT_EQ(status.waiting_traces, 2u);
  EXPECT_NE(status.held[0].remedy.find("model.max_names"), std::string::npos);
}

TEST_F(ForwarderLinksTest, WhatIsHeldGoesWhenOthersAreOutOfUse) {
  accept_named(1, "a");
  accept_named(2, "b");
  accept_named(3, "c");
  accept_named(4, "d");
  accept_named(5, "e");
  accept_named(6, "c");
  run_for(hours(2) + minutes(2));
  EXPECT_EQ(models_of(3), Models{"c"});
  EXPECT_EQ(models_of(4), Models{"d"});
  EXPECT_EQ(models_of(6), Models{"c"});
  EXPECT_TRUE(models_of(5).empty());
  EXPECT_EQ(forwarder->status().held.at(0).traces, 1u);
}

TEST_F(ForwarderLinksTest, WhatAPeerChoseIsGivenUpAfterHoldMax) {
  configured.name = "{service.name}";
  options.links.max_names = 1;
  accept_named(1, "a");
  accept_span(2, true, {});                             // no service.name
  accept_span(3, true, {{"mlflow.modelId", "m-cut"}});  // no id
  run();
  EXPECT_EQ(forwarder->status().held.size(), 2u);
  for (std::uint64_t hour = 0; hour < 24; ++hour) {
    run_for(hours(1));
    accept_named(100 + hour, "a");
  }
  accept_named(4, "b");  // one too many, and young
  run_for(minutes(5));
  EXPECT_EQ(source.totals().dead_lettered, 2u);
  ASSERT_EQ(letters().size(), 2u);
  EXPECT_NE(letters()[0]["reason"].get<std::string>().find("held too long"), std::string::npos);
  EXPECT_EQ(forwarder->status().held.size(), 1u);
  EXPECT_EQ(letters()[0]["link"], source.define(configured).hex()) << "for a replay";
}

TEST_F(ForwarderLinksTest, ALaterPartBringsTheAttributeThatWasMissing) {
  configured.name = "{service.name}";
  accept_span(1, false, {});
  run_for(minutes(11));
  EXPECT_EQ(forwarder->status().held.size(), 1u);
  accept_span(1, true, {{"service.name", "cart"}});
  run();
  EXPECT_EQ(models_of(1), Models{"cart"});
  EXPECT_EQ(batch(0)[0].trace.span_count, 2u);
  EXPECT_TRUE(forwarder->status().held.empty());
}

TEST_F(ForwarderLinksTest, ATemplateIsFilledByTheRootsResource) {
  configured.name = "{service.name}";
  configured.version = "{service.version}";
  accept_span(1, false, {{"service.name", "stock"}, {"service.version", "7"}});
  accept_span(1, true, {{"service.name", "cart"}, {"service.version", "1"}});
  run();
  EXPECT_EQ(models_of(1), Models{"cart-1"});
}

TEST_F(ForwarderLinksTest, ANamedModelThatTheServerDoesNotHaveIsGivenUpAfterHoldMax) {
  accept_span(1, true, {{"mlflow.modelId", kId}});
  accept_span(2, true, {});
  Failure unknown;
  unknown.failure_class = FailureClass::configuration;
  unknown.scope = FailureScope::link;
  unknown.message = "model not found";
  const LinkHash configured_link = source.define(configured);
  destination.refuse([&](const LinkHash&, const std::string&) { return true; }, unknown);
  run_for(hours(24) - minutes(5));
  EXPECT_EQ(source.totals().dead_lettered, 0u);
  run_for(minutes(10));
  EXPECT_EQ(source.totals().dead_lettered, 1u);
  EXPECT_EQ(source.totals().queued, 1u) << "what the operator chose is held without limit";
  EXPECT_EQ(letters()[0]["model"], kId);
  EXPECT_EQ(letters()[0]["link"], configured_link.hex());
}

TEST_F(ForwarderLinksTest, AFailureOfTheOperatorsExperimentGivesNothingUp) {
  accept_named(1, "cart");
  Failure deleted;
  deleted.failure_class = FailureClass::configuration;
  deleted.scope = FailureScope::experiment;
  destination.refuse([](const LinkHash&, const std::string&) { return true; }, deleted);
  run_for(hours(25));
  EXPECT_EQ(source.totals().queued, 1u);
}

TEST_F(ForwarderLinksTest, TracesThatCannotBeLinkedStopNobody) {
  configured.name = "{service.name}";
  options.window_records = 10;
  options.held_records = 40;
  for (std::uint64_t trace = 1; trace <= 200; ++trace) accept_span(trace, true, {});
  for (std::uint64_t trace = 201; trace <= 230; ++trace) {
    accept_span(trace, true, {{"service.name", "cart"}});
  }
  run_for(minutes(2));
  EXPECT_EQ(source.totals().delivered, 30u);
  EXPECT_LE(source.in_flight(), options.held_records + options.window_records);
  run_for(hours(25));
  EXPECT_EQ(source.totals(), (Totals{.accepted = 230, .delivered = 30, .dead_lettered = 200}));
}

}  // namespace
}  // namespace tracelink
