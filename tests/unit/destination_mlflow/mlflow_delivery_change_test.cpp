#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "daemon/destination/mlflow/mlflow_delivery.hpp"
#include "daemon/mlflow/knowledge/provisional_ids.hpp"
#include "daemon/mlflow/rest/remedies.hpp"
#include "daemon/types/named_experiment.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_http_client.hpp"
#include "tests/support/trace_record.hpp"
#include "tests/unit/destination_mlflow/mlflow_server.hpp"

// Changes of traces, against servers that say what MLflow's say.
namespace tracelink {
namespace {

using Calls = std::vector<std::string>;

constexpr const char* kTag = R"({"kind":"set_tag","body":{"key":"team","value":"ml"}})";
constexpr const char* kNoTag = R"({"kind":"delete_tag","body":{"key":"team"}})";
constexpr const char* kFeedback =
    R"({"kind":"create_assessment","assessment_id":"a-1","body":{"assessment":{"assessment_id":"a-1"}}})";
constexpr const char* kUpdate =
    R"({"kind":"update_assessment","assessment_id":"a-1","body":{"assessment":{},"update_mask":"feedback"}})";

class MlflowDeliveryChangeTest : public ::testing::Test {
 protected:
  // Answers in place of 200 "{}". `call`: the method, and the path behind the trace.
  void will_say(const std::string& call, int status, const std::string& code,
                const std::string& message) {
    answers[call] = MlflowServer::error(status, code, message);
  }
  void knows_the_trace() {
    const nlohmann::json info = {
        {"trace_id", "tr-" + trace_id(1).hex()},
        {"trace_location", {{"mlflow_experiment", {{"experiment_id", "5"}}}}}};
    answers["GET "] = {200, {}, nlohmann::json{{"trace", {{"trace_info", info}}}}.dump()};
  }
  void does_not_know_the_trace() {
    will_say("GET ", 404, "RESOURCE_DOES_NOT_EXIST", "Trace with ID 'tr-' not found.");
  }
  Outcome deliver(const std::string& change, const std::string& experiment = {}) {
    TraceDelivery delivery;
    delivery.experiment = experiment;
    delivery.trace.info.trace_id = trace_id(1);
    delivery.mode = DeliveryMode::change;
    delivery.change = change;
    MlflowDelivery::Context context{.client = client,
                                    .request_slots = request_slots,
                                    .proof = proof,
                                    .texts = texts,
                                    .steps = steps,
                                    .capabilities = {},
                                    .model_id = "m-1",
                                    .experiment_id = "5",
                                    .metadata = {},
                                    .tags = {{"tracelink.version", "agent-v1"}},
                                    .max_post_bytes = 1u << 20};
    std::vector<Outcome> outcomes;
    std::vector<TraceDelivery> batch;
    batch.push_back(std::move(delivery));
    std::make_shared<MlflowDelivery>(std::move(context), std::move(batch),
                                     [&](std::vector<Outcome> all) { outcomes = std::move(all); })
        ->start();
    for (int n = 0; n < 100 && !http.idle(); ++n) http.poll(std::chrono::milliseconds(0));
    EXPECT_EQ(outcomes.size(), 1u);
    return outcomes.empty() ? Outcome{} : outcomes.front();
  }

  // What MLflow answers to a change that it has made.
  static HttpResponse made(const std::string& call) {
    const bool is_assessment =
        call.starts_with("POST /assessments") || call.starts_with("PATCH /a");
    if (is_assessment) return {200, {}, R"({"assessment":{"assessment_id":"a-1"}})"};
    return {200, {}, call == "POST " ? R"({"traces_deleted":1})" : "{}"};
  }

