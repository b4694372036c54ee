#include "daemon/destination/databricks/databricks_destination.hpp"

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "daemon/text/base64.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_file_system.hpp"
#include "tests/support/fake_http_client.hpp"
#include "tests/support/fake_random_source.hpp"
#include "tests/support/trace_record.hpp"
#include "tests/unit/destination_databricks/workspace.hpp"

namespace tracelink {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using State = ServerStatus::State;

TrackingOptions workspace_options() {
  TrackingOptions options;
  options.uri = "https://host";
  return options;
}

class DatabricksDestinationTest : public ::testing::Test {
 protected:
  DatabricksDestinationTest() { start({}); }
  ~DatabricksDestinationTest() override { destination->cancel(); }

  void start(DatabricksDestination::Options options) {
    options.sent_spans = "/sent-spans";
    destination.emplace(
        std::move(options), http, client, registrar,
        [this](const LinkHash&) {
          LinkDefinition link;
          link.id = workspace.model_id;
          return Result<LinkDefinition>(link);
        },
        fs, reporter, clock, random);
  }
  // The process is killed and begins again.
  void restart(DatabricksDestination::Options options = {}) {
    fs.crash(FakeFileSystem::Crash::keep_all);
    start(std::move(options));
  }
  // The machine does.
  void lose_power() {
    fs.crash();
    start({});
  }
  static TraceDelivery delivery(std::uint64_t trace, const std::vector<TestSpan>& spans = {{}},
                                DeliveryMode mode = DeliveryMode::whole) {
    TraceDelivery delivery;
    delivery.trace = *prepare_trace(trace_id(trace), {encode_spans(trace_id(trace), spans)});
    delivery.link = link_of('a');
    delivery.mode = mode;
    return delivery;
  }
  bool accepts(const std::string& experiment = {}) {
    const auto refusal = destination->refusal(link_of('a'), experiment);
    hold = refusal.value_or(Failure{});
    return !refusal;
  }
  bool connect(const std::string& experiment = {}) {
    for (int n = 0; n < 100 && !accepts(experiment); ++n) {
      destination->poll(milliseconds(0));
      clock.advance(milliseconds(100));
    }
    return accepts(experiment);
  }
  void deliver(std::vector<TraceDelivery> batch) {
    ASSERT_TRUE(connect()) << hold.message;
    workspace.calls.clear();
    outcomes.clear();
    const std::size_t size = batch.size();
    destination->deliver(std::move(batch), [this](std::vector<Outcome> all) { outcomes = all; });
    for (int n = 0; n < 100 && outcomes.empty(); ++n) destination->poll(milliseconds(0));
    ASSERT_EQ(outcomes.size(), size);
  }
  const Workspace::Json& info(std::uint64_t trace, const std::string& prefix = "") {
    return workspace.infos.at(prefix + trace_id(trace).hex()).back();
  }
  std::uint64_t possible_duplicates() const {
    return destination->server().possible_duplicate_spans;
  }

  FakeClock clock;
  FakeRandomSource random;
  FakeFileSystem fs;
  Reporter reporter{clock};
  Workspace workspace;
  FakeHttpClient http{[this](const HttpRequest& request) { return workspace.answer(request); }};
  TrackingClient tracking{workspace_options(), http};
  DatabricksClient client{{.host = "https://host"}, http, http};
  Registrar registrar{{.directory = "/models"}, tracking, fs, clock, random};
  std::optional<DatabricksDestination> destination;
  Failure hold;
  std::vector<Outcome> outcomes;
};

using Calls = std::vector<std::string>;

class UnityCatalogTest : public DatabricksDestinationTest {};
class ExperimentStorageTest : public DatabricksDestinationTest {
 protected:
  using Ids = std::multiset<std::uint64_t>;

