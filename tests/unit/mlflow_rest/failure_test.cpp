#include "daemon/mlflow/rest/failure.hpp"

#include "daemon/http/proxy_error.hpp"
#include "daemon/mlflow/rest/remedies.hpp"
#include "tests/unit/mlflow_rest/failure_rows.hpp"

// The rows of docs/design.md#classes-of-answers and of docs/mlflow-servers.md#answers-to-spans.
namespace tracelink {
namespace {

constexpr auto kModel = Operation::logged_model;
constexpr auto kExperiment = Operation::experiment;
constexpr auto kStart = Operation::start_trace;
constexpr auto kEnd = Operation::end_trace;
constexpr auto kGet = Operation::get_trace;
constexpr auto kOtlp = Operation::otlp;

const std::string kInvalid = "INVALID_PARAMETER_VALUE";
const std::string kMissing = "RESOURCE_DOES_NOT_EXIST";

TEST(Failure, ABusyServerIsTransient) {
  expect_class(
      FailureClass::transient,
      {{kStart, mlflow_error(503, "TEMPORARILY_UNAVAILABLE",
                             "(sqlite3.OperationalError) database is locked")},
       {kOtlp, text_answer(503, "")},
       {kStart, text_answer(408, "")},
       {kOtlp, mlflow_error(429, "REQUEST_LIMIT_EXCEEDED", "slow down")},
       {kOtlp, text_answer(502, "Bad Gateway")},
       {kModel, mlflow_error(504, "DEADLINE_EXCEEDED", "too late")},
       {kOtlp, text_answer(507, "")},
       {kOtlp, text_answer(520, "")},
       {kStart, mlflow_error(400, "BAD_REQUEST",
                             "QueuePool limit of size 5 overflow 10 reached, connection timed out, "
                             "timeout 30.00")}});
}

TEST(Failure, ARefusalThatNamesLockPoolOrConnectionIsTransient) {
  expect_class(FailureClass::transient,
               {{kOtlp, otlp_error(422, "Failed to log OpenTelemetry spans: Deadlock found")},
                {kStart, mlflow_error(400, "BAD_REQUEST", "lost connection to the server")},
                {kStart, mlflow_error(400, "BAD_REQUEST", "Lock wait timeout exceeded")},
                {kModel, mlflow_error(400, "BAD_REQUEST", "the pool is exhausted")}});
}

TEST(Failure, WordsThatOnlyContainThoseAreNotThose) {
  expect_class(FailureClass::unknown,
               {{kStart, mlflow_error(400, "BAD_REQUEST", "block, spool, reconnectionless")},
                {kStart, mlflow_error(500, "INTERNAL_ERROR", "lock")}});
}

TEST(Failure, NoAnswerIsTransient) {
  for (const ErrorCode code : {ErrorCode::unavailable, ErrorCode::timeout, ErrorCode::closed}) {
    const Failure failure = classify(kOtlp, Error{code, "connection refused"});
    EXPECT_EQ(failure.failure_class, FailureClass::transient);
    EXPECT_EQ(failure.http_status, 0);
    EXPECT_EQ(failure.message, "connection refused");
    EXPECT_EQ(failure.remedy, "");
  }
}

TEST(Failure, AnUntrustedCertificateHasARemedy) {
  const Failure failure = classify(kOtlp, Error{ErrorCode::unavailable, "peer certificate: bad"});
  EXPECT_EQ(failure.failure_class, FailureClass::transient);
  EXPECT_EQ(failure.remedy, remedy::kTls);
}

// Texts of libcurl 7.88 with OpenSSL 3.0.
TEST(Failure, OtherTroubleWithCertificatesHasOtherRemedies) {
  const std::pair<const char*, const char*> cases[] = {
      {"SSL certificate problem: unable to get local issuer certificate", "is not trusted"},
      {"SSL certificate problem: certificate has expired", "has expired"},
      {"SSL: no alternative certificate subject name matches target host name 'h'", "other hosts"},
      {"OpenSSL SSL_read: OpenSSL/3.0.19: error:0A00045C:SSL routines::tlsv13 alert certificate "
       "required, errno 0",
       "client_cert_file"},
      {"error setting certificate file: /x", "tracking.ca_file"},
      {"unable to set private key file: '/x' type PEM", "with certificate and key"},
      {"could not load PEM client certificate from /x, OpenSSL error error:0480006C", "cannot be"},
  };
  for (const auto& [message, part] : cases) {
    const Failure failure = classify(kOtlp, Error{ErrorCode::unavailable, message});
    EXPECT_EQ(failure.failure_class, FailureClass::transient);
    EXPECT_NE(failure.remedy.find(part), std::string::npos) << message << ": " << failure.remedy;
  }
}

TEST(Failure, AProxyThatCannotBeUsedHasARemedy) {
  const std::string message = std::string(kOfProxy) + "https_proxy: Could not resolve proxy: x";
  const Failure failure = classify(kOtlp, Error{ErrorCode::unavailable, message});
  EXPECT_EQ(failure.failure_class, FailureClass::transient);
  EXPECT_EQ(failure.message, message);
  EXPECT_EQ(failure.remedy, kProxyRemedy);
}

TEST(Failure, AnAnswerOverTheBoundIsUnknown) {
  EXPECT_EQ(classify(kGet, Error{ErrorCode::too_large, "big"}).failure_class,
            FailureClass::unknown);
}

TEST(Failure, ARequestThatCannotBeSentHoldsWhatItCameFrom) {
  const Result<HttpResponse> unsendable = Error{ErrorCode::invalid, "line break in a header"};
  const Failure of_peer = classify(kOtlp, unsendable);
  EXPECT_EQ(of_peer.failure_class, FailureClass::configuration);
  EXPECT_EQ(of_peer.scope, FailureScope::experiment);
  EXPECT_EQ(of_peer.remedy, remedy::kUnsendable);
  EXPECT_EQ(classify(kStart, unsendable).scope, FailureScope::server);
}

TEST(Failure, RefusedCredentialsHoldTheServer) {
  expect_held(FailureScope::server, remedy::kCredentials,
              {{kOtlp, text_answer(401, "You are not authenticated. Please see …")},
               {kModel, mlflow_error(401, "UNAUTHENTICATED", "no")}});
}

TEST(Failure, AMissingPermissionHoldsTheExperiment) {
  expect_held(FailureScope::experiment, remedy::kPermission,
              {{kOtlp, text_answer(403, "Permission denied")},
               {kStart, mlflow_error(403, "PERMISSION_DENIED", "no")}});
}

TEST(Failure, ARefusedHostNameHoldsTheServer) {
  expect_held(
      FailureScope::server, remedy::kAllowedHosts,
      {{kOtlp, text_answer(403, "Invalid Host header - possible DNS rebinding attack detected")}});
}

TEST(Failure, AnUnknownWorkspaceHoldsTheServer) {
  const auto answer =
      mlflow_error(404, "RESOURCE_DOES_NOT_EXIST", "Workspace 'no-such-team' not found");
  expect_held(FailureScope::server, remedy::kWorkspace, {{kOtlp, answer}, {kModel, answer}});
}

TEST(Failure, AWorkspaceOnAServerWithoutWorkspacesHoldsTheServer) {
  const std::string words =
      "Workspace APIs are not available: workspaces are not enabled on this server";
  const auto answer = mlflow_error(500, "FEATURE_DISABLED", words);
  expect_held(FailureScope::server, remedy::kNoWorkspaces, {{kOtlp, answer}, {kModel, answer}});
}

TEST(Failure, AnUnknownExperimentHoldsTheExperiment) {
  const auto header_missing = nlohmann::json::parse(
      R"({"detail":[{"type":"missing","loc":["header","x-mlflow-experiment-id"],
          "msg":"Field required","input":null}]})");
  expect_held(
      FailureScope::experiment, remedy::kUnknownExperiment,
      {{kOtlp, mlflow_error(404, kMissing, "No Experiment with id=999999 exists")},
       {kStart, mlflow_error(404, kMissing, "No Experiment with id=999999 exists")},
       {kModel, mlflow_error(404, kMissing, "No Experiment with id=999999 exists")},
       {kOtlp, otlp_error(422, "No Experiment with id=999999 exists")},
       {kExperiment, mlflow_error(404, kMissing, "Could not find experiment with ID 7")},
       {kOtlp, mlflow_error(400, kInvalid, "Invalid experiment ID 'abc'. Must be an integer.")},
       {kOtlp, otlp_error(422, "Invalid experiment ID 'abc'")},
       {kStart, mlflow_error(500, "INTERNAL_ERROR", "Invalid experiment ID 'abc'")},
       {kOtlp, json_answer(422, header_missing)}});
}