  Calls calls;
  std::map<std::string, HttpResponse> answers;
  FakeHttpClient http{[this](const HttpRequest& request) {
    const std::string name = "/tr-" + trace_id(1).hex();
    const auto at = request.url.find(name);
    const std::string rest = at == std::string::npos ? "" : request.url.substr(at + name.size());
    const std::string call = request.method + " " + rest;
    calls.push_back(call);
    const auto found = answers.find(call);
    return found == answers.end() ? made(call) : found->second;
  }};
  TrackingClient client{tracking_options(), http};
  RequestSlots request_slots{2};
  FakeClock clock;
  SpansProof proof{client, clock};
  ServerTexts texts;
  StepRecorder steps{clock};
};

TEST_F(MlflowDeliveryChangeTest, IsOneRequest) {
  EXPECT_EQ(deliver(kTag).kind, OutcomeKind::delivered);
  EXPECT_EQ(calls, Calls{"PATCH /tags"});
  EXPECT_EQ(http.last_request().body, R"({"key":"team","value":"ml"})");
  EXPECT_EQ(steps.counts()[static_cast<std::size_t>(DeliveryStep::change)].ok, 1u);
}

TEST_F(MlflowDeliveryChangeTest, NamesAnExperimentAsTheServerDoes) {
  const std::string told = provisional_id(named_experiment("new"));
  const std::string name = "tr-" + trace_id(1).hex();
  const std::string deletion = R"({"experiment_id":")" + told + R"(","request_ids":[")" + name;
  deliver(R"({"kind":"delete_trace","body":)" + deletion + "\"]}}", experiment_by_name("new"));
  EXPECT_EQ(http.last_request().body, R"({"experiment_id":"5","request_ids":[")" + name + "\"]}");
  const std::string artifacts = "/api/2.0/mlflow-artifacts/artifacts/";
  const std::string file = "/traces/" + name + "/artifacts/traces.json";
  const std::string upload = R"({"path":")" + artifacts + told + file + R"(","content":"cG5n"})";
  deliver(R"({"kind":"put_artifact","body":)" + upload + "}", experiment_by_name("new"));
  EXPECT_TRUE(http.last_request().url.ends_with(artifacts + "5" + file));
  const std::string tag = R"({"key":"team","value":")" + told + "\"}";
  deliver(R"({"kind":"set_tag","body":)" + tag + "}", experiment_by_name("new"));
  EXPECT_EQ(http.last_request().body, tag) << "what a user says stays";
}

TEST_F(MlflowDeliveryChangeTest, ATagThatIsGoneAlreadyIsGone) {
  will_say("DELETE /tags", 404, "RESOURCE_DOES_NOT_EXIST", "No trace tag with key 'team'");
  EXPECT_EQ(deliver(kNoTag).kind, OutcomeKind::delivered);
}

TEST_F(MlflowDeliveryChangeTest, OnlyMlflowsOwnWordsSayThatItIsMade) {
  for (const auto& [call, change] : std::map<std::string, std::string>{
           {"PATCH /tags", kTag},
           {"DELETE /tags", kNoTag},
           {"POST /assessments", kFeedback},
           {"POST ", R"({"kind":"delete_trace","body":{"experiment_id":"7"}})"}}) {
    ASSERT_EQ(deliver(change).kind, OutcomeKind::delivered) << call;
    answers[call] = {200, {}, R"({"status":"ok"})"};
    const Outcome outcome = deliver(change);
    EXPECT_EQ(outcome.kind, OutcomeKind::configuration) << call;
    EXPECT_EQ(outcome.failure.scope, FailureScope::server) << call;
    answers.clear();
  }
}

TEST_F(MlflowDeliveryChangeTest, ANulIsReplacedOnceItIsRefused) {
  const std::string tag = R"({"key":"team","value":"a\u0000b"})";
  const std::string change = R"({"kind":"set_tag","body":)" + tag + "}";
  EXPECT_EQ(deliver(change).kind, OutcomeKind::delivered);
  EXPECT_EQ(http.last_request().body, tag) << "only some databases refuse it";
  http.will_answer(MlflowServer::error(500, "INTERNAL_ERROR",
                                       "A string literal cannot contain NUL (0x00) characters."));
  EXPECT_EQ(deliver(change).kind, OutcomeKind::delivered);
  EXPECT_EQ(http.last_request().body, R"({"key":"team","value":"a\ufffdb"})");
  EXPECT_EQ(texts.repairs.nul, 1u);
}

