#include "daemon/mlflow/rest/trace_change.hpp"
#include "tests/unit/ipc_server/mlflow_fixture.hpp"

namespace tracelink {
namespace {

TEST_F(MlflowServerTest, StoresATraceInfoAndAnswersAsMlflowDoes) {
  start_in_front();
  store_spans(2);
  RawClient client = connect_mlflow();
  for (int n = 0; n < 2; ++n) {
    client.send(request("POST", "/api/3.0/mlflow/traces", "", trace_info(2)));
    const Answer answer = read_answer(client);
    EXPECT_TRUE(answer.has("200 OK")) << answer.head << answer.body;
    EXPECT_TRUE(answer.says("TRACKING_STORE")) << "the spans are here";
    EXPECT_TRUE(answer.says("mlflow-artifacts:/12/traces/tr-")) << answer.body;
  }
  const auto record = sink().wait_for(2).front();
  EXPECT_EQ(record.experiment, "12");
  ASSERT_EQ(record.slices.size(), 1u);
  EXPECT_EQ(record.slices[0].trace_id.hex(), kTrace);
  EXPECT_TRUE(record.slices[0].info.starts_with("{\"trace_id\""));
  EXPECT_EQ(stats().accepted_infos, 2u);
  EXPECT_TRUE(tracking.requests().empty()) << "the server is not asked";
}

TEST_F(MlflowServerTest, SaysWhichSpansAreMissing) {
  start_in_front();
  store_spans(1);
  const Answer answer = ask(request("POST", "/api/3.0/mlflow/traces", "", trace_info(2)));
  EXPECT_TRUE(answer.has("200 OK"));
  EXPECT_FALSE(answer.says("TRACKING_STORE"));
}

TEST_F(MlflowServerTest, TakesSpansAsTheOtherListenersDo) {
  start_in_front();
  const Answer answer = ask(request(
      "POST", "/v1/traces",
      "Content-Type: application/x-protobuf\r\nx-mlflow-experiment-id: 12\r\n", one_span(1)));
  EXPECT_TRUE(answer.has("200 OK"));
  EXPECT_EQ(answer.body, "");
  EXPECT_EQ(sink().wait_for(1).front().experiment, "12");
}

TEST_F(MlflowServerTest, ARunGoesWithTheSpansAndWhatIsHeldForTheSdkIsCounted) {
  start_in_front(false);
  RawClient client = connect_mlflow();
  client.send(request("POST", "/v1/traces",
                      "Content-Type: application/x-protobuf\r\nx-mlflow-experiment-id: 12\r\n"
                      "x-mlflow-run-id: run-7\r\n",
                      one_span(1, 100'000)));
  const AcceptedRequest sent = sink().wait_for(1).front();
  EXPECT_EQ(sent.experiment, "12");
  EXPECT_NE(sent.slices.at(0).otlp.find("run-7"), std::string::npos);
  ASSERT_EQ(sent.to_hold.size(), 1u);
  EXPECT_EQ(sent.to_hold[0].slice, sent.slices[0]);
  EXPECT_GT(stats().in_flight_bytes, 200'000u);
  sink().answer({});
  EXPECT_TRUE(read_answer(client).has("200 OK"));
}

TEST_F(MlflowServerTest, RefusesATraceInfoThatCannotBeKept) {
  start_in_front();
  const Answer wrong = ask(request("POST", "/api/3.0/mlflow/traces", "", "{}"));
  EXPECT_TRUE(wrong.has("400"));
  EXPECT_TRUE(wrong.says("INVALID_PARAMETER_VALUE")) << wrong.body;
  const Answer large = ask(request("POST", "/api/3.0/mlflow/traces", "",
                                   trace_info(1, ",\"x\":\"" + std::string(1u << 20, 'x') + "\"")));
  EXPECT_TRUE(large.has("413")) << large.head;
  EXPECT_TRUE(sink().requests().empty());
  EXPECT_EQ(stats().invalid_requests, 1u);
  EXPECT_EQ(stats().too_large_requests, 1u);
}

// JavaScript writes it where a preview was cut inside an emoji.
TEST_F(MlflowServerTest, KeepsATraceInfoWithHalfACharacter) {
  start_in_front();
  const Answer answer = ask(request("POST", "/api/3.0/mlflow/traces", "",
                                    trace_info(1, R"(,"request_preview":"cut \ud83d")")));
  EXPECT_TRUE(answer.has("200 OK")) << answer.body;
  EXPECT_NE(sink().wait_for(1).front().slices[0].info.find("cut \xef\xbf\xbd"), std::string::npos);
  EXPECT_EQ(stats().replaced_surrogates, 1u);
}

// As the server takes it, which knows no rule for names of traces.
TEST_F(MlflowServerTest, ATraceOfAnotherNameIsPassedOn) {
  tracking.answer_with({.body = "{}"});
  start_in_front();
  const std::string traces = "/api/2.0/mlflow/traces/";
  const std::pair<std::string, std::string> asked[] = {
      {"/api/3.0/mlflow/traces", R"({"trace":{"trace_info":{"trace_id":"tr-1234"}}})"},
      {traces + "link-prompts", R"({"trace_id":"tr-1234","prompt_versions":[]})"},
      {traces + "delete-traces",
       R"({"request_ids":["tr-1234","tr-)" + std::string(kTrace) + "\"]}"}};
  for (const auto& [path, body] : asked) {
    EXPECT_TRUE(ask(request("POST", path, "Authorization: Bearer own\r\n", body)).has("200 OK"));
    const auto passed = tracking.requests().back();
    EXPECT_EQ(passed.target, path);
    EXPECT_EQ(passed.body, body);
  }
  EXPECT_TRUE(sink().requests().empty());
}

TEST_F(MlflowServerTest, SaysThatATraceOfAnotherNameNeedsTheServer) {
  start_alone();
  const Answer answer = ask(request("POST", "/api/3.0/mlflow/traces", "",
                                    R"({"trace":{"trace_info":{"trace_id":"tr-1234"}}})"));
  EXPECT_TRUE(answer.has("503"));
  EXPECT_TRUE(answer.says("TEMPORARILY_UNAVAILABLE")) << answer.body;
  EXPECT_TRUE(answer.says("if their ids are tr- and 32 hex digits")) << answer.body;
}

TEST_F(MlflowServerTest, KnowsAVersionAlsoWithoutTheServer) {
  start_alone();
  EXPECT_EQ(ask(request("GET", "/version")).body, "3.6.0");
  version = "3.17.2";
  EXPECT_EQ(ask(request("GET", "/version")).body, "3.17.2");
  version.clear();
  EXPECT_EQ(ask(request("GET", "/version")).body, "3.17.2") << "what it was is remembered";
}

TEST_F(MlflowServerTest, AsksForAnExperimentOnceAndRemembersIt) {
  tracking.answer_with({.body = kExperiment});
  start_in_front();
  const std::string asked =
      request("GET", "/api/2.0/mlflow/experiments/get-by-name?experiment_name=support",
              "Authorization: Bearer own\r\n");
  EXPECT_EQ(ask(asked).body, kExperiment);
  ASSERT_EQ(tracking.requests().size(), 1u);
  EXPECT_EQ(tracking.requests()[0].headers.at("authorization"), "Bearer own");
  tracking.answer_with({.hold = true});
  EXPECT_EQ(ask(asked).body, kExperiment) << "a server that hangs is not waited for";
  EXPECT_EQ(ask(request("GET", "/api/2.0/mlflow/experiments/get?experiment_id=12")).body,
            kExperiment);
  tracking.release();
}

// A proxy before the server would compress it, and what was asked for by a client would be read
// here.
TEST_F(MlflowServerTest, AsksForPlainAnswersWhereItReadsThem) {
  tracking.answer_with({.body = kExperiment});
  start_in_front();
  const std::string accepts = "Accept-Encoding: gzip, deflate\r\n";
  ask(request("GET", "/api/2.0/mlflow/experiments/get-by-name?experiment_name=support", accepts));
  ask(request("GET", "/api/2.0/mlflow/runs/get?run_id=1", accepts));
  ASSERT_EQ(tracking.requests().size(), 2u);
  EXPECT_FALSE(tracking.requests()[0].headers.contains("accept-encoding"));
  EXPECT_EQ(tracking.requests()[1].headers.at("accept-encoding"), "gzip, deflate");
}

TEST_F(MlflowServerTest, GivesTheServersAnswerAboutAnExperimentThatItDoesNotHave) {
  tracking.answer_with({.status = 404, .body = R"({"error_code":"RESOURCE_DOES_NOT_EXIST"})"});
  start_in_front();
  const Answer answer =
      ask(request("GET", "/api/2.0/mlflow/experiments/get-by-name?experiment_name=new"));
  EXPECT_TRUE(answer.has("404"));
  EXPECT_EQ(answer.body, R"({"error_code":"RESOURCE_DOES_NOT_EXIST"})");
}

TEST_F(MlflowServerTest, TellsAnExperimentAsFarAsItIsKnownWithoutTheServer) {
  own = Experiment{.id = "12", .name = "support"};
  start_alone();
  const std::string by_name = "/api/2.0/mlflow/experiments/get-by-name?experiment_name=";
  EXPECT_TRUE(ask(request("GET", by_name + "support")).says("\"experiment_id\":\"12\""));
  EXPECT_TRUE(ask(request("GET", "/api/2.0/mlflow/experiments/get?experiment_id=7"))
                  .says("\"experiment_id\":\"7\""));
}

TEST_F(MlflowServerTest, PassesEverythingElseOnAsItIs) {
  tracking.answer_with(
      {.status = 409, .headers = {{"X-Own", "kept"}, {"Connection", "keep-alive"}}, .body = "tea"});
  start_in_front();
  RawClient client = connect_mlflow();
  for (int n = 0; n < 2; ++n) {
    client.send(
        request("POST", "/api/2.0/mlflow/runs/create?a=b",
                "Authorization: Basic own\r\nConnection: keep-alive, X-Mine\r\nX-Mine: 1\r\n"
                "Content-Type: text/x\r\n",
                "{\"run\":1}"));
    const Answer answer = read_answer(client);
    EXPECT_TRUE(answer.has("HTTP/1.1 409 ")) << answer.head;
    EXPECT_TRUE(answer.has("X-Own: kept"));
    EXPECT_FALSE(answer.has("Connection:"));
    EXPECT_EQ(answer.body, "tea");
  }
  const auto passed = tracking.requests().at(1);
  EXPECT_EQ(passed.method + " " + passed.target, "POST /api/2.0/mlflow/runs/create?a=b");
  EXPECT_EQ(passed.body, "{\"run\":1}");
  const std::map<std::string, std::string> headers{{"authorization", "Basic own"},
                                                   {"content-length", "9"},
                                                   {"content-type", "text/x"},
                                                   {"host", tracking.url().substr(7)}};
  EXPECT_EQ(passed.headers, headers);
  EXPECT_EQ(stats().relayed_requests, 2u);
}

TEST_F(MlflowServerTest, PassesLargeBodiesBothWays) {
  const std::string large(9u << 20, 'z');
  tracking.answer_with({.body = large});
  start_in_front();
  RawClient client = connect_mlflow();
  std::thread sender(
      [&] { client.send(request("PUT", "/api/2.0/mlflow-artifacts/artifacts/x", "", large)); });
  const std::string head = client.receive_until("\r\n\r\n");
  const std::string body = client.receive(large.size());
  sender.join();
  EXPECT_TRUE(head.starts_with("HTTP/1.1 200")) << head;
  EXPECT_EQ(body, large);
  EXPECT_EQ(tracking.requests().at(0).body, large);
}

TEST_F(MlflowServerTest, PassesChunkedBodies) {
  start_in_front();
  const Answer answer =
      ask("PUT /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
          "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_TRUE(answer.has("200")) << answer.head;
  EXPECT_EQ(tracking.requests().at(0).body, "abcde");
}

TEST_F(MlflowServerTest, SaysWhatIsWrongWithAChunkedBodyThatIsPassedOn) {
  start_in_front();
  for (const std::string& chunk : {std::string("zz\r\n"), "1;" + std::string(20'000, 'x')}) {
    const Answer answer =
        ask("PUT /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk);
    EXPECT_TRUE(answer.has("400 Bad Request")) << answer.head;
    EXPECT_TRUE(answer.says("INVALID_PARAMETER_VALUE")) << answer.body;
  }
}

TEST_F(MlflowServerTest, StoresAChangeAndAnswersAsMlflowDoes) {
  start_in_front();
  const std::string trace = std::string("tr-") + kTrace;
  const std::string assessments = "/api/3.0/mlflow/traces/" + trace + "/assessments";
  const std::string good = R"({"assessment":{"assessment_name":"good","feedback":{"value":true}}})";
  const Answer tag = ask(request("PATCH", "/api/2.0/mlflow/traces/" + trace + "/tags", "",
                                 R"({"key":"team","value":"ml"})"));
  EXPECT_TRUE(tag.has("200 OK")) << tag.head << tag.body;
  EXPECT_EQ(tag.body, "{}");
  const Answer created = ask(request("POST", assessments, "", good));
  EXPECT_TRUE(created.says("\"assessment_id\":\"a-")) << created.body;
  const auto sent = sink().wait_for(2);
  EXPECT_EQ(sent[0].slices.at(0).trace_id.hex(), kTrace);
  EXPECT_EQ(sent[0].slices.at(0).change,
            R"({"kind":"set_tag","body":{"key":"team","value":"ml"}})");
  EXPECT_TRUE(sent[1].slices.at(0).change.starts_with(R"({"kind":"create_assessment")"));
  EXPECT_TRUE(tracking.requests().empty()) << "the server is not asked";
  const Answer wrong = ask(request("POST", assessments, "", "{}"));
  EXPECT_TRUE(wrong.has("400"));
  EXPECT_TRUE(wrong.says("the body has no assessment")) << wrong.body;
}

TEST_F(MlflowServerTest, StoresAnArtifactOfATrace) {
  start_alone();
  const std::string path = std::string("/api/2.0/mlflow-artifacts/artifacts/12/traces/tr-") +
                           kTrace + "/artifacts/attachments/a";
  const Answer answer = ask(request("PUT", path, "", "png"));
  EXPECT_TRUE(answer.has("200 OK")) << answer.head << answer.body;
  EXPECT_EQ(answer.body, "{}");
  EXPECT_EQ(sink().wait_for(1)[0].slices.at(0).change,
            R"({"kind":"put_artifact","body":{"path":")" + path + R"(","content":"cG5n"}})");
  EXPECT_EQ(stats().relayed_requests, 0u);
}

// So an SDK sends a file that is empty.
TEST_F(MlflowServerTest, StoresAnArtifactWhoseLengthIsNotTold) {
  start_alone();
  const std::string path = std::string("/api/2.0/mlflow-artifacts/artifacts/12/traces/tr-") +
                           kTrace + "/artifacts/attachments/a";
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  EXPECT_TRUE(ask(request("PUT", path, chunked) + "0\r\n\r\n").has("200 OK"));
  EXPECT_TRUE(ask(request("PUT", path, chunked) + "3\r\npng\r\n0\r\n\r\n").has("200 OK"));
  EXPECT_TRUE(ask(request("PUT", path)).has("200 OK"));
  const auto sent = sink().wait_for(3);
  const std::string begin = R"({"kind":"put_artifact","body":{"path":")" + path;
  EXPECT_EQ(sent[0].slices.at(0).change, begin + R"(","content":""}})");
  EXPECT_EQ(sent[1].slices.at(0).change, begin + R"(","content":"cG5n"}})");
  EXPECT_EQ(sent[2].slices.at(0).change, begin + R"(","content":""}})");
}

TEST_F(MlflowServerTest, PassesOnAnArtifactOfMoreThanItsChunksMayHave) {
  start_in_front();
  const std::string path = std::string("/api/2.0/mlflow-artifacts/artifacts/12/traces/tr-") +
                           kTrace + "/artifacts/attachments/a";
  const std::string large((16u << 20) + 1, 'z');
  RawClient client = connect_mlflow();
  std::thread sender([&] {
    client.send(request("PUT", path, "Transfer-Encoding: chunked\r\n") + "1000001\r\n" + large +
                "\r\n0\r\n\r\n");
  });
  const Answer answer = read_answer(client);
  sender.join();
  EXPECT_TRUE(answer.has("200 OK")) << answer.head << answer.body;
  EXPECT_EQ(tracking.requests().at(0).body.size(), large.size());
  EXPECT_TRUE(sink().requests().empty());
}

TEST_F(MlflowServerTest, PassesOnAnArtifactThatIsTooLargeToBeStored) {
  start_in_front();
  const std::string path = std::string("/api/2.0/mlflow-artifacts/artifacts/12/traces/tr-") +
                           kTrace + "/artifacts/attachments/a";
  const std::string large((16u << 20) + 1, 'z');
  RawClient client = connect_mlflow();
  std::thread sender([&] { client.send(request("PUT", path, "", large)); });
  const Answer answer = read_answer(client);
  sender.join();
  EXPECT_TRUE(answer.has("200 OK")) << answer.head;
  EXPECT_EQ(tracking.requests().at(0).body.size(), large.size());
  EXPECT_TRUE(sink().requests().empty());
}

TEST_F(MlflowServerTest, StoresOneDeletionForEachTrace) {
  start_alone();
  const std::string a = "tr-" + std::string(32, 'a');
  const std::string b = "tr-" + std::string(32, 'b');
  const Answer answer =
      ask(request("POST", "/api/2.0/mlflow/traces/delete-traces", "",
                  R"({"experiment_id":"12","request_ids":[")" + a + R"(",")" + b + "\"]}"));
  EXPECT_EQ(answer.body, R"({"traces_deleted":2})");
  EXPECT_EQ(sink().wait_for(1).front().slices.size(), 2u);
}

TEST_F(MlflowServerTest, PassesADeletionByTimeBehindWhatWasStored) {
  start_in_front();
  const std::string body = R"({"experiment_id":"12","max_timestamp_millis":5})";
  EXPECT_TRUE(ask(request("POST", "/api/2.0/mlflow/traces/delete-traces", "", body)).has("200 OK"));
  EXPECT_EQ(tracking.requests().at(0).body, body);
  EXPECT_EQ(on_io([this] { return hurried; }), 2);
  EXPECT_TRUE(sink().requests().empty());
}

TEST_F(MlflowServerTest, KeepsADeletionByTimeWhileTheServerIsAway) {
  hurried = 2;
  start_alone();
  store_trace();
  const std::string path = "/api/2.0/mlflow/traces/delete-traces";
  const Answer answer =
      ask(request("POST", path, "", R"({"experiment_id":"12","max_timestamp_millis":5000})"));
  EXPECT_EQ(answer.body, R"({"traces_deleted":1})") << answer.head;
  const auto slices = sink().wait_for(1)[0].slices;
  ASSERT_EQ(slices.size(), 2u);
  EXPECT_EQ(slices[0].trace_id, stored_trace) << "it is on its way, and goes first";
  EXPECT_EQ(slices[1].change, R"({"kind":"delete_until","body":{"experiment_id":"12",)"
                              R"("max_timestamp_millis":5000}})");
  const Answer limited = ask(request(
      "POST", path, "", R"({"experiment_id":"12","max_timestamp_millis":5000,"max_traces":1})"));
  EXPECT_TRUE(limited.has("503")) << "only the server can count them";
  const Answer earlier =
      ask(request("POST", path, "", R"({"experiment_id":"12","max_timestamp_millis":"4999"})"));
  EXPECT_EQ(earlier.body, R"({"traces_deleted":0})");
}

TEST_F(MlflowServerTest, RefusesADeletionByTimeIfNotAllThatIsStoredIsKnown) {
  hurried = 2;
  start_alone();
  TraceSlice large;
  large.trace_id = *TraceId::from_bytes(*parse_hex(kTrace));
  large.otlp.assign(StoredTraces::kMaxTraceBytes, 'x');
  stored.add(std::move(large));
  const Answer answer = ask(request("POST", "/api/2.0/mlflow/traces/delete-traces", "",
                                    R"({"experiment_id":"12","max_timestamp_millis":5000})"));
  EXPECT_TRUE(answer.has("503"));
  EXPECT_TRUE(answer.says("delete them by their ids")) << answer.body;
}

TEST_F(MlflowServerTest, RefusesADeletionByTimeIfSpansAreStoredWithoutTheirInfo) {
  hurried = 2;
  start_alone();
  store_spans(1);
  EXPECT_TRUE(ask(request("POST", "/api/2.0/mlflow/traces/delete-traces", "",
                          R"({"experiment_id":"12","max_timestamp_millis":5000})"))
                  .has("503"));
}

TEST_F(MlflowServerTest, AnUpdatedAssessmentIsToldWholeIfTheServerKnowsIt) {
  tracking.answer_with({.body = R"({"assessment":{"assessment_name":"good","rationale":"old"}})"});
  start_in_front();
  const std::string path = std::string("/api/3.0/mlflow/traces/tr-") + kTrace + "/assessments/a-1";
  const Answer answer =
      ask(request("PATCH", path, "Authorization: Bearer own\r\n",
                  R"({"assessment":{"rationale":"new"},"update_mask":"rationale"})"));
  EXPECT_TRUE(answer.says(R"("assessment_name":"good","rationale":"new")")) << answer.body;
  EXPECT_EQ(tracking.requests().at(0).method + " " + tracking.requests().at(0).target,
            "GET " + path);
  EXPECT_EQ(tracking.requests().at(0).headers.at("authorization"), "Bearer own");
  EXPECT_EQ(sink().wait_for(1).size(), 1u);
}

TEST_F(MlflowServerTest, ATraceThatTheServerHasIsAskedOfTheServer) {
  tracking.answer_with({.body = "there"});
  start_in_front();
  store_trace();
  is_delivered = true;
  EXPECT_EQ(ask(request("GET", "/api/3.0/mlflow/traces/" + stored_name())).body, "there");
  EXPECT_EQ(awaited, 1);
  const std::string link = R"({"trace_ids":[")" + stored_name() + "\"]}";
  EXPECT_EQ(ask(request("POST", "/api/2.0/mlflow/traces/link-to-run", "", link)).body, "there");
  EXPECT_EQ(tracking.requests().back().body, link);
  EXPECT_EQ(awaited, 2);
  EXPECT_EQ(ask(request("GET", "/api/3.0/mlflow/traces/tr-" + std::string(32, 'a'))).body, "there");
  EXPECT_EQ(awaited, 2) << "it was not stored here";
}