  ExperimentStorageTest() { workspace.destination.clear(); }
  // The ids in the one file that there is.
  Ids spans_of_file() const {
    Ids ids;
    if (workspace.files.size() != 1) return ids;
    const auto file = Workspace::Json::parse(workspace.files.begin()->second);
    for (const auto& span : file.at("spans")) {
      const std::string text = span.at("span_id");
      for (std::uint64_t id = 1; id < 10; ++id) {
        if (text == base64(span_id(id).view())) ids.insert(id);
      }
    }
    return ids;
  }
};

TEST_F(UnityCatalogTest, NothingIsSentWhileItIsUnknownWhatTheTableHas) {
  deliver({delivery(1)});
  fs.fail_reads("/sent-spans");
  restart();
  EXPECT_FALSE(accepts());
  EXPECT_NE(hold.message.find("which spans are stored"), std::string::npos) << hold.message;
  EXPECT_NE(hold.remedy.find("/sent-spans"), std::string::npos) << hold.remedy;
  destination->poll(milliseconds(0));
  fs.heal();
  clock.advance(seconds(5));
  EXPECT_TRUE(connect()) << hold.message;
}

TEST_F(UnityCatalogTest, TheInfoGoesBeforeTheSpansOfItsTable) {
  deliver({delivery(1)});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::delivered) << outcomes[0].failure.message;
  EXPECT_EQ(workspace.calls, (Calls{"info", "spans"}));
  EXPECT_EQ(info(1)["trace_metadata"]["mlflow.modelId"], workspace.model_id);
  EXPECT_EQ(workspace.tables, (Calls{"main.agents.app_otel_spans"}));
  EXPECT_EQ(workspace.table.size(), 1u);
  EXPECT_EQ(destination->server().state, State::up);
}

TEST_F(UnityCatalogTest, TheTracesOfABatchShareARequest) {
  deliver({delivery(1), delivery(2), delivery(3)});
  EXPECT_EQ(workspace.calls, (Calls{"info", "info", "info", "spans"}));
}

TEST_F(UnityCatalogTest, TheExperimentIsAskedOnce) {
  deliver({delivery(1)});
  deliver({delivery(2)});
  EXPECT_EQ(workspace.calls, (Calls{"info", "spans"}));
}

TEST_F(UnityCatalogTest, ALateRootRepeatsTheInfo) {
  deliver({delivery(1, {{.id = 2, .parent = 1}}, DeliveryMode::without_root)});
  EXPECT_EQ(info(1)["state"], "IN_PROGRESS");
  deliver({delivery(1, {{}}, DeliveryMode::final_info)});
  EXPECT_EQ(info(1)["state"], "OK");
  EXPECT_EQ(workspace.table.size(), 2u);
}

TEST_F(UnityCatalogTest, LateSpansGoAlone) {
  deliver({delivery(1, {{.id = 2, .parent = 1}}, DeliveryMode::spans_only)});
  EXPECT_EQ(workspace.calls, (Calls{"spans"}));
}

TEST_F(UnityCatalogTest, TheInfoIsLeftToWhoeverHasTheRoot) {
  deliver({delivery(1, {{.id = 2, .parent = 1, .flags = 0x300}}, DeliveryMode::without_root)});
  EXPECT_EQ(workspace.calls, (Calls{"spans"}));
}

TEST_F(UnityCatalogTest, AcknowledgedPiecesOfATraceAreNotSentAgain) {
  start({.max_batch_bytes = 2'000});
  std::vector<TestSpan> spans;
  for (std::uint64_t id = 1; id <= 30; ++id) {
    spans.push_back({.id = id, .parent = id == 1 ? 0u : 1u, .name = std::string(100, 'n')});
  }
  ASSERT_TRUE(connect());
  http.fail_request(3, FakeHttpClient::Fault::not_done);  // info, two pieces, then this one
  deliver({delivery(1, spans)});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::transient);
  const std::size_t stored = workspace.table.size();
  EXPECT_GT(stored, 0u);
  EXPECT_LT(stored, 30u);
  TraceDelivery again = delivery(1, spans);
  again.repeated = true;
  deliver({again});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::delivered);
  EXPECT_EQ(workspace.table.size(), 30u);
  for (const SpanId& id : workspace.table) EXPECT_EQ(workspace.table.count(id), 1u) << id.hex();
  EXPECT_LE(*std::ranges::max_element(workspace.post_sizes), 2'000u);
}

TEST_F(UnityCatalogTest, SpansWhoseAnswerIsLostArePossibleDuplicates) {
  ASSERT_TRUE(connect());
  http.fail_request(1, FakeHttpClient::Fault::answer_lost);
  deliver({delivery(1, {{}, {.id = 2, .parent = 1}})});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::transient);
  EXPECT_EQ(possible_duplicates(), 2u);
  TraceDelivery again = delivery(1, {{}, {.id = 2, .parent = 1}});
  again.repeated = true;
  deliver({again});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::delivered);
  EXPECT_EQ(workspace.table.size(), 4u) << "the table has them twice";
  EXPECT_EQ(possible_duplicates(), 2u) << "counted once";
}

