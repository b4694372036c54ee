#include "daemon/destination/mlflow/mlflow_delivery.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "daemon/mlflow/rest/remedies.hpp"
#include "daemon/mlflow/rest/trace_name.hpp"
#include "daemon/mlflow/trace/trace_metadata.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_http_client.hpp"
#include "tests/support/trace_record.hpp"
#include "tests/unit/destination_mlflow/mlflow_server.hpp"

namespace tracelink {
namespace {

using Calls = std::vector<std::string>;
using Mode = DeliveryMode;

const std::string kNul("a\0b", 3);

class MlflowDeliveryTest : public ::testing::Test {
 protected:
  MlflowDeliveryTest() {
    server_is(3, 18);
    proof.proven();
  }
  // The next POST is read back.
  void prove_again() { clock.advance(std::chrono::minutes(1)); }

  void server_is(int major, int minor) {
    capabilities = capabilities_of({.major = major, .minor = minor, .patch = 0, .text = {}});
  }
  static TraceDelivery delivery(std::uint64_t trace, Mode mode = Mode::whole,
                                std::uint64_t span_count = 1) {
    TraceDelivery delivery;
    const std::uint64_t first = mode == Mode::whole || mode == Mode::final_info ? 1 : 2;
    const std::string otlp = encode_spans(trace_id(trace), spans(first, first + span_count - 1));
    delivery.trace = *prepare_trace(trace_id(trace), {otlp});
    delivery.mode = mode;
    return delivery;
  }
  static TraceDelivery with_tokens(TraceDelivery delivery, bool from_mlflow = true) {
    TokenUsage usage;
    usage.input_tokens = 10;
    usage.output_tokens = 5;
    usage.total_tokens = 15;
    delivery.trace.info.token_usage = usage;
    delivery.trace.info.token_usage_from_mlflow = from_mlflow;
    return delivery;
  }
  static TraceDelivery with_nul(std::uint64_t trace, std::vector<TestSpan> spans = {{}}) {
    TraceDelivery delivery;
    spans.back().name = kNul;
    const std::string otlp = encode_spans(trace_id(trace), spans);
    delivery.trace = *prepare_trace(trace_id(trace), {otlp});
    return delivery;
  }
  // What an MLflow SDK tells of a trace, with so many of its spans.
  static TraceDelivery of_client(std::uint64_t trace, Mode mode, std::uint64_t span_count) {
    TraceDelivery told = delivery(trace, mode, span_count);
    TraceInfo& info = told.trace.info;
    info.is_of_client = true;
    info.metadata = {{"mlflow.trace.session", "s-1"}, {"mlflow.trace.sizeStats", "{}"}};
    info.client_request_id = "request-1";
    info.assessments = R"([{"assessment_id":"a-1"}])";
    return told;
  }
  static TraceDelivery repeated(TraceDelivery delivery) {
    delivery.repeated = true;
    return delivery;
  }
  void store(std::uint64_t trace, const std::string& experiment) {
    server.traces[std::to_string(trace)].experiment = experiment;
  }

  // Among them a span that reports so many input tokens.
  void store_spans(std::uint64_t trace, int input_tokens) {
    store(trace, "5");
    MlflowServer::Trace& stored = server.traces[std::to_string(trace)];
    stored.state = "ERROR";
    stored.request_time = "2026-11-23T11:54:31.043Z";
    stored.execution_duration = "1.500s";
    const std::string usage = R"({"input_tokens": )" + std::to_string(input_tokens) + "}";
    stored.spans = nlohmann::json::array(
        {{{"span_id", "AAAAAAAAAAE="},
          {"attributes",
           {{{"key", "mlflow.chat.tokenUsage"}, {"value", {{"string_value", usage}}}}}}}});
  }
  static std::string input_tokens_json(int input_tokens) {
    return R"({"input_tokens": )" + std::to_string(input_tokens) +
           R"(, "output_tokens": 0, "total_tokens": 0})";
  }
  nlohmann::json stored_tokens(std::uint64_t trace) {
    return server.traces[std::to_string(trace)].metadata.value("mlflow.trace.tokenUsage", "");
  }

  void begin(std::vector<TraceDelivery> batch) {
    MlflowDelivery::Context context{.client = client,
                                    .request_slots = request_slots,
                                    .proof = proof,
                                    .texts = texts,
                                    .steps = steps,
                                    .capabilities = capabilities,
                                    .model_id = model_id,
                                    .experiment_id = "5",
                                    .metadata = {{"mlflow.source.name", "app"}},
                                    .tags = {{"tracelink.version", "agent-v1"}},
                                    .max_post_bytes = max_post_bytes};
    under_way = std::make_shared<MlflowDelivery>(std::move(context), std::move(batch),
                                                 [this](std::vector<Outcome> all) {
                                                   ++times_done;
                                                   outcomes = std::move(all);
                                                 });
    under_way->start();
  }
  void finish() {
    for (int n = 0; n < 1000 && !http.idle(); ++n) http.poll(std::chrono::milliseconds(0));
    ASSERT_EQ(times_done, 1);
  }
  void deliver(std::vector<TraceDelivery> batch) {
    begin(std::move(batch));
    finish();
  }
  void deliver(TraceDelivery one) {
    std::vector<TraceDelivery> batch;
    batch.push_back(std::move(one));
    deliver(std::move(batch));
  }
  std::vector<OutcomeKind> kinds() const {
    std::vector<OutcomeKind> all;
    for (const Outcome& outcome : outcomes) all.push_back(outcome.kind);
    return all;
  }
  void expect_delivered() const {
    for (const Outcome& outcome : outcomes) {
      EXPECT_EQ(outcome.kind, OutcomeKind::delivered) << outcome.failure.message;
    }
  }
  nlohmann::json tokens_of(std::size_t body) const {
    const auto& metadata = server.bodies.at(body).at("trace_metadata");
    return metadata.value("mlflow.trace.tokenUsage", "");
  }

