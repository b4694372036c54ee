#include "daemon/cli/config_json.hpp"

#include <gtest/gtest.h>

#include "config/key_table.hpp"

namespace tracelink::cli {
namespace {

nlohmann::ordered_json loaded_json() {
  LoadContext context;
  context.is_root = true;
  context.default_file.clear();
  context.environment = {{"TRACELINK_MODEL__NAME", "agent \"x\""},
                         {"MLFLOW_TRACKING_URI", "http://server"},
                         {"MLFLOW_TRACKING_TOKEN", "s3cret"},
                         {"TRACELINK_LISTEN__SOCKET__ALLOW_UIDS", "0,1000"}};
  const LoadResult result = load_config(context);
  EXPECT_TRUE(result.loaded);
  return config_json(result.loaded.value_or(LoadedConfig{}));
}

TEST(ConfigJson, HasEveryKeyWithValueAndOrigin) {
  const auto json = loaded_json();
  EXPECT_EQ(json.size(), key_table().size());
  const auto value = [&](const char* key) { return json.at(key).at("value"); };
  EXPECT_EQ(value("model.name"), "agent \"x\"");
  EXPECT_EQ(json.at("model.name").at("origin"), "TRACELINK_MODEL__NAME");
  EXPECT_EQ(json.at("log.level").at("origin"), "default");
  EXPECT_EQ(value("tracking.insecure_tls"), false);
  EXPECT_EQ(value("limits.connections"), 2000);
  EXPECT_EQ(value("queue.max_bytes"), "10GiB");
  EXPECT_EQ(value("tracking.timeout"), "30s");
  EXPECT_EQ(value("listen.socket.allow_uids"), nlohmann::json::array({0, 1000}));
  EXPECT_EQ(value("model.tags"), nlohmann::json::object());
}

TEST(ConfigJson, MasksSecrets) {
  const auto json = loaded_json();
  EXPECT_EQ(json.at("tracking.token").at("value"), "********");
  EXPECT_EQ(json.at("tracking.password").at("value"), "");
  EXPECT_EQ(json.dump().find("s3cret"), std::string::npos);
}

}  // namespace
}  // namespace tracelink::cli