TEST_F(UnityCatalogTest, ALostInfoIsRepeatedWithoutDuplicates) {
  ASSERT_TRUE(connect());
  http.fail_request(0, FakeHttpClient::Fault::answer_lost);
  deliver({delivery(1)});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::transient);
  EXPECT_EQ(workspace.table.size(), 0u);
  TraceDelivery again = delivery(1);
  again.repeated = true;
  deliver({again});
  EXPECT_EQ(workspace.table.size(), 1u);
  EXPECT_EQ(possible_duplicates(), 0u);
  EXPECT_EQ(destination->server().possible_duplicate_infos, 1u) << "rows that readers pass over";
}

TEST_F(UnityCatalogTest, AnInfoThatIsThereAlreadyIsStored) {
  ASSERT_TRUE(connect());
  workspace.refuse("info", Workspace::error(409, "ALREADY_EXISTS"));
  deliver({delivery(1)});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::delivered) << outcomes[0].failure.message;
  EXPECT_EQ(workspace.table.size(), 1u);
}

TEST_F(UnityCatalogTest, WhatAnEarlierProcessBeganMayBeThere) {
  TraceDelivery begun = delivery(1);
  begun.repeated = true;
  deliver({begun});
  EXPECT_EQ(possible_duplicates(), 1u);
}

class RestartTest : public UnityCatalogTest {
 protected:
  // As the queue gives what it has after a restart.
  TraceDelivery again(std::uint64_t trace, const std::vector<TestSpan>& spans = {{}}) {
    TraceDelivery delivery = RestartTest::delivery(trace, spans);
    delivery.repeated = true;
    delivery.accepted_at = clock.wall();
    return delivery;
  }
};