  MlflowServer server;
  FakeHttpClient http{[this](const HttpRequest& request) { return server.answer(request); }};
  TrackingClient client{tracking_options(), http};
  RequestSlots request_slots{2};
  FakeClock clock;
  SpansProof proof{client, clock};
  ServerTexts texts;
  StepRecorder steps{clock};
  Capabilities capabilities;
  std::string model_id = "m-1";
  std::uint64_t max_post_bytes = 1u << 20;
  std::shared_ptr<MlflowDelivery> under_way;
  std::vector<Outcome> outcomes;
  int times_done = 0;
};

TEST_F(MlflowDeliveryTest, TheInfoGoesBeforeTheSpans) {
  deliver(delivery(1));
  EXPECT_EQ(server.calls, (Calls{"start 1", "post 1"}));
  expect_delivered();
  EXPECT_EQ(server.traces["1"].metadata["mlflow.modelId"], "m-1");
  EXPECT_EQ(server.traces["1"].metadata["mlflow.source.name"], "app");
  EXPECT_EQ(server.traces["1"].state, "OK");
  EXPECT_EQ(server.traces["1"].experiment, "5");
  EXPECT_EQ(server.post_experiments, Calls{"5"});
}

TEST_F(MlflowDeliveryTest, RequestsAreCountedByStepAndClass) {
  server.refuse("start 2", MlflowServer::error(403, "PERMISSION_DENIED", "no"));
  prove_again();
  deliver({delivery(1), delivery(2), delivery(3, Mode::without_root)});
  const auto count = [this](DeliveryStep step) {
    return steps.counts()[static_cast<std::size_t>(step)];
  };
  EXPECT_EQ(count(DeliveryStep::info).ok, 1u);
  EXPECT_EQ(count(DeliveryStep::info).failures[FailureClass::configuration], 1u);
  EXPECT_EQ(count(DeliveryStep::info).time.counts().front(), 2u);
  EXPECT_EQ(count(DeliveryStep::spans).ok, 1u);
  EXPECT_EQ(count(DeliveryStep::read_back).ok, 1u);
  EXPECT_EQ(count(DeliveryStep::end).ok, 0u);
}

TEST_F(MlflowDeliveryTest, EveryInfoHasTheTagsUnlessTheTraceHasThem) {
  TraceDelivery own = delivery(3);
  own.trace.info.tags["tracelink.version"] = "mine";
  deliver({delivery(1), delivery(2, Mode::without_root), own});
  expect_delivered();
  Calls versions;
  for (const auto& info : server.bodies) {
    versions.push_back(info["tags"].value("tracelink.version", ""));
  }
  std::ranges::sort(versions);
  EXPECT_EQ(versions, (Calls{"agent-v1", "agent-v1", "mine"}));
  EXPECT_EQ(server.bodies[0]["tags"]["mlflow.traceName"], "span 1");
}

TEST_F(MlflowDeliveryTest, ALateRootBringsTheTagsToOldServersToo) {
  for (const int minor : {11, 18}) {
    server_is(3, minor);
    store(1, "5");
    times_done = 0;
    deliver(delivery(1, Mode::final_info));
    expect_delivered();
    EXPECT_NE(server.bodies.back()["tags"].dump().find("agent-v1"), std::string::npos) << minor;
  }
}

TEST_F(MlflowDeliveryTest, WithoutAModelNoLinkIsSent) {
  model_id.clear();
  deliver(delivery(1));
  expect_delivered();
  EXPECT_FALSE(server.traces["1"].metadata.contains("mlflow.modelId"));
}

TEST_F(MlflowDeliveryTest, WhatTheClientToldIsSentAsItWasTold) {
  deliver(of_client(1, Mode::whole, 2));
  EXPECT_EQ(server.calls, (Calls{"start 1", "post 1"}));
  expect_delivered();
  const auto& info = server.bodies.at(0);
  EXPECT_EQ(info["client_request_id"], "request-1");
  EXPECT_EQ(info["assessments"][0]["assessment_id"], "a-1");
  EXPECT_EQ(info["trace_metadata"]["mlflow.trace.session"], "s-1");
  EXPECT_EQ(info["trace_metadata"]["mlflow.modelId"], "m-1");
}

TEST_F(MlflowDeliveryTest, ALongRequestIdIsCutOnceTheDatabaseRefusesIt) {
  const HttpResponse too_long = MlflowServer::error(
      400, "BAD_REQUEST",
      "(psycopg2.errors.StringDataRightTruncation) value too long for type character varying(50)");
  TraceDelivery told = of_client(1, Mode::whole, 1);
  told.trace.info.client_request_id = std::string(49, 'x') + "\u20ac and more";
  deliver(told);
  expect_delivered();
  EXPECT_EQ(server.bodies.at(0)["client_request_id"], told.trace.info.client_request_id)
      << "not every database has a bound";
  server.bodies.clear();
  server.calls.clear();
  times_done = 0;
  server.refuse_once("start 1", too_long);
  deliver(told);
  expect_delivered();
  EXPECT_EQ(server.bodies.at(1)["client_request_id"], std::string(49, 'x') + "\u20ac");
  EXPECT_EQ(texts.repairs.length, 1u);
  times_done = 0;
  server.refuse("start 2", too_long);
  deliver(of_client(2, Mode::whole, 1));
  EXPECT_EQ(kinds(), std::vector{OutcomeKind::poison}) << "it is about something else";
}

TEST_F(MlflowDeliveryTest, AnInfoWithoutSpansIsAllThatIsSent) {
  prove_again();
  deliver({of_client(1, Mode::whole, 0), delivery(2), of_client(3, Mode::whole, 0)});
  EXPECT_EQ(std::ranges::count(server.calls, "post 2"), 1);
  EXPECT_EQ(server.traces.size(), 3u);
  expect_delivered();
  EXPECT_TRUE(outcomes[0].info_stored);
}

TEST_F(MlflowDeliveryTest, AnInfoThatComesAfterItsSpansKeepsItsSizes) {
  store(1, "5");
  deliver(of_client(1, Mode::final_info, 0));
  EXPECT_EQ(server.calls, (Calls{"start 1"}));
  expect_delivered();
  EXPECT_EQ(server.traces["1"].metadata["mlflow.trace.sizeStats"], "{}");
}

TEST_F(MlflowDeliveryTest, OldServersGetAnInfoThatComesAfterItsSpansByEndTrace) {
  server_is(3, 11);
  store(1, "5");
  deliver(of_client(1, Mode::final_info, 0));
  EXPECT_EQ(server.calls, (Calls{"get 1", "end 1"}));
  expect_delivered();
  EXPECT_EQ(server.traces["1"].metadata["mlflow.trace.session"], "s-1");
}

TEST_F(MlflowDeliveryTest, AnInfoWithoutSpansTellsItsTokens) {
  deliver(with_tokens(of_client(1, Mode::whole, 0)));
  expect_delivered();
  EXPECT_NE(tokens_of(0), "") << "nobody else can";
}

// MLflow 3.6 says of every trace that spans of it are stored.
TEST_F(MlflowDeliveryTest, AnInfoWithoutSpansTellsItsTokensWhereNoSpanHasAny) {
  server_is(3, 6);
  store_spans(1, 40);
  server.traces["1"].spans = nlohmann::json::array({{{"span_id", "AAAAAAAAAAE="}}});
  deliver(with_tokens(of_client(1, Mode::whole, 0)));
  EXPECT_EQ(server.calls, (Calls{"start 1", "read 1", "end 1"}));
  EXPECT_NE(stored_tokens(1), "");
  expect_delivered();
}

TEST_F(MlflowDeliveryTest, ABatchGoesInOnePostSortedById) {
  deliver({delivery(3), delivery(1), delivery(2)});
  EXPECT_EQ(server.calls.back(), "post 1 2 3");
  EXPECT_EQ(server.calls.size(), 4u);
  expect_delivered();
}

TEST_F(MlflowDeliveryTest, AsManyRequestsAtOnceAsThereAreSlots) {
  std::vector<TraceDelivery> batch;
  for (std::uint64_t trace = 1; trace <= 5; ++trace) batch.push_back(delivery(trace));
  begin(std::move(batch));
  EXPECT_EQ(http.requests().size(), 2u);
  http.poll(std::chrono::milliseconds(0));
  EXPECT_EQ(http.requests().size(), 4u);
  finish();
}

TEST_F(MlflowDeliveryTest, TracesThatDoNotFitOnePostGoInSeveral) {
  max_post_bytes = 2 * delivery(1).trace.otlp.size();
  deliver({delivery(4), delivery(3), delivery(2), delivery(1)});
  EXPECT_EQ(Calls(server.calls.end() - 2, server.calls.end()), (Calls{"post 1 2", "post 3 4"}));
  expect_delivered();
}

TEST_F(MlflowDeliveryTest, ALargeTraceGoesInSeveralPostsAlone) {
  max_post_bytes = delivery(1, Mode::spans_only).trace.otlp.size() * 2;
  deliver({delivery(1, Mode::whole, 5), delivery(2)});
  EXPECT_EQ(server.calls, (Calls{"start 1", "start 2", "post 1", "post 2", "post 1", "post 1"}));
  expect_delivered();
}

TEST_F(MlflowDeliveryTest, WhenAPostOfALargeTraceFailsTheRestIsNotSent) {
  max_post_bytes = delivery(1).trace.otlp.size() * 2;
  server.refuse("post 1", {503, {}, ""});
  deliver(delivery(1, Mode::whole, 5));
  EXPECT_EQ(server.calls, (Calls{"start 1", "post 1"}));
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::transient);
  EXPECT_FALSE(outcomes[0].batch);
}

TEST_F(MlflowDeliveryTest, NewServersCountTheTokensThemselves) {
  deliver({with_tokens(delivery(1)), with_tokens(delivery(2), false)});
  EXPECT_EQ(server.calls, (Calls{"start 1", "start 2", "post 1 2"}));
  EXPECT_EQ(tokens_of(0), "");
  EXPECT_EQ(tokens_of(1), "");
}

// Some span reports tokens in a way that only the server reads.
TEST_F(MlflowDeliveryTest, ASumThatMayLackSomeIsTakenFromTheServer) {
  for (const int minor : {11, 14, 18}) {
    SCOPED_TRACE(minor);
    server_is(3, minor);
    server.traces.clear();
    server.calls.clear();
    server.bodies.clear();
    times_done = 0;
    store_spans(1, 40);
    server.hides_earlier_spans = true;  // they stand for those of this POST
    TraceDelivery mixed = with_tokens(delivery(1));
    mixed.trace.info.may_report_tokens = mixed.trace.info.token_usage_partial = true;
    deliver(std::move(mixed));
    expect_delivered();
    if (minor == 18) {
      EXPECT_EQ(server.calls, (Calls{"start 1", "post 1"})) << "it has summed all of them";
    } else {
      EXPECT_EQ(server.calls, (Calls{"start 1", "post 1", "read 1", "end 1"}));
      EXPECT_EQ(stored_tokens(1), input_tokens_json(40));
    }
  }
}

TEST_F(MlflowDeliveryTest, TheFirstSpansAreReadBack) {
  prove_again();
  deliver({delivery(2), delivery(1)});
  EXPECT_EQ(server.calls, (Calls{"start 2", "start 1", "post 1 2", "get 1"}));
  expect_delivered();
  EXPECT_TRUE(proof.is_fresh());
}

TEST_F(MlflowDeliveryTest, SpansThatWentElsewhereAreNotDelivered) {
  prove_again();
  server.spans_go_elsewhere = true;
  deliver({delivery(1), delivery(2)});
  for (const Outcome& outcome : outcomes) {
    EXPECT_EQ(outcome.kind, OutcomeKind::configuration);
    EXPECT_EQ(outcome.failure.scope, FailureScope::server);
    EXPECT_EQ(outcome.failure.remedy, remedy::kSpansElsewhere);
    EXPECT_FALSE(outcome.spans_stored);
  }
  EXPECT_FALSE(proof.is_fresh());
}

TEST_F(MlflowDeliveryTest, OfATraceThatHasSpansTheSpansThemselvesAreReadBack) {
  prove_again();
  store_spans(1, 0);
  deliver(delivery(1, Mode::without_root));
  EXPECT_EQ(server.calls, (Calls{"get 1", "post 1", "read 1"}));
  expect_delivered();
  EXPECT_TRUE(proof.is_fresh());
  prove_again();
  times_done = 0;
  server.spans_go_elsewhere = true;
  deliver(delivery(1, Mode::spans_only, 4));
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::configuration);
}

