#include "tests/unit/config/load_fixture.hpp"

namespace tracelink {
namespace {

class ConfigModel : public LoadTest {
 protected:
  void SetUp() override { env("MLFLOW_TRACKING_URI", "http://server"); }
  bool error_says(const std::string& part) {
    const std::string found = errors();
    return found.find(part) != std::string::npos || (ADD_FAILURE() << found, false);
  }
};

TEST_F(ConfigModel, IsNeededUnlessTracesGoToFiles) {
  EXPECT_EQ(errors(),
            "configuration: model.name: no model: traces are linked to a model version; set "
            "model.name or model.id in the file, TRACELINK_MODEL__NAME, or MLFLOW_ACTIVE_MODEL_ID "
            "(or destination: file, or say that traces name theirs: model.from_traces: names)\n");
  env("TRACELINK_DESTINATION", "file");
  EXPECT_EQ(errors(), "");
}

TEST_F(ConfigModel, IsNotNeededWhereTracesAreSaidToNameTheirs) {
  env("TRACELINK_MODEL__FROM_TRACES", "off");
  EXPECT_TRUE(error_says("no model"));
  for (const char* word : {"names", "ids"}) {
    env("TRACELINK_MODEL__FROM_TRACES", word);
    EXPECT_EQ(errors(), "");
    EXPECT_EQ(warnings(), "");
  }
}

TEST_F(ConfigModel, IsNamedOnTracesByATag) {
  env("TRACELINK_MODEL__NAME", "agent");
  EXPECT_EQ(load().config.forward.version_tag, "tracelink.version");
  file("forward: {version_tag: \"\"}\n");
  EXPECT_EQ(load().config.forward.version_tag, "");
  EXPECT_EQ(warnings(), "");
  const std::string too_long(251, 'v');
  for (const std::string& key : {std::string("a b"), std::string("mlflow.traceName"), too_long}) {
    file("forward: {version_tag: " + key + "}\n");
    EXPECT_EQ(errors(), "FILE:1:24: forward.version_tag: found \"" + key +
                            "\", allowed: at most 250 letters, digits and characters of _-./:, "
                            "not beginning with mlflow.\n");
  }
}

TEST_F(ConfigModel, MayBeMadeOfAttributes) {
  file("model: {name: \"shop-{service.name}\", version: \"{service.version}\"}\n");
  EXPECT_EQ(load().config.model.name, "shop-{service.name}");
  env("TRACELINK_MODEL__NAME", "{service.name}");
  EXPECT_EQ(load().config.model.name, "{service.name}");
  EXPECT_EQ(warnings(), "");
}

TEST_F(ConfigModel, RefusesBracesThatDoNotMatch) {
  file("model:\n  name: \"shop-{service.name\"\n  version: v{}\n");
  EXPECT_EQ(errors(),
            "FILE:2:9: model.name: found \"shop-{service.name\", allowed: text, with {attribute} "
            "for an attribute of the traces' resource\n"
            "FILE:3:12: model.version: found \"v{}\", allowed: text, with {attribute} for an "
            "attribute of the traces' resource\n");
}

TEST_F(ConfigModel, SaysThatAttributesNeedQuotes) {
  file("model:\n  name: {service.name}\n");
  EXPECT_EQ(errors(),
            "FILE:2:9: model.name: found a map, allowed: text, with {attribute} for an attribute "
            "of the traces' resource; a value that begins with { needs quotes: "
            "\"{service.name}\"\n");
}

TEST_F(ConfigModel, IsTakenWholeFromTheStrongestSource) {
  file("model: {name: agent, version: v1, type: chat, tags: {a: b}}\nexperiment: {name: e}\n");
  env("MLFLOW_ACTIVE_MODEL_ID", kModelId);
  env("MLFLOW_EXPERIMENT_ID", "12");
  LoadedConfig loaded = load();
  EXPECT_EQ(loaded.config.model.id, kModelId);
  EXPECT_EQ(loaded.config.model.name, "");
  EXPECT_EQ(loaded.config.model.version, "");
  EXPECT_EQ(loaded.config.model.type, "chat");
  EXPECT_EQ(loaded.config.model.tags.at("a"), "b");
  EXPECT_EQ(loaded.config.experiment.id, "12");
  EXPECT_EQ(loaded.config.experiment.name, "");
  EXPECT_TRUE(loaded.warnings.empty());

  env("TRACELINK_MODEL__NAME", "other");
  env("TRACELINK_EXPERIMENT__NAME", "f");
  loaded = load();
  EXPECT_EQ(loaded.config.model.id, "");
  EXPECT_EQ(loaded.config.model.name, "other");
  EXPECT_EQ(loaded.config.model.version, "");
  EXPECT_EQ(loaded.config.experiment.id, "");
  EXPECT_EQ(loaded.config.experiment.name, "f");
}

TEST_F(ConfigModel, RefusesTagsThatTheDaemonSetsItself) {
  for (const std::string key :
       {"tracelink.instance", "tracelink.model_name", "mlflow.model.isExternal"}) {
    file("model: {name: agent, tags: {" + key + ": x}}\n");
    EXPECT_EQ(errors(),
              "FILE:1:28: model.tags: " + key + " is set by the daemon itself; remove it\n");
  }
}

TEST_F(ConfigModel, EmptyTextsSetNoIdentity) {
  file("model: {id: \"\", name: agent}\nexperiment: {id: \"\", name: e}\n");
  env("TRACELINK_MODEL__ID", "");
  EXPECT_EQ(load().config.model.name, "agent");
  EXPECT_EQ(load().config.experiment.name, "e");
}

TEST_F(ConfigModel, RefusesIdWithNameOrVersionInOneSource) {
  file("model:\n  id: " + std::string(kModelId) + "\n  name: agent\n  version: v1\n" +
       "experiment: {id: 12, name: e}\n");
  EXPECT_EQ(errors(),
            "FILE:2:7: model.id: set together with model.name; keep one of the two\n"
            "FILE:2:7: model.id: set together with model.version; keep one of the two\n"
            "FILE:5:18: experiment.id: set together with experiment.name; keep one of the two\n");
}

TEST_F(ConfigModel, RefusesBothExperimentVariables) {
  env("TRACELINK_MODEL__NAME", "agent");
  env("MLFLOW_EXPERIMENT_ID", "12");
  env("MLFLOW_EXPERIMENT_NAME", "e");
  EXPECT_EQ(errors(),
            "MLFLOW_EXPERIMENT_ID: experiment.id: set together with experiment.name "
            "(MLFLOW_EXPERIMENT_NAME); keep one of the two\n");
}

TEST_F(ConfigModel, FindsContradictionsInAMaskedSource) {
  file("experiment: {id: 12, name: e}\n");
  env("TRACELINK_MODEL__NAME", "agent");
  env("TRACELINK_EXPERIMENT__ID", "13");
  EXPECT_TRUE(error_says("FILE:1:18: experiment.id: set together with"));
}

TEST_F(ConfigModel, RefusesWhatIsNoId) {
  env("TRACELINK_MODEL__ID", "agent");
  EXPECT_TRUE(
      error_says("TRACELINK_MODEL__ID: model.id: found \"agent\", allowed: m- and 32 "
                 "lower-case hex digits; a name belongs in model.name"));
  env("TRACELINK_MODEL__ID", std::string(kModelId) + "0");
  EXPECT_TRUE(error_says("this has 33 digits: was the id cut?"));
  env("TRACELINK_MODEL__ID", "m-0123456789ABCDEF0123456789abcdef");
  EXPECT_TRUE(error_says("hex digits; write its digits in lower case\n"));
}

TEST_F(ConfigModel, RefusesAnIdAsName) {
  file("model: {name: " + std::string(kModelId) + "}\n");
  EXPECT_EQ(errors(), "FILE:1:15: model.name: found \"" + std::string(kModelId) +
                          "\", which is a model's id; it belongs in model.id\n");
  file("model: {name: m-1}\n");
  EXPECT_EQ(errors(), "");
}

TEST_F(ConfigModel, TakesMlflowsActiveModelAsIdOrName) {
  env("MLFLOW_ACTIVE_MODEL_ID", kModelId);
  EXPECT_EQ(load().config.model.id, kModelId);
  EXPECT_EQ(warnings(), "");

  env("MLFLOW_ACTIVE_MODEL_ID", "my-agent-v1.0");
  EXPECT_EQ(load().config.model.name, "my-agent-v1.0");
  EXPECT_EQ(
      warnings(),
      "MLFLOW_ACTIVE_MODEL_ID: model.name: \"my-agent-v1.0\" is not a model id (m- and 32 hex "
      "digits); taken as a name\n");

  env("MLFLOW_ACTIVE_MODEL_ID", "m-0123456789abcdef");
  EXPECT_TRUE(error_says("MLFLOW_ACTIVE_MODEL_ID: model.id: found \"m-0123456789abcdef\""));
  EXPECT_TRUE(error_says("this has 16 digits: was the id cut?"));

  env("MLFLOW_ACTIVE_MODEL_ID", "m-agent");
  EXPECT_EQ(load().config.model.name, "m-agent");
}

TEST_F(ConfigModel, DoesNotWarnOfAMaskedActiveModel) {
  env("MLFLOW_ACTIVE_MODEL_ID", "my-agent-v1.0");
  env("TRACELINK_MODEL__NAME", "agent");
  EXPECT_EQ(warnings(), "");
}

TEST_F(ConfigModel, RefusesAVersionWithoutAName) {
  file("model: {name: agent}\n");
  env("TRACELINK_MODEL__VERSION", "v2");
  EXPECT_TRUE(error_says("TRACELINK_MODEL__VERSION: model.version: a version without a name"));
}

}  // namespace
}  // namespace tracelink
