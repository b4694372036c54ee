#include "daemon/databricks/oauth_messages.hpp"

#include <string>

#include <gtest/gtest.h>

#include "tests/support/allocated_bytes.hpp"

namespace tracelink {
namespace {

HttpResponse answer(std::string body, int status = 200) {
  return {.status = status,
          .headers = {},
          .body = std::move(body),
          .new_connection = false,
          .remedy = {}};
}

TEST(OAuthMessages, ReadsWhatAHostSaysOfItself) {
  const auto metadata = read_host_metadata(answer(
      R"({"oidc_endpoint":"https://h/oidc","account_id":"a","workspace_id":7474,"cloud":"AWS"})"));
  EXPECT_EQ(metadata.oidc_endpoint, "https://h/oidc");
  EXPECT_EQ(metadata.account_id, "a");
  EXPECT_EQ(metadata.workspace_id, "7474");
  for (const char* body : {"", "[]", "<html>", R"({"oidc_endpoint":["x"]})"}) {
    EXPECT_EQ(read_host_metadata(answer(body)).oidc_endpoint, "") << body;
  }
  EXPECT_EQ(read_host_metadata(answer(R"({"oidc_endpoint":"x"})", 404)).oidc_endpoint, "");
}

TEST(OAuthMessages, ReadsATokenWithItsLifetime) {
  const auto token = read_access_token(
      answer(R"({"access_token":"t","token_type":"Bearer","expires_in":3600,"scope":"all-apis"})"));
  ASSERT_TRUE(token);
  EXPECT_EQ(token->type, "Bearer");
  EXPECT_EQ(token->text, "t");
  EXPECT_EQ(token->lifetime, std::chrono::seconds(3600));
  EXPECT_EQ(read_access_token(answer(R"({"access_token":"t","expires_in":"59"})"))->lifetime,
            std::chrono::seconds(59));
  for (const char* body :
       {"", "{}", R"({"access_token":"t"})", R"({"expires_in":1})",
        R"({"access_token":"t","expires_in":-1})", R"({"access_token":"t","expires_in":"soon"})"}) {
    EXPECT_FALSE(read_access_token(answer(body))) << body;
  }
  EXPECT_FALSE(read_access_token(answer(R"({"access_token":"t","expires_in":1})", 400)));
}

TEST(OAuthMessages, ReadsWhyThereIsNoToken) {
  EXPECT_EQ(read_token_error(answer(R"({"error":"e","error_description":"a\r\nb"})", 400)),
            "e: a  b");
  EXPECT_EQ(read_token_error(answer(R"({"errorCode":"E1","errorSummary":"s"})", 400)), "E1: s");
  EXPECT_EQ(read_token_error(answer(R"({"error_code":"C","message":"m"})", 400)), "C: m");
  EXPECT_EQ(read_token_error(answer(R"({"error":"e"})", 400)), "e");
  EXPECT_EQ(read_token_error(answer("<html>", 400)), "");
  EXPECT_EQ(read_token_error(answer(R"({"error":")" + std::string(1000, 'x') + "\"}")).size(),
            300u);
}

TEST(OAuthMessages, AnAnswerOfManyValuesIsNotParsed) {
  constexpr std::size_t kBytes = 64u << 10;
  std::string arrays = "[";
  while (arrays.size() < kBytes) arrays += "[],";
  for (const std::string& many : {std::string(kBytes, '['), arrays + "[]]"}) {
    const HttpResponse endless = answer(R"({"token_endpoint":"e","more":)" + many + "}");
    const std::size_t before = allocated_bytes();
    EXPECT_FALSE(read_token_endpoint(endless));
    EXPECT_EQ(read_token_error(endless), "");
    EXPECT_LT(allocated_bytes() - before, kBytes);
  }
}

TEST(OAuthMessages, WritesScopesAndGroupAsTheSdkDoes) {
  DatabricksValues values;
  values.client_id = "sp 1";
  values.client_secret = "s:&";
  values.scopes = "sql, clusters sql,";
  values.group_id = "g&1";
  const HttpRequest request = client_credentials_request(values, "https://h/t");
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.url, "https://h/t");
  EXPECT_EQ(request.body, "grant_type=client_credentials&scope=clusters+sql&assume_group=g%261");
  EXPECT_EQ(request.headers.back().second, "Basic c3AgMTpzOiY=");
}

TEST(OAuthMessages, FindsTheTenantInARedirect) {
  HttpResponse redirect = answer("", 302);
  EXPECT_FALSE(read_azure_tenant(redirect));
  redirect.headers = {{"location", "https://login.microsoftonline.com/t-1/oauth2/authorize?x=1"}};
  EXPECT_EQ(read_azure_tenant(redirect), "t-1");
  redirect.headers = {{"location", "https://login.microsoftonline.com"}};
  EXPECT_FALSE(read_azure_tenant(redirect));
  redirect.headers = {{"location", "/login"}};
  EXPECT_FALSE(read_azure_tenant(redirect));
  EXPECT_FALSE(read_azure_tenant(answer("", 200)));
}

TEST(OAuthMessages, AsksTheCloudOfTheHost) {
  struct Case {
    const char *host, *environment, *login;
  };
  const Case cases[] = {
      {"https://adb-1.2.azuredatabricks.net", "", "https://login.microsoftonline.com/"},
      {"https://adb-1.2.databricks.azure.us", "", "https://login.microsoftonline.us/"},
      {"https://adb-1.2.databricks.azure.cn", "PUBLIC", "https://login.chinacloudapi.cn/"},
      {"https://private.example.com", "", "https://login.microsoftonline.com/"},
      {"https://private.example.com", "AzureChinaCloud", "https://login.chinacloudapi.cn/"},
      {"https://private.example.com", "usgovernment", "https://login.microsoftonline.us/"},
  };
  for (const Case& c : cases) {
    DatabricksWorkspace workspace;
    workspace.host = c.host;
    workspace.values.azure_environment = c.environment;
    EXPECT_EQ(azure_endpoints(workspace).login, c.login) << c.host;
  }
  DatabricksWorkspace workspace;
  workspace.host = "https://adb-1.2.azuredatabricks.net";
  workspace.values.azure_client_id = "app";
  workspace.values.azure_client_secret = "s";
  const HttpRequest request = azure_token_request(workspace, "t-1", kAzureDatabricks);
  EXPECT_EQ(request.url, "https://login.microsoftonline.com/t-1/oauth2/token");
  EXPECT_EQ(request.body,
            "grant_type=client_credentials&scope=all-apis&resource=2ff814a6-3304-4ab8-85cb-"
            "cd0e6f879c1d&client_id=app&client_secret=s");
}

}  // namespace
}  // namespace tracelink