TEST_F(MlflowDeliveryTest, OfALargeTraceTheSpansAreNotReadBack) {
  prove_again();
  store_spans(1, 0);
  max_post_bytes = delivery(1, Mode::spans_only).trace.otlp.size() * 2;
  deliver(delivery(1, Mode::spans_only, 4));
  EXPECT_EQ(server.calls, (Calls{"post 1", "post 1", "get 1"}));
  expect_delivered();
}

TEST_F(MlflowDeliveryTest, ATraceThatTheServerDoesNotShowYetProvesNothing) {
  prove_again();
  server.refuse("read 1", {200, {}, R"({"traces": []})"});
  deliver(delivery(1, Mode::spans_only));
  expect_delivered();
  EXPECT_FALSE(proof.is_fresh());
}

TEST_F(MlflowDeliveryTest, AnApplicationThatPromisesMoreSpansThanItSendsHoldsNobody) {
  for (const bool keeps_its_word : {false, true}) {
    SCOPED_TRACE(keeps_its_word);
    prove_again();
    times_done = 0;
    store_spans(1, 0);
    server.refuse("read 1", {200, {}, R"({"traces": []})"});
    TraceDelivery told = of_client(1, Mode::whole, 2);
    told.trace.info.metadata[kSizeStatsKey] =
        keeps_its_word ? R"({"num_spans": 2})" : R"({"num_spans": 3})";
    deliver(std::move(told));
    const auto kind = keeps_its_word ? OutcomeKind::configuration : OutcomeKind::delivered;
    EXPECT_EQ(outcomes.at(0).kind, kind);
    EXPECT_FALSE(proof.is_fresh());
  }
}