TEST_F(MlflowServerTest, ATraceThatTheServerDoesNotHaveIsToldFromHere) {
  start_in_front();
  store_trace();
  const std::string root = "/api/3.0/mlflow/traces/";
  const Answer info = ask(request("GET", root + stored_name()));
  EXPECT_TRUE(info.says(R"({"trace":{"trace_info":{"trace_id":"tr-)")) << info.body;
  EXPECT_TRUE(info.says("TRACKING_STORE"));
  EXPECT_FALSE(info.says("\"spans\""));
  const Answer whole = ask(request("GET", root + "get?trace_id=" + stored_name()));
  EXPECT_TRUE(whole.says("\"spans\":[{")) << whole.body;
  const Answer batch = ask(request("GET", root + "batchGet?trace_ids=" + stored_name()));
  EXPECT_TRUE(batch.body.starts_with(R"({"traces":[{"trace_info")")) << batch.body;
  EXPECT_TRUE(tracking.requests().empty());
  TraceSlice feedback;
  feedback.trace_id = stored_trace;
  feedback.change =
      R"({"kind":"create_assessment","assessment_id":"a-1","body":{"assessment":{"assessment_id":"a-1"}}})";
  stored.add(std::move(feedback));
  const std::string assessments = root + stored_name() + "/assessments/";
  EXPECT_EQ(ask(request("GET", assessments + "a-1")).body,
            R"({"assessment":{"assessment_id":"a-1","valid":true}})");
  EXPECT_TRUE(ask(request("GET", assessments + "a-2")).has("404"));
  EXPECT_TRUE(tracking.requests().empty());
  TraceSlice deletion;
  deletion.trace_id = stored_trace;
  deletion.change = R"({"kind":"delete_trace","body":{}})";
  stored.add(std::move(deletion));
  const Answer gone = ask(request("GET", root + stored_name()));
  EXPECT_TRUE(gone.has("404")) << gone.head;
  EXPECT_TRUE(gone.says("RESOURCE_DOES_NOT_EXIST"));
}

// Each has a copy of what is stored, and an answer that is as large.
TEST_F(MlflowServerTest, AFewLargeTracesAreToldAtATime) {
  options.hold_time = std::chrono::seconds(2);  // for the answers that are read, too
  start_in_front();
  store_trace(R"(,"tags":{"large":")" + std::string(500'000, 'x') + "\"}");
  const std::string asked = request("GET", "/api/3.0/mlflow/traces/" + stored_name());
  const auto reads = options.mlflow->large_reads;
  *reads = MlflowDoor::kMostLargeReads;
  const Answer busy = ask(asked);
  EXPECT_TRUE(busy.has("503")) << busy.head;
  EXPECT_TRUE(busy.says("TEMPORARILY_UNAVAILABLE"));
  EXPECT_EQ(stats().overload_replies, 1u);
  *reads = MlflowDoor::kMostLargeReads - 1;
  for (int n = 0; n < 3; ++n) EXPECT_TRUE(ask(asked).has("200 OK")) << "places are given back";
}