TEST_F(RestartTest, AcknowledgedPiecesAreNotSentAgainByTheNextProcess) {
  start({.max_batch_bytes = 2'000});
  std::vector<TestSpan> spans;
  for (std::uint64_t id = 1; id <= 30; ++id) {
    spans.push_back({.id = id, .parent = id == 1 ? 0u : 1u, .name = std::string(100, 'n')});
  }
  ASSERT_TRUE(connect());
  http.fail_request(3, FakeHttpClient::Fault::not_done);  // info, two pieces, then this one
  deliver({delivery(1, spans)});
  EXPECT_GT(workspace.table.size(), 0u);
  restart({.max_batch_bytes = 2'000});
  deliver({again(1, spans)});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::delivered);
  EXPECT_EQ(workspace.table.size(), 30u);
  EXPECT_EQ(std::set(workspace.table.begin(), workspace.table.end()).size(), 30u);
}

TEST_F(RestartTest, WhatIsDeliveredButNotDurablyIsNotSentAgain) {
  const TestSpan first{.id = 1}, second{.id = 2};
  deliver({delivery(1, {first}), delivery(2, {second})});
  lose_power();
  deliver({again(1, {first}), again(2, {second})});
  EXPECT_EQ(workspace.calls, (Calls{"info", "info"}));
  EXPECT_EQ(outcomes[1].kind, OutcomeKind::delivered);
  EXPECT_EQ(workspace.table.size(), 2u);
  EXPECT_EQ(possible_duplicates(), 0u);
}

TEST_F(RestartTest, WhatIsDurableIsForgotten) {
  for (std::uint64_t trace = 1; trace <= 3; ++trace) deliver({delivery(trace)});
  destination->deliveries_are_durable();
  restart();
  EXPECT_EQ(fs.content("/sent-spans").size(), 32u) << "a header alone";
}

TEST_F(RestartTest, SpansWhoseAnswerTheProcessDidNotLiveToSeeArePossibleDuplicates) {
  ASSERT_TRUE(connect());
  http.fail_request(1, FakeHttpClient::Fault::answer_lost);
  deliver({delivery(1, {{}, {.id = 2, .parent = 1}})});
  restart();
  deliver({again(1, {{}, {.id = 2, .parent = 1}})});
  EXPECT_EQ(workspace.table.size(), 4u);
  EXPECT_EQ(possible_duplicates(), 2u);
}

TEST_F(RestartTest, WhatWasNeverSentOrWasRefusedIsNoDuplicate) {
  ASSERT_TRUE(connect());
  http.fail_request(0, FakeHttpClient::Fault::answer_lost);  // of the info
  const TestSpan first{.id = 1}, second{.id = 2};
  deliver({delivery(1, {first})});
  workspace.refuse("spans", Workspace::error(429, "REQUEST_LIMIT_EXCEEDED"), 1);
  deliver({delivery(2, {second})});
  restart();
  deliver({again(1, {first}), again(2, {second})});
  EXPECT_EQ(workspace.table.size(), 2u);
  EXPECT_EQ(possible_duplicates(), 0u);
}

TEST_F(RestartTest, ADiskThatTakesNothingDoesNotStopDelivery) {
  ASSERT_TRUE(connect());
  fs.set_capacity(0);
  deliver({delivery(1)});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::delivered);
  ASSERT_TRUE(reporter.last_error());
  EXPECT_NE(reporter.last_error()->message.find("sent-spans"), std::string::npos);
  TraceDelivery begun = again(1);
  clock.advance(seconds(1));
  lose_power();
  deliver({begun});
  EXPECT_EQ(possible_duplicates(), 1u) << "nothing tells that it was sent";
}

TEST_F(UnityCatalogTest, ARefusedTableIsAskedForAgain) {
  ASSERT_TRUE(connect());
  workspace.refuse("spans", Workspace::error(404, "TABLE_DOES_NOT_EXIST"));
  deliver({delivery(1)});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::configuration);
  EXPECT_EQ(outcomes[0].failure.scope, FailureScope::experiment);
  workspace.forgive();
  workspace.destination = "main.agents.other";
  deliver({delivery(2)});
  EXPECT_EQ(workspace.tables.back(), "main.agents.other_otel_spans");
}

TEST_F(UnityCatalogTest, AThrottledInfoStopsTheBatch) {
  ASSERT_TRUE(connect());
  workspace.refuse("info", Workspace::error(429, "REQUEST_LIMIT_EXCEEDED"));
  deliver({delivery(1), delivery(2), delivery(3), delivery(4)});
  EXPECT_LE(workspace.calls.size(), 2u) << "those that were under way";
  for (const Outcome& outcome : outcomes) {
    EXPECT_EQ(outcome.kind, OutcomeKind::transient);
    EXPECT_EQ(outcome.failure.retry_after, seconds(1));
  }
}

TEST_F(UnityCatalogTest, RejectedSpansAreSearchedFor) {
  ASSERT_TRUE(connect());
  const std::string partial("\x0a\x09\x08\x01\x12\x05names", 11);
  workspace.refuse("spans", {200, {{"content-type", "application/x-protobuf"}}, partial}, 1);
  deliver({delivery(1), delivery(2)});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::poison) << outcomes[0].failure.message;
  EXPECT_TRUE(outcomes[0].batch);
  EXPECT_EQ(possible_duplicates(), 2u) << "which ones were rejected is not said";
}

TEST_F(UnityCatalogTest, SomethingElseBehindTheHostIsTold) {
  ASSERT_TRUE(connect());
  workspace.refuse("spans", {200, {{"content-type", "text/html"}}, "<html>"});
  deliver({delivery(1)});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::configuration);
  EXPECT_EQ(destination->server().state, State::refusing);
}