TEST(Failure, ADeletedExperimentHoldsTheExperiment) {
  const std::string words =
      "The experiment 1 must be in the 'active' state. Current state is deleted.";
  expect_held(
      FailureScope::experiment, remedy::kDeletedExperiment,
      {{kStart, mlflow_error(400, kInvalid, words)}, {kModel, mlflow_error(400, kInvalid, words)}});
}

TEST(Failure, WhatIsNotMlflowHoldsTheServer) {
  const HttpResponse page{404, {{"content-type", "text/html; charset=utf-8"}}, "<h1>nginx</h1>"};
  expect_held(FailureScope::server, remedy::kRoute,
              {{kOtlp, page},
               {kModel, text_answer(404, "\n <!doctype html>")},
               {kOtlp, otlp_error(404, "Not Found")},
               {kStart, mlflow_error(404, "ENDPOINT_NOT_FOUND", "no such endpoint")},
               {kOtlp, otlp_error(405, "Method Not Allowed")}});
}

TEST(Failure, ARedirectHoldsTheServer) {
  expect_held(FailureScope::server, remedy::kRedirect,
              {{kOtlp, text_answer(302, "")}, {kModel, text_answer(308, "")}});
}

TEST(Failure, AServerWithoutADatabaseIsHeld) {
  expect_held(FailureScope::server, remedy::kSqlStore,
              {{kOtlp, otlp_error(501, "REST OTLP span logging is not supported by FileStore")}});
}