// What these hold is more than the sockets between take.
class MlflowLargeAnswers : public MlflowServerTest {
 protected:
  static constexpr std::size_t kLarge = 12u << 20;
  MlflowLargeAnswers() : MlflowServerTest({.bytes = 4 * kLarge, .trace_bytes = 2 * kLarge}) {}

  std::string ask_for_attachment() {
    const std::string path = std::string("/api/2.0/mlflow-artifacts/artifacts/12/traces/tr-") +
                             kTrace + "/artifacts/attachments/a";
    stored.add(trace_change_slice(artifact_change(path, std::string(kLarge, 'x'))));
    return request("GET", path);
  }
};

TEST_F(MlflowLargeAnswers, AnAttachmentKeepsItsPlaceUntilItIsTaken) {
  options.hold_time = std::chrono::seconds(3);  // for the answers that are read, too
  start_in_front();
  const std::string asked = ask_for_attachment();
  const auto reads = options.mlflow->large_reads;
  *reads = MlflowDoor::kMostLargeReads;
  const Answer busy = ask(asked);
  EXPECT_TRUE(busy.has("503") && busy.says("others read large traces")) << busy.head;
  *reads = MlflowDoor::kMostLargeReads - 1;
  {
    RawClient unread = connect_mlflow();
    unread.send(asked);
    unread.receive(1);
    EXPECT_EQ(*reads, MlflowDoor::kMostLargeReads);
  }
  EXPECT_EQ(ask(asked).body.size(), kLarge) << "the place is given back";
  EXPECT_TRUE(tracking.requests().empty());
}

