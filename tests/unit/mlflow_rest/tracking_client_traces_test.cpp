#include "daemon/codec/compression.hpp"
#include "daemon/mlflow/rest/remedies.hpp"
#include "daemon/mlflow/rest/rest_json.hpp"
#include "tests/unit/mlflow_rest/tracking_client_test.hpp"

namespace tracelink {
namespace {

const auto kStart = &TrackingClient::start_trace;
const auto kEnd = &TrackingClient::end_trace;
const auto kGet = &TrackingClient::get_trace;
const auto kSpans = &TrackingClient::post_spans;

constexpr char kTraceUrl[] =
    "http://host:5000/api/2.0/mlflow/traces/tr-30313233343536373839616263646566";
constexpr char kName[] = "tr-30313233343536373839616263646566";
constexpr char kNoRoute[] = R"({"detail":"Not Found"})";

// What MLflow answers to spans.
const HttpResponse kTaken{200, {{"content-type", "application/x-protobuf"}}, ""};

struct ClientTracesTest : TrackingClientTest {
  TraceInfo info;
  Values extra;
  bool with_token_usage = false;

  ClientTracesTest() {
    info.trace_id = *TraceId::from_bytes("0123456789abcdef");
    info.state = TraceState::ok;
    info.metadata = {{"mlflow.trace_schema.version", "3"}};
  }

  void will_echo(const std::string& model_id) {
    http.will_answer(
        200, to_text(Json{
                 {"trace",
                  {{"trace_info",
                    {{"trace_id", kName}, {"trace_metadata", {{"mlflow.modelId", model_id}}}}}}}}));
  }
  Answer<bool> start(const std::string& model_id) {
    return answer_of<bool>(kStart, info, "12", model_id, with_token_usage, extra);
  }
  Answer<void> post_spans(const std::string& otlp = "spans") {
    return answer_of<void>(kSpans, "12", otlp);
  }
  void set_gzip() {
    Capabilities capabilities;
    capabilities.gzip = true;
    client().set_capabilities(capabilities);
  }
  template <class T>
  static bool is_done(const Answer<T>& answer) {
    return answer.has_value();
  }
  template <class T>
  static FailureClass class_of(const Answer<T>& answer) {
    return answer.error().failure_class;
  }
};

TEST_F(ClientTracesTest, TellsWhetherSpansOfTheTraceAreStoredAlready) {
  will_echo("m-1");
  EXPECT_FALSE(*start("m-1"));
  http.will_answer(200, R"({"trace": {"trace_info": {
               "trace_id": "tr-30313233343536373839616263646566",
               "trace_metadata": {"mlflow.modelId": "m-1"},
               "tags": {"mlflow.trace.spansLocation": "TRACKING_STORE"}}}})");
  EXPECT_TRUE(*start("m-1"));
}

TEST_F(ClientTracesTest, AnArtifactIsUploadedAsItIsAndMayBeAnsweredWithNothing) {
  const std::string path = "/api/2.0/mlflow-artifacts/artifacts/1/traces/tr-" +
                           std::string(32, 'a') + "/artifacts/attachments/x";
  const TraceChange change = artifact_change(path, "png");
  for (const char* answer : {"", "{}"}) {
    http.will_answer(200, answer);
    value_of<void>(&TrackingClient::change_trace, change);
    EXPECT_EQ(sent(), "PUT http://host:5000" + path);
    EXPECT_EQ(sent_body(), "png");
    EXPECT_EQ(header("Content-Type"), "application/octet-stream");
  }
  http.will_answer(200, "<html>proxy</html>");
  failure_of<void>(&TrackingClient::change_trace, change);
}

TEST_F(ClientTracesTest, StartTraceSendsTheLink) {
  will_echo("m-1");
  EXPECT_TRUE(is_done(start("m-1")));
  EXPECT_EQ(sent(), "POST http://host:5000/api/3.0/mlflow/traces");
  EXPECT_EQ(sent_body(),
            start_trace_body(info, "12",
                             {{"mlflow.modelId", "m-1"}, {"mlflow.trace_schema.version", "3"}}));
  EXPECT_EQ(header("Content-Type"), "application/json");
}