TEST_F(MlflowDeliveryTest, WhileTheReadBackFailsNothingIsDelivered) {
  prove_again();
  server.refuse_once("get 1", {503, {}, ""});
  deliver(delivery(1));
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::transient);
}

TEST_F(MlflowDeliveryTest, ATraceThatCannotBeReadAlthoughItIsStoredIsDelivered) {
  prove_again();
  server.refuse_once("get 1", MlflowServer::error(500, "INTERNAL_ERROR", "int too large"));
  deliver(delivery(1));
  expect_delivered();
  EXPECT_FALSE(proof.is_fresh());
}

TEST_F(MlflowDeliveryTest, AProofEndsWithTheConnection) {
  EXPECT_TRUE(proof.is_fresh());
  HttpResponse from_another = {200, {}, "3.18.0"};
  from_another.new_connection = true;
  http.will_answer(from_another);
  client.get_version([](auto&&) {});
  http.poll({});
  EXPECT_FALSE(proof.is_fresh());
}

TEST_F(MlflowDeliveryTest, ASuccessThatIsNotMlflowsHoldsTheServer) {
  server.refuse("post 1", {202, {}, ""});
  deliver(delivery(1));
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::configuration);
  EXPECT_EQ(outcomes[0].failure.scope, FailureScope::server);
  EXPECT_TRUE(outcomes[0].info_stored);
}