// Of its answer a part has gone, and more of it would be taken now: nothing else belongs there.
TEST_F(MlflowLargeAnswers, AnAnswerThatIsNotReadMakesRoomForAnotherClient) {
  options.limits.connections = 1;
  options.hold_time = std::chrono::hours(1);
  start_in_front();
  RawClient unread = connect_mlflow();
  unread.send(ask_for_attachment());
  EXPECT_TRUE(unread.receive_until("\r\n\r\n").starts_with("HTTP/1.1 200"));
  for (int n = 0; n < 10; ++n) (void)stats();  // until the sockets between are full
  unread.receive(200'000);
  EXPECT_TRUE(ask(request("GET", "/version")).has("200"));
  EXPECT_EQ(unread.receive_all().find("HTTP"), std::string::npos);
  EXPECT_EQ(stats().connections_evicted, 1u);
}

// The io thread, which serves the others, leaves reading it to another one.
TEST_F(MlflowServerTest, ALargeTraceIsToldAndChangedAsASmallOne) {
  start_in_front();
  store_trace(R"(,"tags":{"large":")" + std::string(500'000, 'x') + "\"}");
  const std::string path = "/api/3.0/mlflow/traces/" + stored_name();
  const Answer info = ask(request("GET", path));
  EXPECT_TRUE(info.says(R"("large":"xxx)")) << info.head;
  EXPECT_GT(info.body.size(), 500'000u);
  const Answer tag = ask(request("PATCH", "/api/2.0/mlflow/traces/" + stored_name() + "/tags", "",
                                 R"({"key":"team","value":"ml"})"));
  EXPECT_TRUE(tag.has("200 OK")) << tag.head << tag.body;
  EXPECT_EQ(sink().wait_for(1)[0].experiment, "12");
}

TEST_F(MlflowServerTest, WhatIsAskedOfTheServerKeepsNoPlaceToRead) {
  tracking.answer_with({.hold = true});
  start_in_front();
  TraceSlice spans;
  spans.trace_id = *TraceId::from_bytes(*parse_hex(kTrace));
  spans.span_count = 1;
  spans.otlp = one_span(1, 500'000);
  stored.add(std::move(spans));
  const std::string name = std::string("tr-") + kTrace;
  RawClient info = connect_mlflow(), attachment = connect_mlflow();
  info.send(request("GET", "/api/3.0/mlflow/traces/" + name));
  attachment.send(request(
      "GET", "/api/2.0/mlflow-artifacts/artifacts/12/traces/" + name + "/artifacts/attachments/a"));
  wait_until([](const ServerStats& now) { return now.relayed_requests == 2; });
  wait_until([this](const ServerStats&) { return *options.mlflow->large_reads == 0; });
  tracking.release();
}

// What strangers read, and do not take, is no reason to refuse it.
TEST_F(MlflowServerTest, AChangeOfALargeTraceNeedsNoPlaceToRead) {
  options.hold_time = std::chrono::seconds(60);
  start_in_front();
  store_trace(R"(,"tags":{"large":")" + std::string(500'000, 'x') + "\"}");
  *options.mlflow->large_reads = MlflowDoor::kMostLargeReads;
  const Answer tag = ask(request("PATCH", "/api/2.0/mlflow/traces/" + stored_name() + "/tags", "",
                                 R"({"key":"team","value":"ml"})"));
  EXPECT_TRUE(tag.has("200 OK")) << tag.head << tag.body;
  EXPECT_EQ(sink().wait_for(1)[0].experiment, "12");
}

TEST_F(MlflowServerTest, AnArtifactThatTheServerDoesNotHaveIsReadBack) {
  start_alone();
  const std::string folder =
      std::string("/api/2.0/mlflow-artifacts/artifacts/12/traces/tr-") + kTrace + "/artifacts/";
  const std::string picture = folder + "attachments/picture";
  const std::string bytes("\x89PNG\0\r\n", 7);
  stored.add(trace_change_slice(artifact_change(picture, "an older one")));
  stored.add(trace_change_slice(artifact_change(picture, bytes)));
  const Answer answer = ask(request("GET", picture));
  EXPECT_TRUE(answer.has("200 OK") && answer.has("application/octet-stream")) << answer.head;
  EXPECT_EQ(answer.body, bytes);
  EXPECT_TRUE(ask(request("GET", folder + "attachments/other")).has("503"));
  stored.add(trace_change_slice(deletion_of(*TraceId::from_bytes(*parse_hex(kTrace)), "12")));
  EXPECT_TRUE(ask(request("GET", picture)).has("503")) << "it is deleted";
}

TEST_F(MlflowServerTest, ATraceOfWhichOnlySpansAreHereIsAskedOfTheServer) {
  tracking.answer_with({.body = "there"});
  start_in_front();
  store_spans(1);
  const std::string path = std::string("/api/3.0/mlflow/traces/tr-") + kTrace;
  EXPECT_EQ(ask(request("GET", path)).body, "there");
}

TEST_F(MlflowServerTest, ASearchWaitsForWhatWasWrittenBefore) {
  tracking.answer_with({.body = "found"});
  start_in_front();
  EXPECT_EQ(ask(request("POST", "/api/3.0/mlflow/traces/search", "", "{}")).body, "found");
  EXPECT_EQ(on_io([this] { return hurried; }), 2);
}

TEST_F(MlflowServerTest, ABodyThatWaitsForTheServerCountsAsHeld) {
  tracking.answer_with({.hold = true});
  start_in_front();
  RawClient client = connect_mlflow();
  client.send(request("POST", "/api/3.0/mlflow/traces/calculate", "", std::string(500'000, ' ')));
  wait_until([](const ServerStats& stats) { return stats.relayed_requests == 1; });
  EXPECT_GE(stats().in_flight_bytes, 500'000u);
  tracking.release();
  EXPECT_TRUE(read_answer(client).has("200"));
  wait_until([](const ServerStats& stats) { return stats.in_flight_bytes == 0; });
}

TEST_F(MlflowServerTest, WhatARequestThatIsPassedOnMayKeepWaitingCountsAsHeld) {
  tracking.answer_with({.hold = true});
  start_in_front();
  RawClient client = connect_mlflow();
  client.send(request("POST", "/api/2.0/mlflow/runs/create", "", "{}"));
  wait_until([](const ServerStats& stats) { return stats.relayed_requests == 1; });
  EXPECT_GE(stats().in_flight_bytes, 2 * kRelayWindow);
  tracking.release();
  EXPECT_TRUE(read_answer(client).has("200"));
  wait_until([](const ServerStats& stats) { return stats.in_flight_bytes == 0; });
}

// Nothing waits for the memory of these, and many may wait for the place, or for their traces.
TEST_F(MlflowServerTest, RequestsThatWaitToBePassedOnCountAsWhatTheyHold) {
  constexpr std::uint64_t kWaiting = 8;
  relayed = 1;
  options.limits.memory = 1u << 20;
  tracking.answer_with({.hold = true});
  start_in_front(false);
  std::vector<RawClient> waiting;
  const auto ask_beside = [&](const std::string& text) {
    waiting.push_back(connect_mlflow());
    waiting.back().send(text);
  };
  for (std::uint64_t n = 0; n <= kWaiting; ++n) ask_beside(request("GET", "/waits-for-a-place"));
  wait_until([](const ServerStats& now) { return now.relayed_requests == 1 + kWaiting; });
  EXPECT_LT(stats().in_flight_bytes, 3 * kRelayWindow) << "one of them has the windows";
  on_io([this] {
    store_spans(1);
    options.mlflow->await_delivery = [this](const auto&...) { ++awaited; };
  });
  const std::string artifact = std::string("/api/2.0/mlflow-artifacts/artifacts/12/traces/tr-") +
                               kTrace + "/artifacts/attachments/a";
  for (std::uint64_t n = 0; n < kWaiting; ++n) ask_beside(request("GET", artifact));
  while (awaited < static_cast<int>(kWaiting)) std::this_thread::yield();
  const std::string spans =
      request("POST", "/v1/traces", "Content-Type: application/x-protobuf\r\n", one_span(1));
  for (std::size_t n = 1; n <= 2; ++n) {
    ask_beside(spans);
    EXPECT_EQ(sink().wait_for(n).size(), n) << "the one before is not answered yet";
  }
  tracking.release();
}

// What is asked for again beside an answer that was known is let go, however long it is.
TEST_F(MlflowServerTest, ALongAnswerThatNobodyWaitsForKeepsNoPlace) {
  relayed = 1;
  tracking.answer_with({.body = kExperiment});
  start_in_front();
  const std::string asked = request("GET", "/api/2.0/mlflow/experiments/get?experiment_id=12");
  EXPECT_EQ(ask(asked).body, kExperiment);
  tracking.follow([](const HttpImposter::Request& again) {
    const bool is_refresh = again.method == "GET";
    return HttpImposter::Reply{.body = is_refresh ? std::string(1u << 20, 'x') : ""};
  });
  EXPECT_EQ(ask(asked).body, kExperiment);
  const Answer next = ask_until_there_is_room();
  EXPECT_TRUE(next.has("200")) << next.head;
}

// The only place is taken by a body that comes in drops, by an answer that is not read, and by a
// client that has gone. Who comes gets it.
TEST_F(MlflowServerTest, WhoKeepsARelayedRequestWaitingMakesRoom) {
  relayed = 1;
  tracking.follow([](const HttpImposter::Request& asked) {
    const bool is_large = asked.target == "/large";
    return HttpImposter::Reply{.body = is_large ? std::string(16u << 20, 'x') : "",
                               .hold = asked.target == "/hangs"};
  });
  start_in_front();
  // Whose buffers are full, or whose end is known, may take a busy machine a while.
  const auto expect_room = [&](const char* whose) {
    const Answer next = ask_until_there_is_room();
    EXPECT_TRUE(next.has("200")) << whose << ": " << next.head;
  };
  RawClient drops = connect_mlflow();
  drops.send("PUT /drops HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n1");
  wait_until([](const ServerStats& stats) { return stats.relayed_requests == 1; });
  expect_room("a body in drops");
  RawClient unread = connect_mlflow();
  unread.send(request("GET", "/large"));
  unread.receive(1);
  expect_room("an answer that is not read");
  {
    RawClient gone = connect_mlflow();
    const auto before = stats().relayed_requests;
    gone.send(request("GET", "/hangs"));
    wait_until([&](const ServerStats& stats) { return stats.relayed_requests > before; });
  }
  expect_room("a client that has gone");
  // Or more: one of those who asked for room, and hung up with the answer, may still be there.
  EXPECT_GE(stats().connections_evicted, 3u);
  tracking.release();
}

TEST_F(MlflowServerTest, AServerThatDoesNotAnswerAnybodyIsNotWaitedFor) {
  tracking.answer_with({.hold = true});
  is_server_down = true;
  start_in_front();
  const Answer answer = ask(request("GET", "/api/2.0/mlflow/experiments/search?max_results=5"));
  EXPECT_TRUE(answer.has("503")) << answer.head;
  EXPECT_TRUE(answer.says("cannot be reached: ")) << answer.body;
  tracking.release();
}

TEST_F(MlflowServerTest, AFileOfSpansThatAreHereIsDropped) {
  start_in_front();
  store_spans(1);
  const std::string path = std::string("/api/2.0/mlflow-artifacts/artifacts/12/traces/tr-");
  const Answer dropped =
      ask(request("PUT", path + kTrace + "/artifacts/traces.json", "", R"({"spans":[]})"));
  EXPECT_TRUE(dropped.has("200 OK"));
  EXPECT_TRUE(tracking.requests().empty());
  const Answer kept = ask(
      request("PUT", path + std::string(32, 'a') + "/artifacts/traces.json", "", "{\"spans\":1}"));
  EXPECT_TRUE(kept.has("200"));
  EXPECT_TRUE(is_artifact(sink().wait_for(1)[0].slices.at(0).change)) << "nobody else has them";
}

TEST_F(MlflowServerTest, AFileOfSpansIsKeptWhereSomeOfThemAreMissing) {
  start_in_front();
  EXPECT_TRUE(ask(request("POST", "/api/3.0/mlflow/traces", "", trace_info(2))).has("200 OK"));
  store_spans(1);
  const std::string path = std::string("/api/2.0/mlflow-artifacts/artifacts/12/traces/tr-") +
                           kTrace + "/artifacts/traces.json";
  EXPECT_TRUE(ask(request("PUT", path, "", R"({"spans":[]})")).has("200 OK"));
  EXPECT_TRUE(is_artifact(sink().wait_for(2)[1].slices.at(0).change));
}

TEST_F(MlflowServerTest, SaysAtOnceThatTheServerIsAway) {
  hurried = 2;
  start_alone();
  RawClient client = connect_mlflow();
  for (int n = 0; n < 2; ++n) {
    client.send(request("POST", "/api/3.0/mlflow/traces/search", "", "{}"));
    const Answer answer = read_answer(client);
    EXPECT_TRUE(answer.has("503 Service Unavailable")) << answer.head;
    EXPECT_TRUE(answer.says("\"error_code\":\"TEMPORARILY_UNAVAILABLE\"")) << answer.body;
    EXPECT_TRUE(answer.says("tracelink keeps traces meanwhile")) << answer.body;
  }
}

TEST_F(MlflowServerTest, AnAnswerToHeadHasNoBody) {
  start_alone();
  RawClient client = connect_mlflow();
  for (int n = 0; n < 2; ++n) {
    client.send(request("HEAD", "/health"));
    const std::string head = client.receive_until("\r\n\r\n");
    EXPECT_TRUE(head.starts_with("HTTP/1.1 503 ")) << head;
  }
}

TEST_F(MlflowServerTest, ServesNobodyWhoCallsItByAnotherName) {
  start_in_front();
  const Answer answer = ask("GET /version HTTP/1.1\r\nHost: attacker.example:5500\r\n\r\n");
  EXPECT_TRUE(answer.has("403")) << answer.head;
  EXPECT_TRUE(tracking.requests().empty());
}

// A browser sends what a form could send without asking, and tells whose page it is.
TEST_F(MlflowServerTest, ServesNoPageOfAnotherHost) {
  start_in_front();
  for (const std::string origin : {"https://attacker.example", "null", "http://127.0.0.1.evil:1"}) {
    const Answer answer = ask(request("POST", "/api/3.0/mlflow/traces/delete-traces",
                                      "Content-Type: text/plain\r\nOrigin: " + origin + "\r\n",
                                      R"({"experiment_id":"12","request_ids":["tr-1"]})"));
    EXPECT_TRUE(answer.has("403")) << origin << answer.head;
  }
  EXPECT_TRUE(tracking.requests().empty());
  EXPECT_TRUE(ask(request("GET", "/", "Origin: http://127.0.0.1:5500\r\n")).has("200"))
      << "MLflow's own page";
}

// "http://HOST:PORT" + "@elsewhere/" is an address elsewhere.
TEST_F(MlflowServerTest, PassesNothingOnToAnotherServer) {
  HttpImposter elsewhere;
  start_in_front();
  const std::string there = elsewhere.url().substr(7);
  for (const std::string& target : {"@" + there + "/x", elsewhere.url() + "/x", std::string("*")}) {
    EXPECT_TRUE(ask(request("OPTIONS", target)).has("400")) << target;
  }
  EXPECT_TRUE(elsewhere.requests().empty());
  EXPECT_TRUE(tracking.requests().empty());
}

}  // namespace
}  // namespace tracelink
