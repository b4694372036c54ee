#include "config/environment_source.hpp"
#include "tests/unit/config/load_fixture.hpp"

namespace tracelink {
namespace {

class ConfigEnvironment : public LoadTest {
 protected:
  void SetUp() override {
    env("TRACELINK_MODEL__NAME", "agent");
    env("MLFLOW_TRACKING_URI", "http://server");
  }
};

TEST_F(ConfigEnvironment, SetsEveryScalarAndListKey) {
  env("TRACELINK_QUEUE__MAX_BYTES", "1GiB");
  env("TRACELINK_LISTEN__SOCKET__ALLOW_GIDS", "5,6");
  env("TRACELINK_SHUTDOWN_GRACE", "9s");
  const Config config = load().config;
  EXPECT_EQ(config.queue.max_bytes, 1ull << 30);
  EXPECT_EQ(config.listen.socket.allow_gids, (std::vector<std::uint32_t>{5, 6}));
  EXPECT_EQ(config.shutdown_grace, "9s");
}

TEST_F(ConfigEnvironment, DoesNotExpand) {
  env("TRACELINK_MODEL__TYPE", "${HOME}");
  EXPECT_EQ(load().config.model.type, "${HOME}");
}

TEST_F(ConfigEnvironment, TakesAnEmptyVariableAsNotSet) {
  file("tracking: {token: a}\nqueue: {max_bytes: 1GiB}\n");
  env("TRACELINK_QUEUE__MAX_BYTES", "");
  env("MLFLOW_TRACKING_TOKEN", "");
  env("MLFLOW_ACTIVE_MODEL_ID", "");
  const Config config = load().config;
  EXPECT_EQ(config.queue.max_bytes, 1ull << 30);
  EXPECT_EQ(config.tracking.token, "a");
}

TEST_F(ConfigEnvironment, IgnoresTheLineBreakAtTheEndOfASecret) {
  env("TRACELINK_MODEL__NAME", "");
  env("MLFLOW_ACTIVE_MODEL_ID", "m-0123456789abcdef0123456789abcdef\n");
  env("MLFLOW_EXPERIMENT_NAME", "support\n");
  env("MLFLOW_TRACKING_URI", "http://server\r\n");
  env("MLFLOW_TRACKING_TOKEN", "t0ken\n");
  env("TRACELINK_QUEUE__MAX_BYTES", "1GiB\n");
  const Config config = load().config;
  EXPECT_EQ(config.model.id, "m-0123456789abcdef0123456789abcdef");
  EXPECT_EQ(config.experiment.name, "support");
  EXPECT_EQ(config.tracking.uri, "http://server");
  EXPECT_EQ(config.tracking.token, "t0ken");
  EXPECT_EQ(config.queue.max_bytes, 1ull << 30);
}

TEST_F(ConfigEnvironment, RefusesControlCharactersInside) {
  env("TRACELINK_MODEL__NAME", "agent\nsecond");
  EXPECT_EQ(errors(),
            "TRACELINK_MODEL__NAME: model.name: holds a line break or another control "
            "character\n");
}

TEST_F(ConfigEnvironment, TellsThatBlanksAreNoValue) {
  env("MLFLOW_EXPERIMENT_NAME", " \n");
  EXPECT_EQ(load().config.experiment.name, "");
  EXPECT_EQ(warnings(), "MLFLOW_EXPERIMENT_NAME: holds only blanks: it counts as not set\n");
}

// An empty Secret would link every trace to the model of the file without a word.
TEST_F(ConfigEnvironment, TellsThatBlanksAreNoModel) {
  env("MLFLOW_ACTIVE_MODEL_ID", "\u00a0\n");
  EXPECT_EQ(load().config.model.name, "agent");
  EXPECT_EQ(warnings(), "MLFLOW_ACTIVE_MODEL_ID: holds only blanks: it counts as not set\n");
}

TEST_F(ConfigEnvironment, AnInvisibleEndMakesNoOtherModelOrExperiment) {
  env("TRACELINK_MODEL__NAME", "");
  env("MLFLOW_ACTIVE_MODEL_ID", std::string(kModelId) + "\u200b\n");
  env("MLFLOW_EXPERIMENT_NAME", "\u00a0support\u00a0");
  const Config config = load().config;
  EXPECT_EQ(config.model.id, kModelId);
  EXPECT_EQ(config.experiment.name, "support");
}

TEST_F(ConfigEnvironment, NamesTheVariableOfAWrongValue) {
  env("TRACELINK_QUEUE__ON_FULL", "never");
  env("MLFLOW_TRACKING_INSECURE_TLS", "perhaps");
  EXPECT_EQ(errors(),
            "TRACELINK_QUEUE__ON_FULL: queue.on_full: found \"never\", allowed: wait | reject | "
            "drop_oldest\n"
            "MLFLOW_TRACKING_INSECURE_TLS: tracking.insecure_tls: found \"perhaps\", allowed: true "
            "| false\n");
}

TEST_F(ConfigEnvironment, WarnsOfUnknownVariables) {
  env("TRACELINK_QUEUE_MAX_BYTES", "1GiB");
  env("TRACELINK_COLOUR", "red");
  env("TRACELINK_MODEL__TAGS", "a=b");
  env("TRACELINK_MODEL__PARAMS__LLM", "gpt");
  EXPECT_EQ(warnings(),
            "TRACELINK_COLOUR: colour: not used: it names no key\n"
            "TRACELINK_MODEL__PARAMS__LLM: model.params: not used: a map can be set in the "
            "configuration file only\n"
            "TRACELINK_MODEL__TAGS: model.tags: not used: a map can be set in the configuration "
            "file only\n"
            "TRACELINK_QUEUE_MAX_BYTES: queue_max_bytes: not used: it names no key; did you mean "
            "TRACELINK_QUEUE__MAX_BYTES?\n");
}

TEST_F(ConfigEnvironment, IgnoresWhatKubernetesInjects) {
  env("TRACELINK_SERVICE_HOST", "10.0.0.1");
  env("TRACELINK_SERVICE_PORT_GRPC", "4317");
  env("TRACELINK_PORT", "tcp://10.0.0.1:4317");
  env("TRACELINK_PORT_4317_TCP_ADDR", "10.0.0.1");
  env("TRACELINKX", "a");
  EXPECT_EQ(warnings(), "");
}

TEST_F(ConfigEnvironment, ReadsMlflowsVariables) {
  env("MLFLOW_EXPERIMENT_ID", "12");
  env("MLFLOW_TRACKING_USERNAME", "ada");
  env("MLFLOW_TRACKING_PASSWORD", "p4ss");
  env("MLFLOW_TRACKING_INSECURE_TLS", "false");
  env("MLFLOW_TRACKING_SERVER_CERT_PATH", write("ca.pem", ""));
  env("MLFLOW_TRACKING_CLIENT_CERT_PATH", write("client.pem", ""));
  env("MLFLOW_WORKSPACE", "team");
  const Config config = load().config;
  EXPECT_EQ(config.experiment.id, "12");
  EXPECT_EQ(config.tracking.username, "ada");
  EXPECT_EQ(config.tracking.password, "p4ss");
  EXPECT_FALSE(config.tracking.insecure_tls);
  EXPECT_EQ(config.tracking.ca_file, (directory_ / "ca.pem").string());
  EXPECT_EQ(config.tracking.client_cert_file, (directory_ / "client.pem").string());
  EXPECT_EQ(config.tracking.workspace, "team");
  context_.environment.erase("MLFLOW_EXPERIMENT_ID");
  env("MLFLOW_EXPERIMENT_NAME", "/Shared/support");
  EXPECT_EQ(load().config.experiment.name, "/Shared/support");
}

}  // namespace
}  // namespace tracelink