TEST_F(MlflowDeliveryTest, ServersThatSumWithoutRegardToParentsAreGivenAllTokens) {
  server_is(3, 14);
  deliver(with_tokens(delivery(1), false));
  EXPECT_NE(tokens_of(0), "");
}

TEST_F(MlflowDeliveryTest, NoServerCanCountTheTokensOfATraceInSeveralPosts) {
  max_post_bytes = delivery(1).trace.otlp.size() * 2;
  deliver(with_tokens(delivery(1, Mode::whole, 5), false));
  EXPECT_NE(tokens_of(0), "");
}

TEST_F(MlflowDeliveryTest, OldServersAreGivenTheTokensAfterTheSpans) {
  server_is(3, 11);
  deliver(with_tokens(delivery(1), false));
  EXPECT_EQ(server.calls, (Calls{"start 1", "post 1", "end 1"}));
  EXPECT_EQ(tokens_of(0), "") << "the spans' own would be added";
  EXPECT_EQ(nlohmann::json::parse(std::string(
                server.traces["1"].metadata["mlflow.trace.tokenUsage"]))["total_tokens"],
            15);
  EXPECT_EQ(server.traces["1"].metadata["mlflow.modelId"], "m-1");
  expect_delivered();
}

TEST_F(MlflowDeliveryTest, OldServersNeedNoRepairWithoutTokens) {
  server_is(3, 11);
  deliver(delivery(1));
  EXPECT_EQ(server.calls, (Calls{"start 1", "post 1"}));
}

TEST_F(MlflowDeliveryTest, ATraceWhoseRepairFailsIsNotDelivered) {
  server_is(3, 11);
  server.refuse("end 1", {503, {}, ""});
  deliver(with_tokens(delivery(1)));
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::transient);
  EXPECT_TRUE(outcomes[0].info_stored);
}

TEST_F(MlflowDeliveryTest, ARunThatTheServerRefusesCostsTheTraceNothing) {
  server.refuse("run", MlflowServer::error(404, "RESOURCE_DOES_NOT_EXIST", "no such run"));
  TraceDelivery named = delivery(1);
  named.trace.run_id = "r-1";
  deliver(std::move(named));
  EXPECT_EQ(server.calls, (Calls{"start 1", "post 1", "run"}));
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::delivered);
}

TEST_F(MlflowDeliveryTest, ARunIsNamedAgainOnceTheCredentialsAreRight) {
  server.refuse("run", MlflowServer::error(401, "UNAUTHENTICATED", "who are you?"));
  TraceDelivery named = delivery(1);
  named.trace.run_id = "r-1";
  deliver(std::move(named));
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::configuration);
  EXPECT_TRUE(outcomes[0].spans_stored);
}

TEST_F(MlflowDeliveryTest, NewServersTakeARepeatedInfo) {
  store(1, "5");
  deliver(repeated(delivery(1)));
  EXPECT_EQ(server.calls, (Calls{"start 1", "post 1"}));
}

TEST_F(MlflowDeliveryTest, OldServersAreAskedBeforeAnInfoIsRepeated) {
  server_is(3, 12);
  store(1, "5");
  deliver({repeated(delivery(1)), repeated(delivery(2))});
  EXPECT_EQ(server.calls, (Calls{"get 1", "get 2", "start 2", "post 1", "post 1 2", "end 1"}))
      << "the root of 1 goes ahead for its times";
  EXPECT_EQ(server.traces["1"].metadata["mlflow.modelId"], "m-1");
  expect_delivered();
}

