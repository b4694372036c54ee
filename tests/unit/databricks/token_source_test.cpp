#include "daemon/databricks/token_source.hpp"

#include <set>

#include "tests/unit/databricks/fake_workspace.hpp"

namespace tracelink {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using Urls = std::vector<std::string>;

class TokenSourceTest : public FakeWorkspace {
 protected:
  int status() const { return std::get<HttpResponse>(refusal_).status; }
  std::string message() const { return std::get<HttpResponse>(refusal_).body; }
  std::string remedy() const { return std::get<HttpResponse>(refusal_).remedy; }
};

TEST_F(TokenSourceTest, AsksAHostOnceWhatItIsBeforeAPatIsUsed) {
  tokens(pat());
  EXPECT_EQ(authorization(), "Bearer dapi-1");
  EXPECT_EQ(authorization(), "Bearer dapi-1");
  EXPECT_EQ(urls(), Urls{"GET /.well-known/databricks-config"});
  const auto& header = headers_.back();
  EXPECT_EQ(header.first + ": " + header.second, "x-databricks-org-id: 74");
}

TEST_F(TokenSourceTest, UsesAPatWhateverTheHostSaysOfItself) {
  metadata_ = json_answer("<html>", 503);
  tokens(pat());
  EXPECT_EQ(authorization(), "Bearer dapi-1");
  EXPECT_EQ(headers_.size(), 1u);
}

TEST_F(TokenSourceTest, AsksNothingIfEverythingIsConfigured) {
  DatabricksWorkspace workspace = pat();
  workspace.values.workspace_id = "75";
  tokens(workspace);
  EXPECT_EQ(authorization(), "Bearer dapi-1");
  EXPECT_TRUE(http_.requests().empty());
}

TEST_F(TokenSourceTest, GetsAServicePrincipalsTokenFromWhereTheHostSays) {
  tokens(m2m());
  EXPECT_EQ(authorization(), "Bearer token-1");
  EXPECT_EQ(urls(),
            (Urls{"GET /.well-known/databricks-config",
                  "GET /oidc/.well-known/oauth-authorization-server", "POST /oidc/v1/token"}));
  const HttpRequest& asked = http_.last_request();
  EXPECT_EQ(asked.body, "grant_type=client_credentials&scope=all-apis");
  EXPECT_EQ(header(asked, "Authorization"), "Basic c3AtMTpzM2NyZXQ=");
  EXPECT_EQ(header(asked, "User-Agent"), "tracelinkd/1.2.3 os/linux auth/oauth-m2m");
}

TEST_F(TokenSourceTest, GuessesTheTokenEndpointOfAHostThatDoesNotTell) {
  metadata_ = json_answer("{}", 404);
  tokens(m2m());
  EXPECT_EQ(authorization(), "Bearer token-1");
  EXPECT_EQ(urls().back(), "POST /oidc/v1/token");
  EXPECT_EQ(urls().size(), 2u);
}

TEST_F(TokenSourceTest, SendsNoSecretToATokenEndpointWithoutTls) {
  authorization_server_ = json_answer(R"({"token_endpoint":"http://elsewhere/token"})");
  tokens(m2m());
  EXPECT_EQ(authorization(), "");
  EXPECT_EQ(status(), 401);
  EXPECT_NE(message().find("without TLS, from http://elsewhere/token"), std::string::npos);
  EXPECT_EQ(urls().back(), "GET /oidc/.well-known/oauth-authorization-server");
}

TEST_F(TokenSourceTest, AsksNoAddressWithoutTlsWhereTokensComeFrom) {
  metadata_ = json_answer(R"({"oidc_endpoint":"http://elsewhere/oidc"})");
  tokens(m2m());
  EXPECT_EQ(authorization(), "");
  EXPECT_EQ(urls(), Urls{"GET /.well-known/databricks-config"});
}

TEST_F(TokenSourceTest, ReadsTheJwtAgainForEachExchange) {
  DatabricksWorkspace workspace = FakeWorkspace::workspace(DatabricksAuth::file_oidc);
  workspace.values.oidc_token_filepath = "/jwt";
  workspace.values.client_id = "sp-1";
  ASSERT_TRUE(write_file_durably(fs_, "/jwt", "first\n"));
  tokens(workspace);
  EXPECT_EQ(authorization(), "Bearer token-1");
  EXPECT_EQ(http_.last_request().body,
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&scope=all-apis&"
            "subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt&subject_token=first&"
            "client_id=sp-1");
  EXPECT_EQ(header(http_.last_request(), "Authorization"), "");
  ASSERT_TRUE(write_file_durably(fs_, "/jwt", "second"));
  clock_.advance(minutes(60));
  EXPECT_EQ(authorization(), "Bearer token-2");
  EXPECT_NE(http_.last_request().body.find("subject_token=second&"), std::string::npos);
}

TEST_F(TokenSourceTest, HidesWhatAnAuthorizationServerRepeats) {
  const auto told = [this](const std::string& repeated) {
    token_answer_ = json_answer(
        R"({"error":"invalid_client","error_description":"refused: )" + repeated + R"("})", 401);
    EXPECT_EQ(authorization(), "");
    return message();
  };
  tokens(m2m());
  EXPECT_NE(told("s3cret, Basic c3AtMTpzM2NyZXQ=").find("refused: ***, Basic ***"),
            std::string::npos)
      << message();
  DatabricksWorkspace federated = workspace(DatabricksAuth::env_oidc);
  federated.id_token = "header.payload.signature";
  tokens(federated);
  EXPECT_NE(told("header.payload.signature").find("refused: ***"), std::string::npos) << message();
  DatabricksWorkspace azure = workspace(DatabricksAuth::azure_client_secret);
  azure.values.azure_tenant_id = "tenant";
  azure.values.azure_client_secret = "se/cret";
  entra_answer_ = json_answer(R"({"error":"x","error_description":"se/cret, se%2Fcret"})", 401);
  tokens(azure);
  EXPECT_EQ(authorization(), "");
  EXPECT_NE(message().find("x: ***, ***"), std::string::npos) << message();
}

TEST_F(TokenSourceTest, AnAnswerWithoutATokenIsNotARefusedSecret) {
  token_answer_ = json_answer("<html>sign in</html>");
  tokens(m2m());
  EXPECT_EQ(authorization(), "");
  EXPECT_EQ(status(), 401);
  EXPECT_NE(message().find("answered 200 without a token"), std::string::npos) << message();
  EXPECT_NE(remedy().find("databricks.host"), std::string::npos) << remedy();
  EXPECT_EQ(remedy().find("OAuth secret"), std::string::npos) << remedy();
}

TEST_F(TokenSourceTest, NamesTheFileOfAJwtThatIsNotThere) {
  DatabricksWorkspace workspace = FakeWorkspace::workspace(DatabricksAuth::file_oidc);
  workspace.values.oidc_token_filepath = "/jwt";
  tokens(workspace);
  EXPECT_EQ(authorization(), "");
  EXPECT_EQ(status(), 401);
  EXPECT_NE(message().find("no token: /jwt"), std::string::npos) << message();
  EXPECT_NE(remedy().find("federation policy"), std::string::npos);
}

TEST_F(TokenSourceTest, RenewsAheadOfTheEndWhileTheOldTokenIsUsed) {
  tokens(m2m());
  EXPECT_EQ(authorization(), "Bearer token-1");
  clock_.advance(minutes(40) - seconds(1));
  EXPECT_EQ(authorization(), "Bearer token-1");
  EXPECT_EQ(tokens_, 1);
  clock_.advance(seconds(1));
  EXPECT_EQ(authorization(), "Bearer token-1");  // and the next one is fetched
  EXPECT_EQ(tokens_, 2);
  EXPECT_EQ(authorization(), "Bearer token-2");
}

TEST_F(TokenSourceTest, RenewsAShortTokenAtItsHalfLife) {
  lifetime_ = 600;
  tokens(m2m());
  authorization();
  clock_.advance(seconds(299));
  authorization();
  EXPECT_EQ(tokens_, 1);
  clock_.advance(seconds(1));
  authorization();
  EXPECT_EQ(tokens_, 2);
}

TEST_F(TokenSourceTest, TriesARenewalThatFailedAgainLaterAndLater) {
  tokens(m2m());
  authorization();
  clock_.advance(minutes(40));
  token_answer_ = json_answer("{}", 503);
  const std::size_t before = http_.requests().size();
  EXPECT_EQ(authorization(), "Bearer token-1");
  EXPECT_EQ(authorization(), "Bearer token-1");
  EXPECT_EQ(http_.requests().size(), before + 1);
  clock_.advance(seconds(60));
  EXPECT_EQ(authorization(), "Bearer token-1");
  EXPECT_EQ(http_.requests().size(), before + 2);
  clock_.advance(seconds(119));
  EXPECT_EQ(authorization(), "Bearer token-1");
  EXPECT_EQ(http_.requests().size(), before + 2);
  clock_.advance(seconds(1));
  EXPECT_EQ(authorization(), "Bearer token-1");
  EXPECT_EQ(http_.requests().size(), before + 3);
}

TEST_F(TokenSourceTest, UsesATokenUntil40SecondsBeforeItsEnd) {
  tokens(m2m());
  authorization();
  token_answer_ = json_answer("{}", 503);
  clock_.advance(minutes(60) - seconds(41));
  EXPECT_EQ(authorization(), "Bearer token-1");
  clock_.advance(seconds(1));
  EXPECT_EQ(authorization(), "");
  EXPECT_EQ(status(), 503);
}

TEST_F(TokenSourceTest, FetchesOnceForAllThatWait) {
  tokens(m2m());
  int given = 0;
  for (int n = 0; n < 3; ++n) source_->get([&](const auto&) { ++given; });
  settle();
  EXPECT_EQ(given, 3);
  EXPECT_EQ(tokens_, 1);
}

TEST_F(TokenSourceTest, AsksNothingForAMomentAfterARefusal) {
  token_answer_ =
      json_answer(R"({"error":"invalid_client","error_description":"bad secret"})", 401);
  tokens(m2m());
  EXPECT_EQ(authorization(), "");
  const std::size_t before = http_.requests().size();
  EXPECT_EQ(authorization(), "");
  EXPECT_EQ(http_.requests().size(), before);
  EXPECT_EQ(status(), 401);
  EXPECT_NE(message().find("no token: POST https://dbc-1.cloud.databricks.com/oidc/v1/token "
                           "answered 401: invalid_client: bad secret"),
            std::string::npos)
      << message();
  EXPECT_NE(remedy().find("refuses databricks.secret (TEST): make a new OAuth secret for the "
                          "service principal sp-1"),
            std::string::npos)
      << remedy();
  clock_.advance(seconds(1));
  token_answer_.reset();
  EXPECT_EQ(authorization(), "Bearer token-1");
}

TEST_F(TokenSourceTest, ReadsARefusedSecretAgain) {
  token_answer_ = json_answer(R"({"error":"invalid_client"})", 401);
  tokens(m2m(), [] { return m2m("n3w"); });
  authorization();
  token_answer_.reset();
  clock_.advance(seconds(1));
  EXPECT_EQ(authorization(), "Bearer token-1");
  EXPECT_EQ(header(http_.last_request(), "Authorization"), "Basic c3AtMTpuM3c=");
}

TEST_F(TokenSourceTest, NeverChangesToAnotherWorkspaceOrKindOfCredential) {
  token_answer_ = json_answer("{}", 400);
  DatabricksWorkspace other = m2m("n3w");
  tokens(m2m(), [&] { return other; });
  authorization();
  clock_.advance(minutes(2));
  for (const auto& change : {pat(), m2m("n3w")}) {
    other = change;
    if (other.auth == DatabricksAuth::oauth_m2m) other.host = "https://elsewhere";
    authorization();
    clock_.advance(minutes(2));
  }
  EXPECT_EQ(authorization(), "");
  EXPECT_EQ(header(http_.last_request(), "Authorization"), "Basic c3AtMTpzM2NyZXQ=");
}

TEST_F(TokenSourceTest, PassesOnThatNoAnswerCame) {
  tokens(m2m());
  http_.fail_request(2, FakeHttpClient::Fault::not_done);
  EXPECT_EQ(authorization(), "");
  const auto& error = std::get<Error>(refusal_);
  EXPECT_EQ(error.code, ErrorCode::timeout);
  EXPECT_EQ(error.message,
            "no token: POST https://dbc-1.cloud.databricks.com/oidc/v1/token: no answer in time");
}

TEST_F(TokenSourceTest, KeepsWhatAnOverloadedEndpointAsksFor) {
  token_answer_ = json_answer("{}", 429);
  token_answer_->headers.emplace_back("retry-after", "7");
  tokens(m2m());
  EXPECT_EQ(authorization(), "");
  EXPECT_EQ(status(), 429);
  EXPECT_EQ(std::get<HttpResponse>(refusal_).header("retry-after"), "7");
  EXPECT_EQ(remedy(), "");
}

TEST_F(TokenSourceTest, ADayOfCallsNeedsATokenEach40Minutes) {
  tokens(m2m());
  std::set<std::string> used;
  for (int minute = 0; minute < 24 * 60; ++minute) {
    used.insert(authorization());
    ASSERT_FALSE(used.contains(""));
    clock_.advance(minutes(1));
  }
  EXPECT_EQ(tokens_, 36);
  EXPECT_EQ(used.size(), 36u);
  EXPECT_EQ(http_.requests().size(), 36u + 2);  // discovery once
}

}  // namespace
}  // namespace tracelink