TEST_F(UnityCatalogTest, AChangeOfATraceIsRefusedWithoutARequest) {
  deliver({delivery(1, {{}}, DeliveryMode::change)});
  EXPECT_EQ(workspace.calls, Calls{});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::poison);
  EXPECT_TRUE(outcomes[0].indivisible);
}

TEST_F(UnityCatalogTest, TheTracesBesideAChangeAreDelivered) {
  const auto change = [](std::uint64_t trace) {
    return delivery(trace, {{}}, DeliveryMode::change);
  };
  deliver({change(1), delivery(2), delivery(3)});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::poison);
  EXPECT_EQ(outcomes[1].kind, OutcomeKind::delivered);
  EXPECT_EQ(outcomes[2].kind, OutcomeKind::delivered);
  deliver({delivery(4), change(5)});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::delivered);
  EXPECT_EQ(outcomes[1].kind, OutcomeKind::poison);
  EXPECT_TRUE(outcomes[1].indivisible);
  EXPECT_EQ(workspace.calls, (Calls{"info", "spans"}));
  EXPECT_EQ(workspace.infos.size(), 3u);
}

TEST_F(UnityCatalogTest, AnExperimentThatIsBoundToNothingTakesTheConfiguredLocation) {
  workspace.destination.clear();
  start({.trace_location = parse_trace_location("c.s.configured")});
  deliver({delivery(1)});
  EXPECT_EQ(workspace.tables, (Calls{"c.s.configured_otel_spans"}));
}

TEST_F(UnityCatalogTest, AnExperimentThatIsGoneHoldsItsLink) {
  ASSERT_TRUE(connect());
  workspace.refuse("experiment", Workspace::error(404, "RESOURCE_DOES_NOT_EXIST"));
  EXPECT_FALSE(connect("77"));
  EXPECT_EQ(hold.failure_class, FailureClass::configuration);
  EXPECT_EQ(hold.scope, FailureScope::link);
  EXPECT_NE(hold.remedy.find("/Shared/agent"), std::string::npos);
  const auto asked = std::ranges::count(workspace.calls, "experiment");
  clock.advance(minutes(2));
  workspace.forgive();
  EXPECT_TRUE(connect("77"));
  EXPECT_EQ(std::ranges::count(workspace.calls, "experiment"), asked + 1);
}

TEST_F(ExperimentStorageTest, TheInfoOnceThenOneFileAtASignedUrl) {
  deliver({delivery(1)});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::delivered) << outcomes[0].failure.message;
  EXPECT_EQ(workspace.calls, (Calls{"start", "credentials", "upload"}));
  EXPECT_EQ(info(1, "tr-")["trace_metadata"]["mlflow.modelId"], workspace.model_id);
  EXPECT_NE(workspace.files["/signed/file"].find("\"mlflow.traceRequestId\""), std::string::npos);
}

TEST_F(ExperimentStorageTest, EachLostAnswerEndsWithOneInfoAndItsFile) {
  for (std::size_t step = 0; step < 3; ++step) {
    SCOPED_TRACE(step);
    ASSERT_TRUE(connect());
    http.fail_request(step, FakeHttpClient::Fault::answer_lost);
    deliver({delivery(step + 1)});
    EXPECT_EQ(outcomes[0].kind, OutcomeKind::transient);
    TraceDelivery again = delivery(step + 1);
    again.repeated = true;
    deliver({again});
    EXPECT_EQ(outcomes[0].kind, OutcomeKind::delivered) << outcomes[0].failure.message;
    EXPECT_EQ(workspace.infos.at("tr-" + trace_id(step + 1).hex()).size(), 1u);
    EXPECT_EQ(spans_of_file(), Ids{1});
    workspace.files.clear();
  }
  EXPECT_EQ(possible_duplicates(), 0u);
}