TEST_F(MlflowDeliveryTest, WithoutTheRootAnUnknownTraceIsBegun) {
  deliver(delivery(1, Mode::without_root));
  EXPECT_EQ(server.calls, (Calls{"get 1", "start 1", "post 1"}));
  EXPECT_EQ(server.traces["1"].state, "IN_PROGRESS");
  EXPECT_EQ(server.traces["1"].metadata["mlflow.modelId"], "m-1");
}

TEST_F(MlflowDeliveryTest, WithoutTheRootAKnownTraceGetsSpansWhereItLives) {
  store(1, "77");
  deliver({delivery(1, Mode::without_root), delivery(2, Mode::without_root)});
  EXPECT_EQ(server.calls, (Calls{"get 1", "get 2", "start 2", "post 1", "post 2"}));
  EXPECT_EQ(server.post_experiments, (Calls{"77", "5"}));
  EXPECT_FALSE(server.traces["1"].metadata.contains("mlflow.modelId")) << "it is another's";
  expect_delivered();
}

TEST_F(MlflowDeliveryTest, LateSpansGoAlone) {
  deliver({delivery(1, Mode::spans_only), delivery(2, Mode::spans_only)});
  EXPECT_EQ(server.calls, Calls{"post 1 2"});
  expect_delivered();
}

TEST_F(MlflowDeliveryTest, ALateRootRepeatsTheInfoOnNewServers) {
  store(1, "5");
  deliver(delivery(1, Mode::final_info));
  EXPECT_EQ(server.calls, (Calls{"start 1", "post 1"}));
  EXPECT_EQ(server.traces["1"].state, "OK");
  EXPECT_FALSE(server.traces["1"].metadata.contains("mlflow.trace.sizeStats"))
      << "the sizes of the late spans are not those of the trace";
}

TEST_F(MlflowDeliveryTest, ALateRootEndsTheTraceOnOldServers) {
  server_is(3, 9);
  store(1, "5");
  deliver(delivery(1, Mode::final_info));
  EXPECT_EQ(server.calls, (Calls{"get 1", "post 1", "end 1"}));
  EXPECT_EQ(server.traces["1"].state, "OK");
  EXPECT_EQ(server.traces["1"].metadata["mlflow.modelId"], "m-1");
}

TEST_F(MlflowDeliveryTest, LateTokensBringTheSumOverAllStoredSpans) {
  store_spans(1, 40);
  deliver(with_tokens(delivery(1, Mode::spans_only)));
  EXPECT_EQ(server.calls, (Calls{"post 1", "read 1", "end 1"}));
  EXPECT_EQ(stored_tokens(1), input_tokens_json(40));
  EXPECT_EQ(server.traces["1"].state, "ERROR") << "the state is the trace's, not that of the spans";
  EXPECT_EQ(server.bodies.back()["timestamp_ms"], 1'795'434'871'043 + 1'500);
  expect_delivered();
}

TEST_F(MlflowDeliveryTest, TokensInAWayThatOnlyServersReadAreLookedForToo) {
  store_spans(1, 40);
  TraceDelivery late = delivery(1, Mode::spans_only);
  late.trace.info.may_report_tokens = true;
  deliver(std::move(late));
  EXPECT_EQ(stored_tokens(1), input_tokens_json(40));
}

TEST_F(MlflowDeliveryTest, ASumThatIsRightAlreadyIsNotWritten) {
  store_spans(1, 40);
  server.traces["1"].metadata["mlflow.trace.tokenUsage"] = input_tokens_json(40);
  deliver(with_tokens(delivery(1, Mode::spans_only)));
  EXPECT_EQ(server.calls, (Calls{"post 1", "read 1"}));
  expect_delivered();
}

TEST_F(MlflowDeliveryTest, ASumThatCannotBeReadIsLeftAsItIs) {
  store_spans(1, 40);
  server.refuse("read 1", MlflowServer::error(403, "PERMISSION_DENIED", "no"));
  deliver(with_tokens(delivery(1, Mode::spans_only)));
  EXPECT_EQ(server.calls, (Calls{"post 1", "read 1"}));
  expect_delivered();
}

TEST_F(MlflowDeliveryTest, AFailureAfterTheSpansSaysThatTheyAreStored) {
  store_spans(1, 40);
  server.refuse("read 1", {503, {}, ""});
  deliver(with_tokens(delivery(1, Mode::spans_only)));
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::transient);
  EXPECT_TRUE(outcomes[0].info_stored);
  EXPECT_TRUE(outcomes[0].spans_stored);
}

TEST_F(MlflowDeliveryTest, ALateRootBringsTheSumOverAllStoredSpans) {
  store_spans(1, 40);
  deliver(with_tokens(delivery(1, Mode::final_info)));
  EXPECT_EQ(server.calls, (Calls{"start 1", "post 1", "read 1", "end 1"}));
  EXPECT_EQ(tokens_of(0), "") << "its own tokens are not those of the trace";
  EXPECT_EQ(stored_tokens(1), input_tokens_json(40));
  EXPECT_EQ(server.traces["1"].state, "OK") << "the state is that of the root";
}

