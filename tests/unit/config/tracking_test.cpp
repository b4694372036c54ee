#include "config/tracking_uri.hpp"
#include "tests/unit/config/load_fixture.hpp"

namespace tracelink {
namespace {

TEST(TrackingUri, TakesServersAndTheirCredentials) {
  struct Case {
    const char *text, *uri, *username, *password;
  };
  const Case cases[] = {
      {"http://127.0.0.1:5000", "http://127.0.0.1:5000", "", ""},
      {"HTTPS://mlflow.example.org/", "https://mlflow.example.org", "", ""},
      {"https://host/static/prefix//", "https://host/static/prefix", "", ""},
      {"http://[::1]:5000", "http://[::1]:5000", "", ""},
      {"http://[::1]", "http://[::1]", "", ""},
      {"http://mlflow_server:65535", "http://mlflow_server:65535", "", ""},
      {"http://ada:p%40ss:word@host:1/x", "http://host:1/x", "ada", "p@ss:word"},
      {"http://ada:a@b@host", "http://host", "ada", "a@b"},
      {"http://ada@host", "http://host", "ada", ""},
  };
  for (const Case& c : cases) {
    const auto parsed = parse_tracking_uri(c.text);
    ASSERT_TRUE(parsed) << c.text << ": " << parsed.error().message;
    EXPECT_EQ(parsed->uri, c.uri);
    EXPECT_EQ(parsed->username, c.username);
    EXPECT_EQ(parsed->password, c.password);
  }
}

TEST(TrackingUri, SaysWhatToDoInstead) {
  struct Case {
    const char *text, *message;
  };
  const Case cases[] = {
      {"/srv/mlruns", "mlflow server --backend-store-uri sqlite:///mlflow.db --host"},
      {"./mlruns", "mlflow server --backend-store-uri sqlite:///mlflow.db --host"},
      {"file:///srv/mlruns", "a folder takes no OpenTelemetry spans"},
      {"sqlite:///mlflow.db", "mlflow server --backend-store-uri sqlite:///mlflow.db --host"},
      {"postgresql://u:p4ss@db/x", "mlflow server --backend-store-uri URI --host"},
      {"sqlite:///x?password=p4ss", "mlflow server --backend-store-uri URI --host"},
      {"databricks-uc", "allowed: databricks, or databricks://PROFILE"},
      {"databricks://scope:prefix", "goes into databricks.host (DATABRICKS_HOST)"},
      {"databricks://dbc-1.cloud.databricks.com/?o=1", "goes into databricks.host"},
      {"localhost:5000", "found \"localhost:5000\" without a scheme; write http://localhost:5000"},
      {"http://", "host or port of the URI is wrong"},
      {"http://host:0", "host or port of the URI is wrong"},
      {"http://host:65536", "host or port of the URI is wrong"},
      {"http://host:", "host or port of the URI is wrong"},
      {"databricks+https://ada:p4ss@host", "found a URI, allowed: databricks, or"},
      {"http://ada:p4/ss@host", "host or port of the URI is wrong"},
      {"http://ada:p4ss%4@host", "a % without two hex digits"},
      {"http://ada:p4ss%zz@host", "a % without two hex digits"},
      {"http://host?p4ss", "no ? and no #"},
      {"http://host/#p4ss", "no ? and no #"},
      {"http://ho st", "no spaces"},
      {"http://host\n", "no spaces"},
  };
  for (const Case& c : cases) {
    const auto parsed = parse_tracking_uri(c.text);
    ASSERT_FALSE(parsed) << c.text;
    EXPECT_EQ(parsed.error().code, ErrorCode::invalid);
    EXPECT_NE(parsed.error().message.find(c.message), std::string::npos) << parsed.error().message;
    EXPECT_EQ(parsed.error().message.find("p4"), std::string::npos) << parsed.error().message;
  }
}

TEST(TrackingUri, TakesDatabricksWithAndWithoutAProfile) {
  struct Case {
    const char *text, *uri, *profile;
  };
  const Case cases[] = {
      {"databricks", "databricks", ""},
      {"databricks://", "databricks", ""},
      {"DATABRICKS://Prod", "databricks://Prod", "Prod"},
      {"databricks://prod/", "databricks://prod", "prod"},
  };
  for (const Case& c : cases) {
    const auto parsed = parse_tracking_uri(c.text);
    ASSERT_TRUE(parsed) << c.text << ": " << parsed.error().message;
    EXPECT_EQ(parsed->uri, c.uri);
    EXPECT_EQ(parsed->databricks_profile, c.profile);
  }
  EXPECT_FALSE(parse_tracking_uri("http://host")->databricks_profile);
}

class ConfigTracking : public LoadTest {
 protected:
  void SetUp() override {
    env("TRACELINK_MODEL__NAME", "agent");
    env("TRACELINK_TRACKING__URI", "http://server");
  }
};

TEST_F(ConfigTracking, WarnsIfThereIsNoServer) {
  env("TRACELINK_TRACKING__URI", "");
  EXPECT_NE(warnings().find("tracking.uri: no tracking server"), std::string::npos);
  env("TRACELINK_DESTINATION", "file");
  EXPECT_EQ(warnings(), "");
}

class ConfigMistake : public LoadTest {
 protected:
  std::string warnings_beside_errors() const { return all(load_config(context_).warnings); }
};

TEST_F(ConfigMistake, OfTheServerIsNotSaidToBeNone) {
  for (const char* tracking : {"{uri: ./mlruns}", "{url: \"http://h\"}"}) {
    file("model: {name: a}\ntracking: " + std::string(tracking) + "\n");
    EXPECT_NE(errors(), "");
    EXPECT_EQ(warnings_beside_errors(), "") << tracking;
  }
}

TEST_F(ConfigMistake, InTheNameOfASectionIsTheOnlyOne) {
  file("modle: {name: a}\ntrackng: {uri: \"http://h\"}\n");
  EXPECT_EQ(errors(),
            "FILE:1:1: modle: unknown key; did you mean model?\n"
            "FILE:2:1: trackng: unknown key; did you mean tracking?\n");
  EXPECT_EQ(warnings_beside_errors(), "");
}

TEST_F(ConfigMistake, InAPasswordDoesNotMakeTheUserNameUnused) {
  file(
      "model: {name: a}\ntracking:\n  uri: http://h\n  username: u\n  password: "
      "${file:/run/credentials/none.service/password}\n");
  EXPECT_EQ(errors().find("FILE:5:13: tracking.password: ${file:/run/credentials/none.service/"),
            0u)
      << errors();
  EXPECT_EQ(warnings_beside_errors(), "");
}

TEST_F(ConfigTracking, NamesTheSourceOfAWrongUri) {
  env("TRACELINK_TRACKING__URI", "databricks-uc");
  EXPECT_EQ(errors(),
            "TRACELINK_TRACKING__URI: tracking.uri: found \"databricks-uc\", allowed: databricks, "
            "or databricks://PROFILE with a profile of .databrickscfg\n");
}

TEST_F(ConfigTracking, ChecksWhatAStrongerSourceMasks) {
  file("tracking:\n  uri: http://\n  token: \"s3\\ncret\"\n");
  env("MLFLOW_TRACKING_TOKEN", "t0ken");
  EXPECT_EQ(errors(),
            "FILE:2:8: tracking.uri: the host or port of the URI is wrong, allowed: such as "
            "http://127.0.0.1:5000; special characters of a password are written as %XX\n"
            "FILE:3:10: tracking.token: holds a line break or another control character\n");
}

TEST_F(ConfigTracking, NeverShowsAUriThatCameFromAFile) {
  env("TRACELINK_TRACKING__URI", "");
  file("tracking: {uri: \"${file:" + write("secret", "s3cret") + "}\"}\n");
  EXPECT_EQ(errors(),
            "FILE:1:17: tracking.uri: the file's content is not a tracking URI, allowed: http:// "
            "or https://\n");
}

TEST_F(ConfigTracking, NeverShowsAUriThatCameFromAVariable) {
  env("TRACELINK_TRACKING__URI", "");
  env("SECRET", "sqlite:///x/s3cret");
  file("tracking: {uri: \"${SECRET}\"}\n");
  EXPECT_EQ(errors(),
            "FILE:1:17: tracking.uri: the value of ${SECRET} is not a tracking URI, allowed: "
            "http:// or https://\n");
}

TEST_F(ConfigTracking, MovesCredentialsOutOfTheUriUnlessKeysOfItsOrAStrongerSourceGiveThem) {
  env("TRACELINK_TRACKING__URI", "");
  env("MLFLOW_TRACKING_URI", "http://ada:p4ss@server");
  Config config = load().config;
  EXPECT_EQ(config.tracking.uri, "http://server");
  EXPECT_EQ(config.tracking.username, "ada");
  EXPECT_EQ(config.tracking.password, "p4ss");
  for (const char* stronger : {"MLFLOW_TRACKING_PASSWORD", "TRACELINK_TRACKING__PASSWORD"}) {
    env(stronger, "other");
    config = load().config;
    EXPECT_EQ(config.tracking.username, "ada");
    EXPECT_EQ(config.tracking.password, "other");
    context_.environment.erase(stronger);
  }
}

TEST_F(ConfigTracking, CredentialsInAUriAreAsStrongAsItsSource) {
  env("TRACELINK_TRACKING__URI", "");
  file("tracking: {uri: \"http://bob:old@elsewhere\", username: eve, password: older}\n");
  env("MLFLOW_TRACKING_URI", "http://ada:p4ss@server");
  const LoadedConfig loaded = load();
  EXPECT_EQ(loaded.config.tracking.uri, "http://server");
  EXPECT_EQ(loaded.config.tracking.username, "ada");
  EXPECT_EQ(loaded.config.tracking.password, "p4ss");
  EXPECT_EQ(loaded.origins.at("tracking.password"), "MLFLOW_TRACKING_URI");
}

TEST_F(ConfigTracking, CredentialsInAUriThatIsMaskedGoNowhere) {
  env("TRACELINK_TRACKING__URI", "");
  file("tracking: {uri: \"http://bob:old@elsewhere\"}\n");
  env("MLFLOW_TRACKING_URI", "http://server");
  EXPECT_EQ(load().config.tracking.username, "");
  EXPECT_EQ(load().config.tracking.password, "");
}

TEST_F(ConfigTracking, CredentialsInAUriOfAFileAreSecret) {
  env("TRACELINK_TRACKING__URI", "");
  file("tracking: {uri: \"${file:" + write("secret", "http://ada:p4ss@server") + "}\"}\n");
  EXPECT_EQ(load().config.tracking.username, "ada");
  EXPECT_TRUE(load().secrets.contains("tracking.username"));
}

TEST_F(ConfigTracking, PrefersBasicToToken) {
  env("MLFLOW_TRACKING_TOKEN", "t0ken");
  EXPECT_EQ(load().config.tracking.token, "t0ken");
  env("MLFLOW_TRACKING_USERNAME", "ada");
  EXPECT_EQ(load().config.tracking.token, "t0ken");
  EXPECT_EQ(load().config.tracking.username, "");
  EXPECT_EQ(warnings(),
            "MLFLOW_TRACKING_USERNAME: tracking.username: not used: Basic authentication needs a "
            "user name and a password\n");
  env("MLFLOW_TRACKING_PASSWORD", "p4ss");
  EXPECT_EQ(load().config.tracking.token, "");
  EXPECT_EQ(load().config.tracking.username, "ada");
  EXPECT_EQ(warnings(),
            "MLFLOW_TRACKING_TOKEN: tracking.token: not used: user name and password win over a "
            "token\n");
}

TEST_F(ConfigTracking, RefusesInsecureTlsWithAuthorities) {
  env("MLFLOW_TRACKING_INSECURE_TLS", "true");
  EXPECT_EQ(errors(), "");
  env("MLFLOW_TRACKING_SERVER_CERT_PATH", write("ca.pem", ""));
  EXPECT_EQ(errors(),
            "MLFLOW_TRACKING_INSECURE_TLS: tracking.insecure_tls: set together with "
            "tracking.ca_file: either verify by that file, or not at all\n");
}

TEST_F(ConfigTracking, RefusesCertificatesThatCannotBeRead) {
  env("MLFLOW_TRACKING_SERVER_CERT_PATH", (directory_ / "none.pem").string());
  file("tracking: {client_cert_file: " + directory_.string() + "}\n");
  EXPECT_EQ(errors(), "MLFLOW_TRACKING_SERVER_CERT_PATH: tracking.ca_file: \"" +
                          (directory_ / "none.pem").string() +
                          "\" is not there\n"
                          "FILE:1:30: tracking.client_cert_file: \"" +
                          directory_.string() + "\" is a directory, not a file\n");
  env("MLFLOW_TRACKING_SERVER_CERT_PATH", write("ca.pem", "x"));
  env("MLFLOW_TRACKING_CLIENT_CERT_PATH", write("client.pem", "x"));
  EXPECT_EQ(errors(), "");
  env("MLFLOW_TRACKING_SERVER_CERT_PATH", directory_.string());  // of authorities
  EXPECT_EQ(errors(), "");
}

TEST_F(ConfigTracking, RefusesCredentialsThatNoHeaderCanHold) {
  for (const char* variable : {"MLFLOW_TRACKING_TOKEN", "MLFLOW_WORKSPACE"}) {
    env(variable, "s3cret\nx");
    const std::string found = errors();
    EXPECT_NE(found.find("holds a line break"), std::string::npos) << variable;
    EXPECT_EQ(found.find("s3cret"), std::string::npos) << variable;
    context_.environment.erase(variable);
  }
  env("MLFLOW_TRACKING_USERNAME", "a:b");
  env("MLFLOW_TRACKING_PASSWORD", "p4ss");
  EXPECT_NE(errors().find("tracking.username: holds a ':'"), std::string::npos);
}

}  // namespace
}  // namespace tracelink