TEST(Failure, ARefusedFormOfTheRequestHoldsTheServer) {
  expect_held(FailureScope::server, remedy::kContent,
              {{kOtlp, otlp_error(400, "Invalid Content-Type: text/plain. Expected: …")},
               {kOtlp, otlp_error(400, "Unsupported Content-Encoding: zstd")},
               {kOtlp, text_answer(415, "")}});
}

TEST(Failure, AnUnknownModelHoldsTheLink) {
  expect_held(FailureScope::link, remedy::kModelGone,
              {{kModel, mlflow_error(404, kMissing, "Logged model with ID 'm-1' not found.")}});
}

TEST(Failure, ARefusedModelNameHoldsTheLink) {
  const HttpResponse answer = mlflow_error(
      400, kInvalid, "Invalid model name ('a/b') provided. Model name must be a non-empty string");
  expect_held(FailureScope::link, remedy::kModelName, {{kModel, answer}});
  EXPECT_TRUE(refuses_model_name(classify(kModel, answer)));
}

TEST(Failure, OnlyTheNameRuleRefusesTheName) {
  EXPECT_FALSE(refuses_model_name(
      classify(kModel, mlflow_error(400, kInvalid, "Invalid parameter 'model_type'"))));
  EXPECT_FALSE(refuses_model_name(
      classify(kModel, mlflow_error(500, "INTERNAL_ERROR", "Invalid model name ('a')"))));
}

TEST(Failure, BadSpansArePoison) {
  expect_class(
      FailureClass::poison,
      {{kOtlp, otlp_error(422, "Cannot convert OpenTelemetry span to MLflow span")},
       {kOtlp, otlp_error(400, "Invalid OpenTelemetry format")},
       {kOtlp, otlp_error(400, "Invalid OpenTelemetry format - no spans found")},
       {kOtlp, mlflow_error(500, "INTERNAL_ERROR",
                            "Python int too large to convert to SQLite "
                            "INTEGER")},
       {kOtlp, mlflow_error(500, "INTERNAL_ERROR", "int too big to convert")},
       {kOtlp,
        mlflow_error(400, kInvalid, "Trace with ID 'tr-1' already exists in another experiment.")},
       {kStart,
        mlflow_error(400, kInvalid, "'Session ID' exceeds the maximum length of 250 characters")},
       {kOtlp,
        mlflow_error(500, "INVALID_STATE", "Cannot update traces that are no longer DB-backed")},
       {kOtlp, text_answer(413, "Request Entity Too Large")}});
}