TEST_F(MlflowDeliveryTest, ATraceOfWhichAnotherDaemonSentSpansHasTheSumOfBoth) {
  store_spans(1, 40);
  deliver(with_tokens(delivery(1)));
  EXPECT_EQ(server.calls, (Calls{"start 1", "post 1", "read 1", "end 1"}));
  EXPECT_EQ(stored_tokens(1), input_tokens_json(40));
}

TEST_F(MlflowDeliveryTest, AnInfoThatGoesWithTheStoredTraceNoMoreEndsItInstead) {
  store_spans(1, 0);
  server.traces["1"].experiment = "7";
  server.refuse("start 1", MlflowServer::error(400, "INVALID_PARAMETER_VALUE",
                                               "Trace with ID 'tr-1' already exists in another "
                                               "experiment."));
  deliver(delivery(1));
  EXPECT_EQ(server.calls, (Calls{"start 1", "get 1", "post 1", "post 1", "end 1"}));
  EXPECT_EQ(server.post_experiments, (Calls{"7", "7"}));
  EXPECT_EQ(server.traces["1"].metadata["mlflow.modelId"], "m-1");
  expect_delivered();
}

TEST_F(MlflowDeliveryTest, LateSpansGoWhereTheirTraceLives) {
  store(1, "7");
  server.refuse_once("post 1", MlflowServer::error(400, "INVALID_PARAMETER_VALUE",
                                                   "Trace with ID 'tr-1' already exists in another "
                                                   "experiment."));
  deliver(delivery(1, Mode::spans_only));
  EXPECT_EQ(server.calls, (Calls{"post 1", "get 1", "post 1"}));
  EXPECT_EQ(server.post_experiments, (Calls{"5", "7"}));
  expect_delivered();
}

TEST_F(MlflowDeliveryTest, NulStaysWhereTheServerTakesIt) {
  deliver(with_nul(1));
  EXPECT_EQ(server.calls, (Calls{"start 1", "post 1"}));
  EXPECT_NE(server.last_post.find(kNul), std::string::npos);
  EXPECT_EQ(texts.repairs.total(), 0u);
}

TEST_F(MlflowDeliveryTest, NulIsReplacedOnceTheServerRefusedIt) {
  server.refused_text = kNul;
  std::vector<TraceDelivery> batch;
  batch.push_back(with_nul(1));
  batch.push_back(delivery(2));
  deliver(std::move(batch));
  EXPECT_EQ(server.calls, (Calls{"start 1", "start 2", "post 1 2", "post 1 2"}));
  EXPECT_NE(server.last_post.find("a\uFFFDb"), std::string::npos);
  expect_delivered();
  EXPECT_EQ(texts.repairs.nul, 1u);

  server.calls.clear();
  times_done = 0;
  deliver(with_nul(3));
  EXPECT_EQ(server.calls, (Calls{"start 3", "post 3"}));
  expect_delivered();
  EXPECT_EQ(texts.repairs.nul, 2u);
}

TEST_F(MlflowDeliveryTest, ARefusedNulInALargeTraceBeginsItAgain) {
  server.refused_text = kNul;
  max_post_bytes = 100;
  deliver(with_nul(1, {{.id = 1}, {.id = 2, .parent = 1}, {.id = 3, .parent = 1}}));
  EXPECT_EQ(std::ranges::count(server.calls, "post 1"), 6);  // the third was refused
  EXPECT_NE(server.last_post.find("a\uFFFDb"), std::string::npos);
  expect_delivered();
}

TEST_F(MlflowDeliveryTest, ARefusedNulThatIsNotThereIsPoison) {
  server.refuse("post 1", MlflowServer::error(500, "INTERNAL_ERROR",
                                              "A string literal cannot contain NUL (0x00) "
                                              "characters."));
  deliver(delivery(1));
  EXPECT_EQ(server.calls, (Calls{"start 1", "post 1"}));
  EXPECT_EQ(kinds(), std::vector{OutcomeKind::poison});
}

// MLflow 3.6 says of every refusal of the database no more than this.
TEST_F(MlflowDeliveryTest, ARefusalWithoutAReasonMayBeAboutNul) {
  const HttpResponse bare{422, {}, R"({"detail": "Failed to log OpenTelemetry spans"})"};
  server.refuse_once("post 1", bare);
  deliver(with_nul(1));
  EXPECT_EQ(server.calls, (Calls{"start 1", "post 1", "post 1"}));
  EXPECT_NE(server.last_post.find("a\uFFFDb"), std::string::npos);
  expect_delivered();
  EXPECT_FALSE(texts.refuses_nul) << "it was a guess";

  server.calls.clear();
  times_done = 0;
  server.refuse_once("post 2", bare);
  deliver(delivery(2));
  EXPECT_EQ(server.calls, (Calls{"start 2", "post 2"})) << "there is no NUL";
}

TEST_F(MlflowDeliveryTest, ARepeatedDeliveryCountsNoRepair) {
  texts.refuses_nul = true;
  deliver(repeated(with_nul(1)));
  expect_delivered();
  EXPECT_EQ(texts.repairs.total(), 0u);
}