// What comes of the trace behind a deletion is left out, so it is not taken for one that was made.
TEST_F(MlflowDeliveryChangeTest, ADeletionThatTheServerDidNotMakeIsRefused) {
  const std::string deletion = R"({"kind":"delete_trace","body":{"experiment_id":"7"}})";
  answers["POST "] = {200, {}, R"({"traces_deleted":0})"};
  knows_the_trace();
  const Outcome outcome = deliver(deletion);
  EXPECT_EQ(outcome.kind, OutcomeKind::poison);
  EXPECT_EQ(outcome.failure.message, "the server deleted no trace");
  EXPECT_EQ(outcome.failure.remedy, remedy::kDeletedElsewhere);
  does_not_know_the_trace();
  EXPECT_EQ(deliver(deletion).kind, OutcomeKind::delivered) << "it is gone, or never came";
  answers["POST "] = {200, {}, R"({"traces_deleted":1})"};
  calls.clear();
  EXPECT_EQ(deliver(deletion).kind, OutcomeKind::delivered);
  EXPECT_EQ(calls, Calls{"POST "});
}

// SQLite's words in older and newer servers.
TEST_F(MlflowDeliveryChangeTest, AnAssessmentThatIsThereAlreadyIsMade) {
  for (const int status : {400, 500}) {
    calls.clear();
    will_say("POST /assessments", status, "BAD_REQUEST",
             "(sqlite3.IntegrityError) UNIQUE constraint failed: assessments.assessment_id");
    answers["GET /assessments/a-1"] = {200, {}, R"({"assessment":{"assessment_id":"a-1"}})"};
    EXPECT_EQ(deliver(kFeedback).kind, OutcomeKind::delivered);
    EXPECT_EQ(calls, (Calls{"POST /assessments", "GET /assessments/a-1"}));
  }
}

TEST_F(MlflowDeliveryChangeTest, ATraceThatTheServerDoesNotKnowCannotBeChanged) {
  does_not_know_the_trace();
  will_say("PATCH /tags", 400, "BAD_REQUEST",
           "(sqlite3.IntegrityError) FOREIGN KEY constraint failed");
  will_say("POST /assessments", 404, "RESOURCE_DOES_NOT_EXIST", "Trace with ID 'x' not found.");
  will_say("GET /assessments/a-1", 404, "RESOURCE_DOES_NOT_EXIST", "Trace 'x' not found");
  will_say("PATCH /assessments/a-1", 404, "RESOURCE_DOES_NOT_EXIST", "Trace 'x' not found");
  for (const char* change : {kTag, kFeedback, kUpdate}) {
    const Outcome outcome = deliver(change);
    EXPECT_EQ(outcome.kind, OutcomeKind::poison);
    EXPECT_TRUE(outcome.failure.message.starts_with("it does not know tr-"))
        << outcome.failure.message;
    EXPECT_EQ(outcome.failure.remedy, remedy::kChangedTraceUnknown);
  }
}

TEST_F(MlflowDeliveryChangeTest, WhatTheServerRefusesOfATraceThatItKnowsIsRefusedForGood) {
  knows_the_trace();
  will_say("PATCH /assessments/a-1", 404, "RESOURCE_DOES_NOT_EXIST",
           "Assessment with ID 'a-1' not found");
  const Outcome outcome = deliver(kUpdate);
  EXPECT_EQ(outcome.kind, OutcomeKind::poison);
  EXPECT_EQ(outcome.failure.message, "Assessment with ID 'a-1' not found");
}

TEST_F(MlflowDeliveryChangeTest, AServerInTroubleIsAskedAgain) {
  knows_the_trace();
  will_say("PATCH /tags", 500, "INTERNAL_ERROR", "what?");
  EXPECT_EQ(deliver(kTag).kind, OutcomeKind::unknown);
  will_say("PATCH /tags", 503, "TEMPORARILY_UNAVAILABLE", "later");
  EXPECT_EQ(deliver(kTag).kind, OutcomeKind::transient);
  will_say("PATCH /tags", 401, "UNAUTHENTICATED", "who?");
  EXPECT_EQ(deliver(kTag).kind, OutcomeKind::configuration);
  http.fail_request(0, FakeHttpClient::Fault::answer_lost);
  EXPECT_EQ(deliver(kTag).kind, OutcomeKind::transient);
}

TEST_F(MlflowDeliveryChangeTest, WhatCannotBeReadIsADeadLetter) {
  const Outcome outcome = deliver("{}");
  EXPECT_EQ(outcome.kind, OutcomeKind::poison);
  EXPECT_EQ(outcome.failure.message, "it is no change of a trace: kind or body is wrong");
  EXPECT_TRUE(calls.empty());
}

}  // namespace
}  // namespace tracelink