TEST(Failure, ARefusedValueOfAModelIsPoisonOfItsLink) {
  for (const HttpResponse& answer :
       {mlflow_error(400, kInvalid, "'Key' exceeds the maximum length of 255 characters"),
        mlflow_error(400, "BAD_REQUEST",
                     "(psycopg2.errors.StringDataRightTruncation) value too "
                     "long for type character varying(500)")}) {
    const Failure failure = classify(kModel, answer);
    EXPECT_EQ(failure.failure_class, FailureClass::poison);
    EXPECT_EQ(failure.scope, FailureScope::link);
    EXPECT_EQ(failure.remedy, remedy::kRefusedValue);
  }
}

TEST(Failure, ARefusedExperimentNameIsPoisonOfTheExperiment) {
  for (const HttpResponse& answer :
       {mlflow_error(400, kInvalid, "'name' exceeds the maximum length of 500 characters"),
        mlflow_error(400, "BAD_REQUEST",
                     "(psycopg2.errors.StringDataRightTruncation) value too "
                     "long for type character varying(256)")}) {
    const Failure failure = classify(kExperiment, answer);
    EXPECT_EQ(failure.failure_class, FailureClass::poison);
    EXPECT_EQ(failure.scope, FailureScope::experiment);
    EXPECT_EQ(failure.remedy, remedy::kExperimentName);
  }
}

TEST(Failure, WhatMayBeABadSpanOrALostConnectionIsUnknown) {
  expect_class(
      FailureClass::unknown,
      {{kOtlp, otlp_error(422, "Failed to log OpenTelemetry spans")},
       {kStart, mlflow_error(500, "INTERNAL_ERROR",
                             "Dependency rule on column 'trace_info.request_id' tried to "
                             "blank-out primary key column 'trace_request_metadata.request_id'")},
       {kStart, mlflow_error(500, "INTERNAL_ERROR", "'NoneType' object has no attribute 'id'")},
       {kStart, mlflow_error(400, "BAD_REQUEST", "something else")},
       {kModel, mlflow_error(409, "ABORTED", "again")},
       {kStart, text_answer(500, "")}});
}

// 3.6 says the same of a gzip body, which it cannot read, and of malformed protobuf: dead letters
// only if other traces get through.
TEST(Failure, UnreadableProtobufOnOldServersIsUnknown) {
  expect_class(FailureClass::unknown,
               {{kOtlp, otlp_error(400, "Invalid OpenTelemetry protobuf format")}});
}

TEST(Failure, AServerWithoutAPlaceForArtifactsRefusesTheOneThatIsUploaded) {
  expect_class(
      FailureClass::poison,
      {{kEnd, text_answer(503,
                          "Endpoint: /api/2.0/mlflow-artifacts/artifacts/<path:path> disabled due "
                          "to the mlflow server running with `--no-serve-artifacts`.")},
       {kEnd, otlp_error(503,
                         "Artifact serving is disabled. Run `mlflow server` with "
                         "`--serve-artifacts` to enable.")}});
}

TEST(Failure, AMissingTraceIsUnknown) {
  const HttpResponse missing = mlflow_error(404, kMissing, "Trace with ID tr-1 is not found.");
  expect_class(FailureClass::unknown, {{kEnd, missing}, {kGet, missing}});
}

// Taken for a missing experiment it would hold everybody's traces.
TEST(Failure, ATraceThatTheServerSaysIsGoneConcernsThatTraceOnly) {
  expect_class(FailureClass::unknown,
               {{kStart, mlflow_error(404, kMissing, "Trace with ID 'tr-1' no longer exists.")}});
}

// A value that the server repeats may hold any words.
TEST(Failure, WordsInsideARefusedValueDecideNothing) {
  expect_class(FailureClass::poison,
               {{kOtlp, mlflow_error(400, kInvalid, "Invalid value 'database is locked'")},
                {kOtlp, mlflow_error(400, kInvalid, "'(psycopg2.errors.UndefinedTable)'")}});
}

TEST(Failure, KeepsWhatTheServerSaid) {
  HttpResponse answer = mlflow_error(429, "REQUEST_LIMIT_EXCEEDED", "slow down");
  answer.headers.emplace_back("retry-after", "7");
  const Failure failure = classify(kOtlp, answer);
  EXPECT_EQ(failure.http_status, 429);
  EXPECT_EQ(failure.error_code, "REQUEST_LIMIT_EXCEEDED");
  EXPECT_EQ(failure.message, "slow down");
  EXPECT_EQ(failure.retry_after, std::chrono::seconds(7));
}