TEST_F(ClientTracesTest, StartTraceCountsOnlyIfTheLinkIsEchoed) {
  for (const char* metadata : {"{}", R"({"mlflow.modelId":5})", "5"}) {
    http.will_answer(200, R"({"trace":{"trace_info":{"trace_id":")" + std::string(kName) +
                              R"(","trace_metadata":)" + metadata + "}}}");
    EXPECT_EQ(class_of(start("m-1")), FailureClass::unknown) << metadata;
  }
  will_echo("m-2");
  EXPECT_EQ(class_of(start("m-1")), FailureClass::unknown);
}

TEST_F(ClientTracesTest, TheEchoIsFoundAmongWhateverElseTheAnswerRepeats) {
  http.will_answer(200, R"({"trace": {"a": [[[[[[[[[[[[{}]]]]]]]]]]]], "trace_info": {
               "assessments": [{"feedback": {"value": 10000000000000000905969664}}],
               "tags": {"a": "\ud800", "mlflow.trace.spansLocation": "TRACKING_STORE"},
               "request_preview": "{\"trace_id\": 5}",
               "trace_metadata": {"x": "y", "mlflow.modelId": "m-1"},
               "trace_id": "tr-30313233343536373839616263646566"}}, "z": null})");
  EXPECT_TRUE(*start("m-1"));
}

TEST_F(ClientTracesTest, AnEchoOfSomethingElseIsNotMlflows) {
  for (const char* answer :
       {"{}", R"({"trace":{}})", "OK", "", "[]", R"({"trace":{"trace_info":{"trace_id":"tr-1"}}})",
        R"({"trace":{"trace_info":{"trace_id)",
        R"({"trace":{"trace_info":{"trace_id":"tr-30313233343536373839616263646566"})"}) {
    http.will_answer(200, answer);
    EXPECT_EQ(class_of(start("m-1")), FailureClass::configuration) << answer;
    http.will_answer(200, answer);
    EXPECT_EQ(class_of(start("")), FailureClass::configuration) << answer;
    http.will_answer(200, answer);
    EXPECT_EQ(class_of(answer_of<void>(kEnd, info, Values{{"k", "v"}})),
              FailureClass::configuration)
        << answer;
  }
}

TEST_F(ClientTracesTest, StartTraceCountsOnlyInTheExperimentThatWasAskedFor) {
  const auto echo_of = [&](const std::string& experiment) {
    http.will_answer(
        200, to_text(Json{
                 {"trace",
                  {{"trace_info",
                    {{"trace_id", kName},
                     {"trace_location", {{"mlflow_experiment", {{"experiment_id", experiment}}}}},
                     {"trace_metadata", {{"mlflow.modelId", "m-1"}}}}}}}}));
    return start("m-1");
  };
  EXPECT_TRUE(is_done(echo_of("12")));
  const auto elsewhere = echo_of("0");
  EXPECT_EQ(class_of(elsewhere), FailureClass::unknown);
  EXPECT_EQ(elsewhere.error().message, "the server stored the trace in experiment 0 and not in 12");
}

TEST_F(ClientTracesTest, TheEchoIsComparedOn250Characters) {
  std::string shown;  // 250 characters, 500 bytes
  for (int i = 0; i < 250; ++i) shown += "é";
  will_echo(shown);
  EXPECT_TRUE(is_done(start(shown + "and more")));
  will_echo(shown.substr(0, 498));
  EXPECT_EQ(class_of(start(shown)), FailureClass::unknown);
}

TEST_F(ClientTracesTest, WithoutALinkNoEchoOfItIsWaitedFor) {
  will_echo("");
  EXPECT_TRUE(is_done(start("")));
  EXPECT_EQ(sent_body().find("mlflow.modelId"), std::string::npos);
}

