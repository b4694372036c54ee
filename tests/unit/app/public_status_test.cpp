#include "daemon/app/public_status.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tracelink {
namespace {

using nlohmann::json;

json shown(const json& status) {
  return json::parse(public_status(nlohmann::ordered_json::parse(status.dump())));
}

json status() {
  return {{"version", "0.1.0"},
          {"pid", 42},
          {"model", {{"state", "ready"}, {"name", "agent"}, {"warnings", {"private"}}}},
          {"models", json::array({{{"state", "ready"}, {"name", "agent"}, {"link", "private"}}})},
          {"active", {{"override", "private"}}},
          {"server", {{"uri", "http://mlflow:5000"}, {"state", "up"}, {"later", "private"}}},
          {"held", json::array()},
          {"last_error", nullptr},
          {"state_dir", "/private/state"},
          {"relinks", {"private"}},
          {"notices", {"private"}},
          {"sockets", "private"}};
}

TEST(PublicStatus, HasNothingThatIsNotListed) {
  const json all = shown(status());
  EXPECT_EQ(all.dump().find("private"), std::string::npos) << all;
  EXPECT_FALSE(all.contains("pid"));
  EXPECT_EQ(all.at("model"), (json{{"state", "ready"}, {"name", "agent"}}));
  EXPECT_EQ(all.at("server"), (json{{"uri", "http://mlflow:5000"}, {"state", "up"}}));
}

TEST(PublicStatus, DoesNotTellWhereFilesAre) {
  json with_file = status();
  with_file["held"] = {{{"scope", "file /private/x"},
                        {"reason", "cannot be read: /private"},
                        {"remedy", "chmod /private"},
                        {"since", "2026-01-01T00:00:00Z"},
                        {"traces", nullptr}},
                       {{"scope", "server"}, {"reason", "401"}, {"remedy", "a token"}}};
  const json held = shown(with_file).at("held");
  EXPECT_EQ(held.dump().find("private"), std::string::npos) << held;
  EXPECT_EQ(held.at(0).at("since"), "2026-01-01T00:00:00Z");
  EXPECT_EQ(held.at(1).at("remedy"), "a token");
}

TEST(PublicStatus, DoesNotTellWhichFileFailedLast) {
  json with_error = status();
  with_error["last_error"] = {{"message", "/private/state/models/active.json: cannot be read"},
                              {"remedy", "chmod it"},
                              {"at", "2026-01-01T00:00:00Z"},
                              {"over_at", nullptr}};
  const json of_file = shown(with_error).at("last_error");
  EXPECT_EQ(of_file.dump().find("private"), std::string::npos) << of_file;
  EXPECT_EQ(of_file.at("at"), "2026-01-01T00:00:00Z");
  with_error["last_error"]["message"] = "server: HTTP 503";
  EXPECT_EQ(shown(with_error).at("last_error").at("message"), "server: HTTP 503");
}

TEST(PublicStatus, ListsABoundedNumberOfModels) {
  json with_models = status();
  for (int n = 0; n < 1000; ++n) with_models["models"].push_back({{"state", "ready"}});
  EXPECT_EQ(shown(with_models).at("models").size(), 200u);
  EXPECT_EQ(shown(with_models).at("models_in_use"), 1001);
}

}  // namespace
}  // namespace tracelink