TEST(Failure, ShowsAtMost500Bytes) {
  const Failure failure = classify(kOtlp, otlp_error(422, std::string(10'000, 'x')));
  EXPECT_EQ(failure.message, std::string(500, 'x'));
}

TEST(NotMlflow, HoldsTheServer) {
  const Failure page = not_mlflow(text_answer(200, "<html>login</html>"), "no version");
  EXPECT_EQ(page.failure_class, FailureClass::configuration);
  EXPECT_EQ(page.scope, FailureScope::server);
  EXPECT_EQ(page.remedy, remedy::kRoute);
  const Failure text = not_mlflow(text_answer(200, "OK"), "no version");
  EXPECT_EQ(text.failure_class, FailureClass::configuration);
  EXPECT_EQ(text.scope, FailureScope::server);
  EXPECT_EQ(text.message, "no version");
  EXPECT_EQ(text.remedy, remedy::kNotMlflow);
}

TEST(Failure, ASuccessThatMlflowDoesNotSayHoldsTheServer) {
  for (const int status : {201, 202, 204, 206}) {
    const Failure failure = classify(kStart, text_answer(status, "{}"));
    EXPECT_EQ(failure.failure_class, FailureClass::configuration) << status;
    EXPECT_EQ(failure.remedy, remedy::kNotMlflow);
  }
}

// A half surrogate pair, in 3.17.2 on every database.
TEST(Failure, WhatPythonCannotEncodeIsPoisonAtOnce) {
  expect_class(FailureClass::poison,
               {{kOtlp, mlflow_error(500, "INTERNAL_ERROR",
                                     "'utf-8' codec can't encode character '\\ud83d' in position "
                                     "1: surrogates not allowed")}});
}

TEST(UnexpectedAnswer, IsUnknown) {
  const Failure failure = unexpected_answer(text_answer(200, "{}"), "no version");
  EXPECT_EQ(failure.failure_class, FailureClass::unknown);
  EXPECT_EQ(failure.message, "no version");
}

TEST(MissingRoute, IsToldFromAMissingThing) {
  EXPECT_TRUE(is_missing_route(text_answer(405, "")));
  EXPECT_TRUE(is_missing_route(otlp_error(404, "Not Found")));
  EXPECT_TRUE(is_missing_route(mlflow_error(404, "ENDPOINT_NOT_FOUND", "")));
  EXPECT_FALSE(is_missing_route(mlflow_error(404, kMissing, "No Experiment with id=9 exists")));
  EXPECT_FALSE(is_missing_route(text_answer(500, "")));
}

TEST(Failure, ATraceThatIsThereAlreadyIsTold) {
  EXPECT_TRUE(says_trace_exists(classify(
      kStart, mlflow_error(500, "INTERNAL_ERROR",
                           "Dependency rule on column 'trace_info.request_id' tried to blank-out "
                           "primary key column 'trace_request_metadata.request_id'"))));
  EXPECT_TRUE(says_trace_exists(
      classify(kOtlp, mlflow_error(400, "INVALID_PARAMETER_VALUE",
                                   "Trace with ID 'tr-1' already exists in another experiment."))));
  EXPECT_FALSE(says_trace_exists(classify(kStart, mlflow_error(500, "INTERNAL_ERROR", "oops"))));
}

TEST(Failure, ADatabaseThatStoresNoNulIsTold) {
  for (const char* text : {"A string literal cannot contain NUL (0x00) characters.",
                           "Failed to log OpenTelemetry spans: Trace tr-1: A string literal cannot "
                           "contain NUL (0x00) characters.",
                           "(psycopg.DataError) PostgreSQL text fields cannot contain NUL (0x00) "
                           "bytes"}) {
    EXPECT_TRUE(refuses_nul(classify(kOtlp, mlflow_error(500, "INTERNAL_ERROR", text)))) << text;
  }
  EXPECT_FALSE(refuses_nul(classify(kOtlp, mlflow_error(500, "INTERNAL_ERROR", "NUL"))));
}

}  // namespace
}  // namespace tracelink