TEST_F(ExperimentStorageTest, AnExpiredUrlIsReplacedOnce) {
  ASSERT_TRUE(connect());
  workspace.refuse("upload", {403, {}, "<Error>expired</Error>"}, 1);
  deliver({delivery(1)});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::delivered) << outcomes[0].failure.message;
  EXPECT_EQ(workspace.calls, (Calls{"start", "credentials", "upload", "credentials", "upload"}));
}

TEST_F(ExperimentStorageTest, AStoreThatRefusesEveryUrlHoldsTheExperiment) {
  ASSERT_TRUE(connect());
  workspace.refuse("upload", {403, {}, "<Error>denied</Error>"});
  deliver({delivery(1)});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::configuration);
  EXPECT_EQ(outcomes[0].failure.scope, FailureScope::experiment);
  EXPECT_EQ(outcomes[0].failure.message.find("sig="), std::string::npos);
  EXPECT_TRUE(outcomes[0].info_stored);
}

TEST_F(ExperimentStorageTest, SpansThatTheWorkspaceKeepsItselfAreNotUploaded) {
  workspace.spans_location = "TRACKING_STORE";
  deliver({delivery(1)});
  EXPECT_EQ(workspace.calls, (Calls{"start"}));
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::poison);
  EXPECT_TRUE(outcomes[0].indivisible);
}

TEST_F(ExperimentStorageTest, LateSpansJoinThoseOfTheFile) {
  deliver({delivery(1, {{}, {.id = 2, .parent = 1}})});
  deliver({delivery(1, {{.id = 3, .parent = 1}}, DeliveryMode::spans_only)});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::delivered) << outcomes[0].failure.message;
  EXPECT_EQ(workspace.calls, (Calls{"get", "credentials", "download", "credentials", "upload"}));
  EXPECT_EQ(spans_of_file(), (Ids{1, 2, 3}));
}

TEST_F(ExperimentStorageTest, ALateRootJoinsTheFileAndTheInfoStays) {
  deliver({delivery(1, {{.id = 2, .parent = 1}}, DeliveryMode::without_root)});
  deliver({delivery(1, {{}}, DeliveryMode::final_info)});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::delivered) << outcomes[0].failure.message;
  EXPECT_EQ(spans_of_file(), (Ids{1, 2}));
  EXPECT_EQ(info(1, "tr-")["state"], "IN_PROGRESS");
}

TEST_F(ExperimentStorageTest, WhatAnotherSenderStoredStays) {
  deliver({delivery(1, {{}, {.id = 2, .parent = 1}})});
  deliver({delivery(1, {{.id = 3, .parent = 2}}, DeliveryMode::without_root)});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::delivered) << outcomes[0].failure.message;
  EXPECT_EQ(spans_of_file(), (Ids{1, 2, 3}));
  EXPECT_EQ(workspace.infos.at("tr-" + trace_id(1).hex()).size(), 1u);
}

TEST_F(ExperimentStorageTest, ATraceThatAnotherSenderLinkedOtherwiseIsNotDelivered) {
  const std::string name = "tr-" + trace_id(1).hex();
  const auto stored_with = [&](const Workspace::Json& metadata) {
    workspace.infos[name] = {{{"trace_id", name}, {"trace_metadata", metadata}}};
  };
  const auto refused = [&] {
    EXPECT_EQ(outcomes[0].kind, OutcomeKind::poison);
    EXPECT_TRUE(outcomes[0].indivisible);
    EXPECT_EQ(workspace.calls, (Calls{"start", "get"}));
    return outcomes[0].failure.message;
  };
  stored_with({{"mlflow.trace_schema.version", "3"}});
  deliver({delivery(1)});
  EXPECT_NE(refused().find("without a link in place of " + workspace.model_id), std::string::npos);
  deliver({delivery(1, {})});
  EXPECT_NE(refused().find("replay"), std::string::npos) << "an info alone is linked no more";
  stored_with({{"mlflow.modelId", "m-other"}});
  deliver({delivery(1)});
  EXPECT_NE(refused().find("linked to m-other"), std::string::npos);
  stored_with({{"mlflow.modelId", workspace.model_id}});
  deliver({delivery(1, {})});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::delivered) << outcomes[0].failure.message;
  stored_with(Workspace::Json::object());
  deliver({delivery(1)});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::delivered) << "what is not shown is believed";
}

