#include "config/load.hpp"
#include "tests/unit/config/load_fixture.hpp"

namespace tracelink {
namespace {

class ConfigDatabricks : public LoadTest {
 protected:
  ConfigDatabricks() {
    env("TRACELINK_MODEL__NAME", "agent");
    env("MLFLOW_TRACKING_URI", "databricks");
    env("MLFLOW_EXPERIMENT_NAME", "/Shared/app");
    env("HOME", directory_.string());
  }
  void profiles(const std::string& text) { write(".databrickscfg", text); }
  // "host auth", or the errors.
  std::string resolved() {
    const LoadResult result = load_config(context_);
    if (!result.loaded) return without_folder(all(result.errors));
    const auto& workspace = result.loaded->config.workspace;
    return workspace ? workspace->host + " " + std::string(to_string(workspace->auth)) : "none";
  }
  std::string without_folder(std::string text) const {
    const std::string folder = directory_.string() + "/";
    for (auto at = text.find(folder); at != text.npos; at = text.find(folder)) {
      text.erase(at, folder.size());
    }
    return text;
  }
  std::string shown(const std::string& key) {
    for (const std::string& line : show_config(load())) {
      if (line.starts_with(key + " = ")) return without_folder(line.substr(key.size() + 3));
    }
    return "no such key";
  }
};

TEST_F(ConfigDatabricks, TakesTheVariablesOfTheSdk) {
  env("DATABRICKS_HOST", "w.example.com");
  env("DATABRICKS_TOKEN", "dapi-1");
  EXPECT_EQ(resolved(), "https://w.example.com pat");
  EXPECT_EQ(server_uri(load().config), "https://w.example.com");
  EXPECT_EQ(load().config.tracking.uri, "databricks");
  EXPECT_EQ(shown("databricks.host"), "w.example.com   # DATABRICKS_HOST");
  EXPECT_EQ(shown("databricks.token"), "********   # DATABRICKS_TOKEN");
  EXPECT_EQ(load().config.workspace->credential, "databricks.token (DATABRICKS_TOKEN)");
}

TEST_F(ConfigDatabricks, LetsEachSourceGiveWayToTheStrongerOneKeyByKey) {
  profiles(
      "[prod]\nhost = profile\ntoken = profile\nworkspace_id = profile\naccount_id = profile\n");
  env("MLFLOW_TRACKING_URI", "databricks://prod");
  file("databricks:\n  host: file\n  token: file\n  workspace_id: file\n");
  env("DATABRICKS_HOST", "sdk");
  env("DATABRICKS_TOKEN", "sdk");
  env("TRACELINK_DATABRICKS__HOST", "own");
  EXPECT_EQ(shown("databricks.host"), "own   # TRACELINK_DATABRICKS__HOST");
  EXPECT_EQ(shown("databricks.token"), "********   # DATABRICKS_TOKEN");
  EXPECT_EQ(shown("databricks.workspace_id"), "file   # tracelinkd.yaml:4");
  EXPECT_EQ(shown("databricks.account_id"), "profile   # profile [prod] of .databrickscfg");
  EXPECT_EQ(shown("databricks.profile"), "prod   # MLFLOW_TRACKING_URI");
}

TEST_F(ConfigDatabricks, ReadsAProfileOnlyIfItIsNamedOrNothingElseIsSet) {
  profiles("[DEFAULT]\nhost = default\ntoken = t\n[prod]\nhost = prod\ntoken = t\n");
  EXPECT_EQ(resolved(), "https://default pat");
  env("DATABRICKS_CONFIG_PROFILE", "prod");
  EXPECT_EQ(resolved(), "https://prod pat");
  env("MLFLOW_TRACKING_URI", "databricks://DEFAULT");
  EXPECT_EQ(resolved(), "https://default pat");
  env("MLFLOW_TRACKING_URI", "databricks");
  env("DATABRICKS_CONFIG_PROFILE", "");
  env("DATABRICKS_HOST", "sdk");
  EXPECT_NE(resolved().find("no credential"), std::string::npos);
}

TEST_F(ConfigDatabricks, FindsTheProfileFile) {
  write("cfg", "[DEFAULT]\nhost = other\ntoken = t\n");
  env("DATABRICKS_CONFIG_FILE", "~/cfg");
  EXPECT_EQ(resolved(), "https://other pat");
  env("DATABRICKS_CONFIG_FILE", (directory_ / "gone").string());
  EXPECT_EQ(resolved(), "DATABRICKS_CONFIG_FILE: databricks.config_file: \"gone\" is not there\n");
  env("DATABRICKS_CONFIG_FILE", "");
  env("MLFLOW_TRACKING_URI", "databricks://prod");
  EXPECT_EQ(resolved(),
            "MLFLOW_TRACKING_URI: databricks.profile: \".databrickscfg\" is not there\n");
  profiles("[test]\n");
  EXPECT_EQ(resolved(),
            "MLFLOW_TRACKING_URI: databricks.profile: .databrickscfg: there is no profile [prod]; "
            "there are: test\n");
  profiles("[prod]\nhost\n");
  EXPECT_EQ(
      resolved(),
      "MLFLOW_TRACKING_URI: databricks.profile: .databrickscfg: line 2: a value is written as "
      "name = value\n");
}

TEST_F(ConfigDatabricks, RefusesTwoProfilesThatDiffer) {
  profiles("[a]\nhost = a\ntoken = t\n[b]\nhost = b\ntoken = t\n");
  env("MLFLOW_TRACKING_URI", "databricks://a");
  env("DATABRICKS_CONFIG_PROFILE", "b");
  EXPECT_EQ(resolved(), "https://a pat");
  env("TRACELINK_DATABRICKS__PROFILE", "b");
  EXPECT_EQ(
      resolved(),
      "TRACELINK_DATABRICKS__PROFILE: databricks.profile: tracking.uri names the profile \"a\"; "
      "write one of the two\n");
}

TEST_F(ConfigDatabricks, NamesBothOfTwoKindsOfCredential) {
  file("databricks: {client_id: c, client_secret: s3cret}\n");
  env("DATABRICKS_HOST", "w");
  env("DATABRICKS_TOKEN", "dapi-s3cret");
  const std::string text = errors();
  EXPECT_NE(
      text.find("databricks.token (DATABRICKS_TOKEN) is pat, databricks.client_secret (FILE:1) "
                "is oauth"),
      std::string::npos)
      << text;
  EXPECT_EQ(text.find("s3cret\""), std::string::npos);
  env("DATABRICKS_AUTH_TYPE", "pat");
  EXPECT_EQ(resolved(), "https://w pat");
}

TEST_F(ConfigDatabricks, WantsAnExperimentThatAWorkspaceCanHave) {
  env("DATABRICKS_HOST", "w");
  env("DATABRICKS_TOKEN", "t");
  env("MLFLOW_EXPERIMENT_NAME", "app");
  EXPECT_EQ(
      errors(),
      "MLFLOW_EXPERIMENT_NAME: experiment.name: found \"app\", allowed with Databricks: a path "
      "in the workspace such as /Shared/support, or experiment.id; write /Shared/app\n");
  env("MLFLOW_EXPERIMENT_NAME", "");
  EXPECT_EQ(
      errors(),
      "configuration: experiment.name: Databricks has no default experiment; set it to a path "
      "in the workspace such as /Shared/support, or experiment.id\n");
  context_.model_required = false;  // the command line names one by an option
  EXPECT_EQ(errors(), "");
  context_.model_required = true;
  env("MLFLOW_EXPERIMENT_ID", "12");
  EXPECT_EQ(errors(), "");
  env("MLFLOW_EXPERIMENT_ID", "");
  env("TRACELINK_MODEL__NAME", "");
  env("TRACELINK_MODEL__ID", kModelId);
  EXPECT_EQ(errors(), "");
}

TEST_F(ConfigDatabricks, SaysWhatDoesNotGoWithDatabricks) {
  env("DATABRICKS_HOST", "http://w");
  env("DATABRICKS_TOKEN", "t");
  env("MLFLOW_TRACKING_TOKEN", "m");
  EXPECT_EQ(warnings(),
            "MLFLOW_TRACKING_TOKEN: tracking.token: not used with Databricks; its credentials are "
            "the keys databricks.*\n"
            "DATABRICKS_HOST: databricks.host: without TLS the credential can be read on its way; "
            "write https://\n");
  env("TRACELINK_LISTEN__MLFLOW", "127.0.0.1:5500");
  EXPECT_NE(errors().find("listen.mlflow: not possible with Databricks yet"), std::string::npos);
}

TEST_F(ConfigDatabricks, LeavesOtherServersAlone) {
  env("MLFLOW_TRACKING_URI", "http://server");
  env("DATABRICKS_HOST", "w");
  env("DATABRICKS_TOKEN", "t");
  EXPECT_EQ(resolved(), "none");
  EXPECT_EQ(warnings(), "");
  EXPECT_EQ(shown("databricks.host"), "\"\"   # default");
  file("databricks: {host: w}\n");
  EXPECT_EQ(warnings(), "FILE:1:20: databricks.host: not used: tracking.uri is not databricks\n");
}

TEST_F(ConfigDatabricks, ReadsASecretFromAFile) {
  const std::string secret = write("token", "dapi-file\n");
  file("databricks: {host: w, token: \"${file:" + secret + "}\"}\n");
  EXPECT_EQ(load().config.workspace->values.token, "dapi-file");
  write("token", "dapi-new\n");
  EXPECT_EQ(load().config.workspace->values.token, "dapi-new");
}

}  // namespace
}  // namespace tracelink