TEST_F(ClientTracesTest, TokenUsageIsSentOnlyWhereAsked) {
  info.token_usage = TokenUsage{30, 10, 40, {}, {}, {}};
  will_echo("m-1");
  (void)start("m-1");
  EXPECT_EQ(sent_body().find("tokenUsage"), std::string::npos);
  with_token_usage = true;
  will_echo("m-1");
  (void)start("m-1");
  EXPECT_NE(sent_body().find(
                R"("mlflow.trace.tokenUsage":"{\"input_tokens\": 30, \"output_tokens\": 10, )"),
            std::string::npos);
  info.token_usage.reset();
  will_echo("m-1");
  (void)start("m-1");
  EXPECT_EQ(sent_body().find("tokenUsage"), std::string::npos);
}

TEST_F(ClientTracesTest, ExtraMetadataGivesWayToTheTracesOwn) {
  extra = {{"mlflow.source.type", "LOCAL"}, {"mlflow.trace_schema.version", "9"}};
  will_echo("m-1");
  (void)start("m-1");
  EXPECT_EQ(sent_body(), start_trace_body(info, "12",
                                          {{"mlflow.modelId", "m-1"},
                                           {"mlflow.source.type", "LOCAL"},
                                           {"mlflow.trace_schema.version", "3"}}));
}

TEST_F(ClientTracesTest, EndTraceCountsOnlyIfItsLinkIsEchoed) {
  http.will_answer(200, R"({"trace_info":{"request_id":"tr-30313233343536373839616263646566",
                            "request_metadata":[{"key":"mlflow.modelId","value":"m-1"}]}})");
  const Values link = {{"mlflow.modelId", "m-1"}};
  EXPECT_TRUE(is_done(answer_of<void>(kEnd, info, link)));
  EXPECT_EQ(sent(), std::string("PATCH ") + kTraceUrl);
  EXPECT_EQ(sent_body(), end_trace_body(info, link));
  http.will_answer(200, R"({"trace_info":{"request_id":"tr-30313233343536373839616263646566",
                            "request_metadata":[]}})");
  EXPECT_EQ(class_of(answer_of<void>(kEnd, info, link)), FailureClass::unknown);
}

TEST_F(ClientTracesTest, EndTraceWithoutALinkWaitsForNoEchoOfIt) {
  http.will_answer(200, R"({"trace_info":{"request_id":"tr-30313233343536373839616263646566"}})");
  EXPECT_TRUE(is_done(answer_of<void>(kEnd, info, Values{{"mlflow.trace.tokenUsage", "{}"}})));
}

TEST_F(ClientTracesTest, GetTraceSaysWhereTheTraceLivesAndWhetherItHasSpans) {
  using Known = std::optional<KnownTrace>;
  const std::string begin = R"({"trace":{"trace_info":{"trace_id":")" + std::string(kName) +
                            R"(","trace_location":{"type":"MLFLOW_EXPERIMENT",
                            "mlflow_experiment":{"experiment_id":"7"}})";
  http.will_answer(200, begin + "}}}");
  const auto known = value_of<Known>(kGet, info.trace_id);
  ASSERT_TRUE(known);
  EXPECT_EQ(known->experiment_id, "7");
  EXPECT_FALSE(known->has_spans);
  EXPECT_EQ(sent(), "GET http://host:5000/api/3.0/mlflow/traces/" + std::string(kName));
  http.will_answer(200, begin + R"(,"tags":{"mlflow.trace.spansLocation":"TRACKING_STORE"}}}})");
  EXPECT_TRUE(value_of<Known>(kGet, info.trace_id)->has_spans);
  http.will_answer(404, R"({"error_code":"RESOURCE_DOES_NOT_EXIST","message":"none"})");
  EXPECT_FALSE(value_of<Known>(kGet, info.trace_id));
  http.will_answer(200, "{}");
  EXPECT_EQ(failure_of<Known>(kGet, info.trace_id).failure_class, FailureClass::configuration);
}