TEST_F(ExperimentStorageTest, ASpanThatComesAgainReplacesTheOneOfTheFile) {
  deliver({delivery(1, {{.name = "first"}})});
  deliver({delivery(1, {{.name = "second"}}, DeliveryMode::spans_only)});
  EXPECT_EQ(spans_of_file(), Ids{1});
  EXPECT_EQ(workspace.files.at("/signed/file").find("first"), std::string::npos);
}

TEST_F(ExperimentStorageTest, AFileThatCannotBeReadIsNotOverwritten) {
  ASSERT_TRUE(connect());
  deliver({delivery(1)});
  const auto refused = [this](DeliveryMode mode) {
    deliver({delivery(1, {{.id = 2, .parent = 1}}, mode)});
    EXPECT_EQ(outcomes[0].kind, OutcomeKind::poison);
    EXPECT_TRUE(outcomes[0].indivisible);
    EXPECT_NE(outcomes[0].failure.message.find("earlier spans"), std::string::npos);
  };
  workspace.refuse("download", {403, {}, "<Error>denied</Error>"});
  refused(DeliveryMode::spans_only);
  EXPECT_EQ(std::ranges::count(workspace.calls, "download"), 2) << "a fresh URL may be accepted";
  refused(DeliveryMode::without_root);
  EXPECT_EQ(spans_of_file(), Ids{1});
  workspace.forgive();
  workspace.files.at("/signed/file") = "<html>";
  refused(DeliveryMode::spans_only);
  EXPECT_EQ(workspace.files.at("/signed/file"), "<html>");
}

TEST_F(ExperimentStorageTest, AnotherAnswerOf404DoesNotReplaceTheFile) {
  ASSERT_TRUE(connect());
  for (const std::string volume : {"", "dbfs:/Volumes/main/agents/files/tr-1"}) {
    SCOPED_TRACE(volume);
    workspace.forgive();
    workspace.infos.clear();
    workspace.files.clear();
    workspace.artifact_location = volume;
    deliver({delivery(1)});
    workspace.refuse("download", {404, {}, "<html>no such page</html>"});
    deliver({delivery(1, {{.id = 2, .parent = 1}}, DeliveryMode::spans_only)});
    EXPECT_EQ(outcomes[0].kind, OutcomeKind::configuration);
    EXPECT_EQ(spans_of_file(), Ids{1});
  }
}

// Some stores refuse to tell that there is no file.
TEST_F(ExperimentStorageTest, AFileThatAnEarlierAttemptDidNotWriteIsWritten) {
  ASSERT_TRUE(connect());
  http.fail_request(0, FakeHttpClient::Fault::answer_lost);
  deliver({delivery(1)});
  workspace.refuse("download", {403, {}, "<Error>AccessDenied</Error>"});
  TraceDelivery again = delivery(1);
  again.repeated = true;
  deliver({again});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::delivered) << outcomes[0].failure.message;
  EXPECT_EQ(spans_of_file(), Ids{1});
}

TEST_F(ExperimentStorageTest, AFileThatIsTooLongToReadIsWrittenAgainIfItMayBeOurs) {
  const std::string url =
      R"({"credential_info":{"signed_uri":"https://store/signed/file","type":"AWS_PRESIGNED_URL"}})";
  const std::string info =
      R"({"trace":{"trace_info":{"trace_id":"tr-)" + trace_id(1).hex() + R"("}}})";
  for (const bool may_be_ours : {true, false}) {
    ASSERT_TRUE(connect());
    http.will_answer(Workspace::error(400, "INVALID_PARAMETER_VALUE", "it already exists"));
    http.will_answer(200, info);
    http.will_answer(200, url);
    http.will_answer(Error{ErrorCode::too_large, "the answer is longer than 16 MiB"});
    TraceDelivery again = delivery(1);
    again.repeated = may_be_ours;
    deliver({again});
    EXPECT_EQ(outcomes[0].kind, may_be_ours ? OutcomeKind::delivered : OutcomeKind::poison);
    EXPECT_EQ(spans_of_file(), may_be_ours ? Ids{1} : Ids{});
    workspace.files.clear();
  }
}

