#include "tests/unit/mlflow_rest/tracking_client_test.hpp"

#include "daemon/mlflow/rest/remedies.hpp"

namespace tracelink {
namespace {

const auto kVersion = &TrackingClient::get_version;
const auto kGetExperiment = &TrackingClient::get_experiment;
const auto kGetByName = &TrackingClient::get_experiment_by_name;
const auto kCreateExperiment = &TrackingClient::create_experiment;

constexpr char kMissing[] = R"({"error_code":"RESOURCE_DOES_NOT_EXIST","message":"none"})";

struct ClientHeadersTest : TrackingClientTest {
  void send() { send(200); }
  void send(int status) {
    http.will_answer(status, "3.17.2");
    (void)answer_of<ServerVersion>(kVersion);
  }
};

TEST_F(ClientHeadersTest, WithoutCredentialsThereAreNone) {
  send();
  EXPECT_EQ(header("User-Agent"), "tracelinkd/1");
  EXPECT_EQ(header("Authorization"), "absent");
  EXPECT_EQ(header("X-MLFLOW-WORKSPACE"), "absent");
  EXPECT_EQ(header("Content-Type"), "absent");
}

TEST_F(ClientHeadersTest, ATokenIsABearer) {
  options.credentials.token = "t0k";
  send();
  EXPECT_EQ(header("Authorization"), "Bearer t0k");
}

TEST_F(ClientHeadersTest, AUserNameWinsOverTheToken) {
  options.credentials.token = "t0k";
  options.credentials.username = "user";
  options.credentials.password = "pass:word";
  send();
  EXPECT_EQ(header("Authorization"), "Basic dXNlcjpwYXNzOndvcmQ=");
}

TEST_F(ClientHeadersTest, CredentialsAreReadAgainAfterARefusal) {
  options.credentials.token = "old";
  options.read_credentials = [this](const std::string& uri) {
    EXPECT_EQ(uri, options.uri);
    return Credentials{"", "", "new"};
  };
  send(500);
  send(401);
  EXPECT_EQ(header("Authorization"), "Bearer old");
  send(200);
  EXPECT_EQ(header("Authorization"), "Bearer new");
}

TEST_F(ClientHeadersTest, TheVersionDoesNotShowThatCredentialsAreRight) {
  options.credentials.token = "old";
  std::string token = "also wrong";
  options.read_credentials = [&](const std::string&) { return Credentials{"", "", token}; };
  send(403);
  send(200);
  token = "new";
  send(200);
  EXPECT_EQ(header("Authorization"), "Bearer new");
  http.will_answer(200, R"({"experiment":{"experiment_id":"1","name":"n"}})");
  (void)answer_of<Experiment>(kGetExperiment, std::string("1"));
  token = "unasked";
  send(200);
  EXPECT_EQ(header("Authorization"), "Bearer new");
}

TEST_F(ClientHeadersTest, CredentialsThatCannotBeReadStay) {
  options.credentials.token = "old";
  options.read_credentials = [](const std::string&) { return std::optional<Credentials>(); };
  send(401);
  send();
  EXPECT_EQ(header("Authorization"), "Bearer old");
}

TEST_F(ClientHeadersTest, TheWorkspaceIsAHeader) {
  options.workspace = "team";
  send();
  EXPECT_EQ(header("X-MLFLOW-WORKSPACE"), "team");
}

TEST_F(ClientHeadersTest, EveryRequestHasTheTimeout) {
  options.timeout = std::chrono::milliseconds(1'234);
  send();
  EXPECT_EQ(http.last_request().timeout, options.timeout);
}

TEST_F(ClientHeadersTest, AnotherAddressGetsItsOwnCredentials) {
  options.credentials.token = "old";
  send(401);
  client().move_to("http://other", Credentials{.username = {}, .password = {}, .token = "new"});
  send();
  EXPECT_EQ(header("Authorization"), "Bearer new");
  EXPECT_TRUE(http.last_request().url.starts_with("http://other/"));
}

TEST_F(TrackingClientTest, PathsAreBelowTheStaticPrefix) {
  options.uri = "http://host/prefix";
  http.will_answer(200, "3.17.2");
  value_of<ServerVersion>(kVersion);
  EXPECT_EQ(sent(), "GET http://host/prefix/version");
  http.will_answer(404, kMissing);
  value_of<std::optional<Experiment>>(kGetByName, "a");
  EXPECT_EQ(sent(),
            "GET http://host/prefix/api/2.0/mlflow/experiments/get-by-name?experiment_name=a");
}

TEST_F(TrackingClientTest, AVersionIsRead) {
  http.will_answer(200, "3.17.2\n");
  EXPECT_EQ(value_of<ServerVersion>(kVersion), (ServerVersion{3, 17, 2, ""}));
}

TEST_F(TrackingClientTest, AWebPageIsNoVersion) {
  http.will_answer(200, "<html>welcome</html>");
  EXPECT_EQ(failure_of<ServerVersion>(kVersion).remedy, remedy::kRoute);
  http.will_answer(200, "OK");
  EXPECT_EQ(failure_of<ServerVersion>(kVersion).failure_class, FailureClass::configuration);
  http.will_answer(401, "no");
  EXPECT_EQ(failure_of<ServerVersion>(kVersion).remedy, remedy::kCredentials);
}

TEST_F(TrackingClientTest, AnExperimentIsFetchedById) {
  http.will_answer(200, R"({"experiment":{"experiment_id":"1 2","name":"n",
                            "lifecycle_stage":"active"}})");
  const auto experiment = value_of<Experiment>(kGetExperiment, "1 2");
  EXPECT_EQ(sent(), "GET http://host:5000/api/2.0/mlflow/experiments/get?experiment_id=1%202");
  EXPECT_EQ(experiment.id, "1 2");
  EXPECT_EQ(experiment.name, "n");
  EXPECT_FALSE(experiment.deleted);
}

TEST_F(TrackingClientTest, AnExperimentIsFoundByName) {
  http.will_answer(200, R"({"experiment":{"experiment_id":"12","name":"/Shared/a b"}})");
  const auto experiment = value_of<std::optional<Experiment>>(kGetByName, "/Shared/a b");
  ASSERT_TRUE(experiment);
  EXPECT_EQ(experiment->id, "12");
  EXPECT_TRUE(http.last_request().url.ends_with("?experiment_name=%2FShared%2Fa%20b"));
}

TEST_F(TrackingClientTest, AnExperimentOfAnotherNameIsNotMlflows) {
  http.will_answer(200, R"({"experiment":{"experiment_id":"13","name":"other"}})");
  const Failure failure = failure_of<std::optional<Experiment>>(kGetByName, "agents");
  EXPECT_EQ(failure.failure_class, FailureClass::configuration);
  http.will_answer(200, R"({"experiment":{"experiment_id":"12","name":"Agents"}})");
  EXPECT_TRUE(value_of<std::optional<Experiment>>(kGetByName, "agents"))
      << "the only one that the database lets be";
}

TEST_F(TrackingClientTest, NoExperimentIsNotNoRoute) {
  http.will_answer(404, kMissing);
  EXPECT_FALSE(value_of<std::optional<Experiment>>(kGetByName, "a"));
  http.will_answer(404, "not found");
  EXPECT_EQ(failure_of<std::optional<Experiment>>(kGetByName, "a").remedy, remedy::kRoute);
  http.will_answer(404, R"({"error_code":"ENDPOINT_NOT_FOUND","message":""})");
  EXPECT_EQ(failure_of<std::optional<Experiment>>(kGetByName, "a").remedy, remedy::kRoute);
}

TEST_F(TrackingClientTest, AnExperimentIsCreated) {
  http.will_answer(200, R"({"experiment_id":"12"})");
  EXPECT_EQ(value_of<std::optional<std::string>>(kCreateExperiment, "/Shared/a"), "12");
  EXPECT_EQ(sent(), "POST http://host:5000/api/2.0/mlflow/experiments/create");
  EXPECT_EQ(sent_body(), R"({"name":"/Shared/a"})");
  EXPECT_EQ(header("Content-Type"), "application/json");
}

TEST_F(TrackingClientTest, ALostRaceForAnExperimentIsNoFailure) {
  http.will_answer(400, R"({"error_code":"RESOURCE_ALREADY_EXISTS","message":"exists"})");
  EXPECT_FALSE(value_of<std::optional<std::string>>(kCreateExperiment, "a"));
  http.will_answer(400, R"({"error_code":"INVALID_PARAMETER_VALUE","message":"too long"})");
  EXPECT_EQ(failure_of<std::optional<std::string>>(kCreateExperiment, "a").failure_class,
            FailureClass::poison);
}

TEST_F(TrackingClientTest, AnAnswerThatLacksWhatWasAskedForIsUnknown) {
  for (const char* body : {"", "OK", "[]", "{}", R"({"experiment":{"experiment_id":12}})",
                           R"({"experiment":{"experiment_id":"13"}})"}) {
    http.will_answer(200, body);
    EXPECT_EQ(failure_of<Experiment>(kGetExperiment, "12").failure_class,
              FailureClass::configuration);
  }
}

TEST_F(TrackingClientTest, AnAnswerOfTooMuchIsNotParsed) {
  std::string values = R"({"x":[1)";
  for (int i = 0; i < 2'000'000; ++i) values += ",1";
  for (const std::string& body :
       {values + "]}", R"({"x":)" + std::string(501, '[') + std::string(501, ']') + "}"}) {
    http.will_answer(200, body);
    EXPECT_EQ(failure_of<Experiment>(kGetExperiment, "12").failure_class,
              FailureClass::configuration);
  }
}

TEST_F(TrackingClientTest, WhatAServerRepeatsOfTheCredentialsIsNotPassedOn) {
  options.credentials = {.username = "svc", .password = "pass:word", .token = "t0ken"};
  for (const char* secret : {"pass:word", "t0ken", "c3ZjOnBhc3M6d29yZA=="}) {
    http.will_answer(401, R"({"message":"bad header: )" + std::string(secret) + R"( is wrong"})");
    EXPECT_EQ(failure_of<Experiment>(kGetExperiment, "12").message, "bad header: *** is wrong");
  }
}

TEST_F(TrackingClientTest, NoAnswerIsTransient) {
  http.will_answer(Error{ErrorCode::unavailable, "refused"});
  EXPECT_EQ(failure_of<Experiment>(kGetExperiment, "12").failure_class, FailureClass::transient);
}

}  // namespace
}  // namespace tracelink
