#include "daemon/databricks/settings/databricks_workspace.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

class DatabricksWorkspaceTest : public ::testing::Test {
 protected:
  DatabricksWorkspaceTest() { values_.host = "https://w.example.com"; }

  // "host auth, credential", or the problems, one a line.
  std::string resolved() {
    const auto result = resolve_workspace(
        values_, environment_, [](std::string_view name) { return "FROM_" + std::string(name); });
    std::string text;
    for (const auto& problem : result.problems)
      text += problem.name + ": " + problem.message + "\n";
    EXPECT_EQ(text.empty(), result.workspace.has_value());
    if (!result.workspace) return text;
    return result.workspace->host + " " + std::string(to_string(result.workspace->auth)) + ", " +
           result.workspace->credential;
  }
  std::string host_of(std::string host) {
    values_.host = std::move(host);
    values_.token = "t";
    const std::string text = resolved();
    return text.substr(0, text.find(" pat,"));
  }

  DatabricksValues values_;
  std::map<std::string, std::string> environment_;
};

TEST_F(DatabricksWorkspaceTest, UsesTheOneCredentialThatIsSet) {
  values_.token = "t";
  EXPECT_EQ(resolved(), "https://w.example.com pat, databricks.token (FROM_token)");
  values_.token.clear();
  values_.username = "u";
  values_.password = "p";
  EXPECT_EQ(resolved(), "https://w.example.com basic, databricks.password (FROM_password)");
  values_.username.clear();
  values_.password.clear();
  values_.client_id = "c";
  values_.client_secret = "s";
  EXPECT_EQ(resolved(),
            "https://w.example.com oauth-m2m, databricks.client_secret (FROM_client_secret)");
  values_.client_secret.clear();
  environment_["DATABRICKS_OIDC_TOKEN"] = "jwt";
  EXPECT_EQ(resolved(), "https://w.example.com env-oidc, the variable DATABRICKS_OIDC_TOKEN");
  values_.oidc_token_env = "MY_TOKEN";
  environment_["MY_TOKEN"] = "jwt";
  EXPECT_EQ(resolved(), "https://w.example.com env-oidc, the variable MY_TOKEN");
  environment_.clear();
  values_.oidc_token_env.clear();
  values_.oidc_token_filepath = "/jwt";
  EXPECT_EQ(
      resolved(),
      "https://w.example.com file-oidc, databricks.oidc_token_filepath (FROM_oidc_token_filepath)");
  values_ = {};
  values_.host = "https://adb-1.2.azuredatabricks.net";
  values_.azure_client_id = "a";
  values_.azure_client_secret = "s";
  EXPECT_EQ(resolved(),
            "https://adb-1.2.azuredatabricks.net azure-client-secret, "
            "databricks.azure_client_secret (FROM_azure_client_secret)");
}

TEST_F(DatabricksWorkspaceTest, NamesTwoKindsOfCredentialUnlessOneIsChosen) {
  values_.token = "t";
  values_.client_secret = "s";
  values_.client_id = "c";
  EXPECT_EQ(resolved(),
            "client_secret: two kinds of credential: databricks.token (FROM_token) is pat, "
            "databricks.client_secret (FROM_client_secret) is oauth; remove one, or choose by "
            "databricks.auth_type (DATABRICKS_AUTH_TYPE)\n");
  values_.auth_type = "oauth-m2m";
  EXPECT_EQ(resolved(),
            "https://w.example.com oauth-m2m, databricks.client_secret (FROM_client_secret)");
}

TEST_F(DatabricksWorkspaceTest, SaysWhatIsMissing) {
  EXPECT_EQ(resolved().substr(0, 47), "token: no credential: set databricks.token (DAT");
  values_.client_id = "c";
  EXPECT_EQ(resolved(),
            "client_id: databricks.client_id (FROM_client_id) alone is no credential: set "
            "databricks.client_secret too\n");
  values_.client_id.clear();
  values_.password = "p";
  EXPECT_EQ(resolved(),
            "password: databricks.password (FROM_password) alone is no credential: set "
            "databricks.username too\n");
  values_.password.clear();
  values_.oidc_token_env = "MY_TOKEN";
  EXPECT_EQ(resolved(), "oidc_token_env: the variable MY_TOKEN is not set or empty\n");
  values_.auth_type = "azure-client-secret";
  EXPECT_EQ(resolved(),
            "auth_type: azure-client-secret needs databricks.azure_client_id and "
            "databricks.azure_client_secret\n");
  values_.auth_type = "databricks-cli";
  EXPECT_EQ(resolved(),
            "auth_type: found databricks-cli, allowed: pat, basic, oauth-m2m, env-oidc, "
            "file-oidc, azure-client-secret\n");
}

TEST_F(DatabricksWorkspaceTest, AssumesAGroupByOAuthOnly) {
  values_.group_id = "g";
  values_.token = "t";
  EXPECT_EQ(resolved(),
            "group_id: auth type pat cannot assume a group; use OAuth, or remove group_id\n");
  values_.token.clear();
  values_.client_id = "c";
  values_.client_secret = "s";
  EXPECT_EQ(resolved().substr(0, 31), "https://w.example.com oauth-m2m");
}

TEST_F(DatabricksWorkspaceTest, ReadsTheAddressAsPeopleCopyIt) {
  EXPECT_EQ(host_of("w.example.com"), "https://w.example.com");
  EXPECT_EQ(host_of("https://w.example.com/"), "https://w.example.com");
  EXPECT_EQ(host_of("https://w.example.com:443"), "https://w.example.com");
  EXPECT_EQ(host_of("https://w.example.com/?o=7474"), "https://w.example.com");
  EXPECT_EQ(host_of("http://127.0.0.1:5000"), "http://127.0.0.1:5000");
  EXPECT_EQ(host_of("https://w.example.com/sql"),
            "host: a workspace has no path; write only https://w.example.com\n");
  EXPECT_EQ(host_of("ftp://w"), "host: a workspace is at https://, found ftp://\n");
  EXPECT_EQ(host_of("https://u:s3cret@w"),
            "host: allowed: https://HOST of the workspace, without a user or blanks\n");
  EXPECT_EQ(host_of("https://accounts.cloud.databricks.com"),
            "host: that is the account console; set the address of a workspace\n");
  EXPECT_EQ(host_of("").substr(0, 19), "host: no workspace:");
}

TEST_F(DatabricksWorkspaceTest, LooksForAProfileIfOneIsNamedOrNothingIsSet) {
  EXPECT_FALSE(needs_profile(values_));
  values_.profile = "prod";
  EXPECT_TRUE(needs_profile(values_));
  values_ = {};
  EXPECT_TRUE(needs_profile(values_));
  values_.azure_workspace_resource_id = "/subscriptions/1";
  EXPECT_FALSE(needs_profile(values_));
}

}  // namespace
}  // namespace tracelink