TEST_F(ClientTracesTest, ATraceThatIsReadIsTheOneThatWasAskedFor) {
  using Stored = std::optional<StoredTrace>;
  const auto read = &TrackingClient::read_trace;
  http.will_answer(200, R"({"traces":[{"trace_info":{"trace_id":"tr-1"},"spans":[]}]})");
  EXPECT_EQ(failure_of<Stored>(read, info.trace_id).failure_class, FailureClass::configuration);
  for (const char* answer : {"OK", R"({"status":"ok"})", R"({"traces":[{"trace_info":{"tra)"}) {
    http.will_answer(200, answer);
    EXPECT_EQ(failure_of<Stored>(read, info.trace_id).failure_class, FailureClass::configuration);
  }
  http.will_answer(200,
                   R"({"traces":[)" + std::string(1'000, '[') + std::string(1'000, ']') + "]}");
  const auto too_large = failure_of<Stored>(read, info.trace_id);
  EXPECT_EQ(too_large.failure_class, FailureClass::unknown);
  EXPECT_EQ(too_large.http_status, 0) << "to ask again does not help";
  http.will_answer(200, "{}");
  EXPECT_FALSE(value_of<Stored>(read, info.trace_id));
}

TEST_F(ClientTracesTest, SpansGoPlainUntilTheServerIsKnown) {
  http.will_answer(kTaken);
  EXPECT_TRUE(is_done(post_spans("spans")));
  EXPECT_EQ(sent(), "POST http://host:5000/v1/traces");
  EXPECT_EQ(header("Content-Type"), "application/x-protobuf");
  EXPECT_EQ(header("x-mlflow-experiment-id"), "12");
  EXPECT_EQ(header("Content-Encoding"), "absent");
  EXPECT_EQ(sent_body(), "spans");
}

TEST_F(ClientTracesTest, SpansAreCompressedWhereTheServerReadsGzip) {
  set_gzip();
  http.will_answer(kTaken);
  const std::string otlp(10'000, 'x');
  EXPECT_TRUE(is_done(post_spans(otlp)));
  EXPECT_EQ(header("Content-Encoding"), "gzip");
  EXPECT_LT(sent_body().size(), 1'000u);
  EXPECT_EQ(*decompress(ContentEncoding::gzip, sent_body(), 20'000), otlp);
}

// 3.6 to 3.10 say it as JSON under either type.
TEST_F(ClientTracesTest, EachVersionsOwnAnswerTakesTheSpans) {
  for (const char* type : {"application/x-protobuf", "application/json"}) {
    for (const char* body : {R"({"partialSuccess":null})", "{}"}) {
      http.will_answer(HttpResponse{200, {{"content-type", type}}, body});
      EXPECT_TRUE(is_done(post_spans())) << type << " " << body;
    }
  }
}

TEST_F(ClientTracesTest, AnythingElseDidNotTakeTheSpans) {
  const std::string rejecting = "\x0a\x06\x08\x01\x12\x02no";  // one span, "no"
  const HttpResponse others[] = {
      {200, {}, ""},
      {200, {{"content-type", "text/plain"}}, ""},
      {200, {{"content-type", "application/json"}}, ""},
      {200, {{"content-type", "application/json"}}, R"({"status":"ok"})"},
      {200, {{"content-type", "application/json"}}, R"({"partialSuccess":{"rejectedSpans":"1"}})"},
      {200, {{"content-type", "application/json"}}, R"({"partial)"},
      {200, {{"content-type", "text/html"}}, ""},
      {200, {{"content-type", "application/x-protobuf"}}, rejecting},
      {200, {{"content-type", "application/x-protobuf"}}, "OK"},
      {202, {{"content-type", "application/x-protobuf"}}, ""},
      {204, {}, ""},
  };
  for (const HttpResponse& other : others) {
    http.will_answer(other);
    const auto failure = post_spans().error();
    EXPECT_EQ(failure.failure_class, FailureClass::configuration) << other.body;
    EXPECT_EQ(failure.scope, FailureScope::server) << other.body;
    EXPECT_FALSE(failure.remedy.empty());
  }
  http.will_answer(others[7]);
  EXPECT_NE(post_spans().error().message.find("rejected 1 spans: no"), std::string::npos);
}

TEST_F(ClientTracesTest, AWebPageDidNotTakeTheSpans) {
  http.will_answer(200, "<html>sign in</html>");
  EXPECT_EQ(post_spans().error().remedy, remedy::kRoute);
}

struct StaticPrefixTest : ClientTracesTest {
  StaticPrefixTest() { options.uri = "http://host:5000/prefix"; }
  std::vector<std::string> urls() const {
    std::vector<std::string> urls;
    for (const HttpRequest& request : http.requests()) urls.push_back(request.url);
    return urls;
  }
};
using Urls = std::vector<std::string>;
constexpr char kBelow[] = "http://host:5000/prefix/v1/traces";
constexpr char kAtRoot[] = "http://host:5000/v1/traces";

TEST_F(StaticPrefixTest, SpansGoBelowThePrefix) {
  http.will_answer(kTaken);
  EXPECT_TRUE(is_done(post_spans()));
  EXPECT_EQ(urls(), Urls{kBelow});
}

TEST_F(StaticPrefixTest, WithoutARouteThereTheyGoToTheRootAndStayThere) {
  set_gzip();
  http.will_answer(404, kNoRoute);
  http.will_answer(kTaken);
  EXPECT_TRUE(is_done(post_spans("spans")));
  EXPECT_EQ(urls(), (Urls{kBelow, kAtRoot}));
  EXPECT_EQ(http.requests()[0].body, http.requests()[1].body);
  EXPECT_EQ(http.requests()[0].headers, http.requests()[1].headers);
  http.will_answer(kTaken);
  EXPECT_TRUE(is_done(post_spans()));
  EXPECT_EQ(urls(), (Urls{kBelow, kAtRoot, kAtRoot}));
}

TEST_F(StaticPrefixTest, AnUpgradedServerIsFoundBelowThePrefixAgain) {
  http.will_answer(405, "");
  http.will_answer(kTaken);
  (void)post_spans();
  http.will_answer(404, kNoRoute);
  http.will_answer(kTaken);
  (void)post_spans();
  http.will_answer(kTaken);
  (void)post_spans();
  EXPECT_EQ(urls(), (Urls{kBelow, kAtRoot, kAtRoot, kBelow, kBelow}));
}

TEST_F(StaticPrefixTest, ARefusalByTheRouteIsItsAnswer) {
  http.will_answer(404, R"({"error_code":"RESOURCE_DOES_NOT_EXIST",
                            "message":"No Experiment with id=9 exists"})");
  EXPECT_EQ(post_spans().error().remedy, remedy::kUnknownExperiment);
  EXPECT_EQ(urls(), Urls{kBelow});
}

TEST_F(StaticPrefixTest, WithoutARouteAnywhereTheServerIsHeld) {
  for (int i = 0; i < 2; ++i) {
    http.will_answer(404, kNoRoute);
    http.will_answer(404, "<html>proxy</html>");
    const Failure failure = post_spans().error();
    EXPECT_EQ(failure.failure_class, FailureClass::configuration);
    EXPECT_EQ(failure.remedy, remedy::kRoute);
  }
  EXPECT_EQ(urls(), (Urls{kBelow, kAtRoot, kBelow, kAtRoot}));
}

TEST_F(StaticPrefixTest, ALostAnswerAtTheOtherPlaceIsTransient) {
  http.will_answer(404, kNoRoute);
  http.will_answer(Error{ErrorCode::timeout, "late"});
  EXPECT_EQ(class_of(post_spans()), FailureClass::transient);
}

TEST_F(StaticPrefixTest, WithoutAPrefixThereIsOnePlace) {
  options.uri = "http://host:5000";
  http.will_answer(404, kNoRoute);
  EXPECT_EQ(class_of(post_spans()), FailureClass::configuration);
  EXPECT_EQ(urls(), Urls{kAtRoot});
}

}  // namespace
}  // namespace tracelink