TEST_F(ExperimentStorageTest, LateSpansOfADeletedTraceDoNotBringItBack) {
  deliver({delivery(1)});
  workspace.infos.clear();
  deliver({delivery(1, {{.id = 2, .parent = 1}}, DeliveryMode::spans_only)});
  EXPECT_EQ(workspace.calls, Calls{"get"});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::poison);
  EXPECT_NE(outcomes[0].failure.message.find("deleted"), std::string::npos);
}

TEST_F(ExperimentStorageTest, AFileInAVolumeIsWrittenByTheWorkspace) {
  workspace.artifact_location = "dbfs:/Volumes/main/agents/files/tr 1";
  deliver({delivery(1)});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::delivered) << outcomes[0].failure.message;
  EXPECT_EQ(workspace.calls, (Calls{"start", "upload"}));
  const HttpRequest& put = http.last_request();
  EXPECT_EQ(put.method + " " + put.url,
            "PUT https://host/api/2.0/fs/files/Volumes/main/agents/files/tr%201/traces.json"
            "?overwrite=true");
  deliver({delivery(1, {{.id = 2, .parent = 1}}, DeliveryMode::spans_only)});
  EXPECT_EQ(workspace.calls, (Calls{"get", "download", "upload"}));
  EXPECT_EQ(spans_of_file(), (Ids{1, 2}));
}

TEST_F(ExperimentStorageTest, AVolumeThatRefusesHoldsTheExperimentWithTheGrant) {
  workspace.artifact_location = "dbfs:/Volumes/main/agents/files/tr-1";
  ASSERT_TRUE(connect());
  workspace.refuse("upload", Workspace::error(403, "PERMISSION_DENIED"));
  deliver({delivery(1)});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::configuration);
  EXPECT_EQ(outcomes[0].failure.scope, FailureScope::experiment);
  EXPECT_NE(outcomes[0].failure.remedy.find(
                "GRANT READ VOLUME, WRITE VOLUME ON VOLUME `main`.`agents`.`files`"),
            std::string::npos)
      << outcomes[0].failure.remedy;
  workspace.refuse("upload", Workspace::error(404, "NOT_FOUND"));
  deliver({delivery(1)});
  EXPECT_NE(outcomes[0].failure.remedy.find("volume"), std::string::npos);
}

TEST_F(ExperimentStorageTest, ATraceWhoseRootIsWithAnotherSenderIsLeftToIt) {
  deliver({delivery(1, {{.id = 2, .parent = 1, .flags = 0x300}}, DeliveryMode::without_root)});
  EXPECT_EQ(workspace.calls, Calls{});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::poison);
}

TEST_F(ExperimentStorageTest, ATraceWithoutItsRootIsStoredAsInProgress) {
  deliver({delivery(1, {{.id = 2, .parent = 1}}, DeliveryMode::without_root)});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::delivered);
  EXPECT_EQ(info(1, "tr-")["state"], "IN_PROGRESS");
}

TEST_F(ExperimentStorageTest, AzuresTwoStepsAreTakenInOrder) {
  workspace.upload_type = "AZURE_SAS_URI";
  deliver({delivery(1)});
  EXPECT_EQ(workspace.calls, (Calls{"start", "credentials", "upload", "upload"}));
}

TEST_F(ExperimentStorageTest, CancelEndsWhatIsUnderWay) {
  ASSERT_TRUE(connect());
  destination->deliver({delivery(1), delivery(2), delivery(3)},
                       [this](std::vector<Outcome> all) { outcomes = all; });
  destination->cancel();
  ASSERT_EQ(outcomes.size(), 3u);
  for (const Outcome& outcome : outcomes) EXPECT_EQ(outcome.kind, OutcomeKind::transient);
}

}  // namespace
}  // namespace tracelink