TEST_F(MlflowDeliveryTest, ARefusedInfoConcernsItsTraceAlone) {
  server.refuse("start 2", MlflowServer::error(400, "INVALID_PARAMETER_VALUE", "too long"));
  deliver({delivery(1), delivery(2), delivery(3)});
  EXPECT_EQ(kinds(), (std::vector<OutcomeKind>{OutcomeKind::delivered, OutcomeKind::poison,
                                               OutcomeKind::delivered}));
  EXPECT_EQ(server.calls.back(), "post 1 3");
  EXPECT_FALSE(outcomes[1].batch);
  EXPECT_FALSE(outcomes[1].info_stored);
}

TEST_F(MlflowDeliveryTest, ARefusedPostConcernsAllThatWereInIt) {
  server.refuse("post 1 2", MlflowServer::error(400, "INVALID_PARAMETER_VALUE", "bad span"));
  deliver({delivery(1), delivery(2)});
  for (const Outcome& outcome : outcomes) {
    EXPECT_EQ(outcome.kind, OutcomeKind::poison);
    EXPECT_TRUE(outcome.batch);
    EXPECT_TRUE(outcome.info_stored);
  }
}

TEST_F(MlflowDeliveryTest, ARefusedPostOfOneTraceIsAboutIt) {
  server.refuse("post 1", {422, {}, R"({"detail": "Failed to log OpenTelemetry spans"})"});
  deliver(delivery(1));
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::unknown);
  EXPECT_FALSE(outcomes[0].batch);
  EXPECT_TRUE(outcomes[0].info_stored);
}

TEST_F(MlflowDeliveryTest, AnInfoWhoseLinkIsNotEchoedIsNotStored) {
  const std::string echo = R"({"trace": {"trace_info": {"trace_id": ")" + trace_name(trace_id(1)) +
                           R"(", "trace_metadata": {}}}})";
  server.refuse("start 1", {200, {}, echo});
  deliver(delivery(1));
  EXPECT_EQ(server.calls, Calls{"start 1"});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::unknown);
  EXPECT_FALSE(outcomes[0].info_stored);
}

TEST_F(MlflowDeliveryTest, AfterAFailureThatAllWouldMeetNoMoreInfosAreSent) {
  server.refuse("start 3", {401, {}, "You are not authenticated."});
  std::vector<TraceDelivery> batch;
  for (std::uint64_t trace = 1; trace <= 9; ++trace) batch.push_back(delivery(trace));
  deliver(std::move(batch));
  EXPECT_EQ(server.calls, (Calls{"start 1", "start 2", "start 3", "start 4", "post 1 2 4"}));
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::delivered);
  EXPECT_EQ(outcomes[8].kind, OutcomeKind::configuration);
}

TEST_F(MlflowDeliveryTest, AnUnreachableServerIsNotAskedForEveryTrace) {
  const Error down{ErrorCode::unavailable, "connection refused"};
  for (int n = 0; n < 2; ++n) http.will_answer(down);
  std::vector<TraceDelivery> batch;
  for (std::uint64_t trace = 1; trace <= 9; ++trace) batch.push_back(delivery(trace));
  deliver(std::move(batch));
  EXPECT_EQ(http.requests().size(), 2u);
  for (const Outcome& outcome : outcomes) {
    EXPECT_EQ(outcome.kind, OutcomeKind::transient);
    EXPECT_EQ(outcome.failure.http_status, 0);
  }
}

TEST_F(MlflowDeliveryTest, WhenTheConnectionIsLostBetweenInfoAndSpansNothingIsDelivered) {
  http.fail_request(2, FakeHttpClient::Fault::not_done);
  deliver({delivery(1), delivery(2)});
  EXPECT_EQ(kinds(), (std::vector<OutcomeKind>(2, OutcomeKind::transient)));
  EXPECT_TRUE(outcomes[0].info_stored);
}

TEST_F(MlflowDeliveryTest, ABusyServerSaysWhenToComeBack) {
  server.refuse("start 1", {429, {{"retry-after", "30"}}, ""});
  deliver(delivery(1));
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::transient);
  EXPECT_EQ(outcomes[0].failure.retry_after, std::chrono::seconds(30));
}

TEST_F(MlflowDeliveryTest, AnAbortedDeliverySendsNothingMore) {
  std::vector<TraceDelivery> batch;
  for (std::uint64_t trace = 1; trace <= 9; ++trace) batch.push_back(delivery(trace));
  begin(std::move(batch));
  http.poll(std::chrono::milliseconds(0));
  Failure stopping;
  stopping.message = "stopping";
  under_way->abort(stopping);
  http.cancel_all();
  EXPECT_EQ(times_done, 1);
  EXPECT_TRUE(http.idle());
  EXPECT_EQ(outcomes.size(), 9u);
  for (const Outcome& outcome : outcomes) EXPECT_EQ(outcome.kind, OutcomeKind::transient);
  EXPECT_TRUE(outcomes[0].info_stored);
}

}  // namespace
}  // namespace tracelink
