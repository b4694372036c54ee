#include "daemon/databricks/authorized_http_client.hpp"

#include "daemon/mlflow/rest/tracking_client.hpp"
#include "tests/unit/databricks/fake_workspace.hpp"

namespace tracelink {
namespace {

using std::chrono::minutes;

class AuthorizedHttpClientTest : public FakeWorkspace {};

TEST_F(AuthorizedHttpClientTest, SendsWhatAWorkspaceWantsToKnow) {
  tokens(m2m());
  ASSERT_EQ(ask_api()->status, 200);
  const HttpRequest& sent = http_.last_request();
  EXPECT_EQ(header(sent, "Authorization"), "Bearer token-1");
  EXPECT_EQ(header(sent, "x-databricks-org-id"), "74");
  EXPECT_EQ(header(sent, "User-Agent"), "tracelinkd/1.2.3 os/linux auth/oauth-m2m");
  EXPECT_EQ(sent.headers.size(), 3u);
}

TEST_F(AuthorizedHttpClientTest, SendsARefusedCallOnceMoreWithAFreshToken) {
  tokens(m2m());
  ASSERT_EQ(ask_api()->status, 200);
  ++tokens_;  // another one is let in: ours was revoked
  ASSERT_EQ(ask_api()->status, 200);
  EXPECT_EQ(header(http_.last_request(), "Authorization"), "Bearer token-3");
}

TEST_F(AuthorizedHttpClientTest, GivesUpAfterTheSecondRefusal) {
  tokens(m2m());
  api_answer_ = json_answer(R"({"message":"token-2 is not known"})", 401);
  const auto answer = ask_api();
  EXPECT_EQ(answer->status, 401);
  EXPECT_EQ(answer->body, R"({"message":"*** is not known"})");
  EXPECT_NE(answer->remedy.find("https://dbc-1.cloud.databricks.com refuses databricks.secret"),
            std::string::npos);
  EXPECT_EQ(tokens_, 2);
}

TEST_F(AuthorizedHttpClientTest, SendsTheSameCredentialOnce) {
  tokens(pat());
  const auto answer = ask_api();
  EXPECT_EQ(answer->status, 401);
  EXPECT_EQ(urls().size(), 2u);
}

TEST_F(AuthorizedHttpClientTest, TakesUpATokenThatWasRotated) {
  tokens(pat(), [] { return pat("token-0"); });
  EXPECT_EQ(ask_api()->status, 200);
  EXPECT_EQ(header(http_.last_request(), "Authorization"), "Bearer token-0");
}

TEST_F(AuthorizedHttpClientTest, AsksForAnotherTokenAfterA403OnlyOnceAMinute) {
  tokens(m2m());
  api_answer_ = json_answer(R"({"error_code":"PERMISSION_DENIED","message":"no"})", 403);
  EXPECT_EQ(ask_api()->status, 403);
  EXPECT_EQ(tokens_, 1);
  clock_.advance(minutes(1));
  EXPECT_EQ(ask_api()->status, 403);
  EXPECT_EQ(ask_api()->status, 403);
  EXPECT_EQ(tokens_, 2);
  EXPECT_EQ(ask_api()->remedy, "");
}

TEST_F(AuthorizedHttpClientTest, KnowsA403ThatSpeaksOfTheToken) {
  tokens(m2m());
  for (const char* text : {"Invalid access token.", "Token is expiring within 30 seconds."}) {
    const int before = tokens_;
    api_answer_ = json_answer(R"({"error_code":403,"message":")" + std::string(text) + "\"}", 403);
    EXPECT_NE(ask_api()->remedy.find("make a new OAuth secret"), std::string::npos);
    EXPECT_EQ(tokens_ - before, before == 0 ? 2 : 1) << text;
  }
}

TEST_F(AuthorizedHttpClientTest, KeepsTheFirstRefusalIfThereIsNoOtherToken) {
  tokens(m2m());
  ASSERT_EQ(ask_api()->status, 200);
  token_answer_ = json_answer("{}", 503);
  api_answer_ = json_answer(R"({"message":"expired"})", 401);
  const auto answer = ask_api();
  EXPECT_EQ(answer->status, 401);
  EXPECT_EQ(answer->body, R"({"message":"expired"})");
}

TEST_F(AuthorizedHttpClientTest, EndsACallThatHasNoToken) {
  token_answer_ = json_answer(R"({"error":"invalid_client"})", 400);
  tokens(m2m());
  const auto answer = ask_api();
  EXPECT_EQ(answer->status, 401);
  EXPECT_FALSE(answer->remedy.empty());
}

TEST_F(AuthorizedHttpClientTest, CancelsCallsThatWaitForATokenAndThoseUnderWay) {
  tokens(m2m());
  std::vector<ErrorCode> ends;
  const auto end = [&](const Result<HttpResponse>& answer) {
    ends.push_back(answer ? ErrorCode::io : answer.error().code);
  };
  const auto first = api_->send({}, end);
  api_->cancel(first);
  EXPECT_TRUE(ends.empty());
  api_->poll(std::chrono::milliseconds(0));
  EXPECT_EQ(ends, std::vector{ErrorCode::closed});
  settle();
  api_->send({}, end);
  api_->send({}, end);
  api_->cancel_all();
  EXPECT_EQ(ends, (std::vector{ErrorCode::closed, ErrorCode::closed, ErrorCode::closed}));
}

class TrackingClientOfAWorkspace : public FakeWorkspace {
 protected:
  Failure failure_of_call() {
    TrackingOptions options;
    options.uri = kHost;
    TrackingClient client(options, *api_);
    std::optional<Answer<Experiment>> answer;
    client.get_experiment("1", [&](Answer<Experiment> given) { answer.emplace(std::move(given)); });
    for (int n = 0; !answer && n < 20; ++n) api_->poll(std::chrono::milliseconds(0));
    return answer->error();
  }
};

TEST_F(TrackingClientOfAWorkspace, HoldsTheServerForARefusedCredentialAndSaysWhatToDo) {
  token_answer_ = json_answer(R"({"error":"invalid_client","error_description":"no"})", 400);
  tokens(m2m());
  const Failure failure = failure_of_call();
  EXPECT_EQ(failure.failure_class, FailureClass::configuration);
  EXPECT_EQ(failure.scope, FailureScope::server);
  EXPECT_NE(failure.message.find("invalid_client: no"), std::string::npos);
  EXPECT_NE(failure.remedy.find("make a new OAuth secret"), std::string::npos);
}

TEST_F(TrackingClientOfAWorkspace, WaitsForATokenEndpointThatIsDown) {
  token_answer_ = json_answer("{}", 500);
  tokens(m2m());
  EXPECT_EQ(failure_of_call().failure_class, FailureClass::transient);
}

TEST_F(TrackingClientOfAWorkspace, SaysWhereARedirectComesFrom) {
  api_answer_ = json_answer("", 302);
  tokens(m2m());
  const Failure failure = failure_of_call();
  EXPECT_EQ(failure.failure_class, FailureClass::configuration);
  EXPECT_NE(failure.remedy.find("Private Link"), std::string::npos);
}

}  // namespace
}  // namespace tracelink
