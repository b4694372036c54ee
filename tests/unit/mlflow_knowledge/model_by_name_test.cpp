#include "daemon/mlflow/knowledge/model_by_name.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tracelink {
namespace {

using Json = nlohmann::json;

std::string search(const std::string& filter, const Json& experiments = Json::array({"12"})) {
  return Json{{"experiment_ids", experiments}, {"filter", filter}, {"max_results", 2}}.dump();
}

TEST(ModelByName, IsReadFromTheSearchOfTheSdk) {
  const auto asked = model_asked_for(search("name='agent 1'"));
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->name, "agent 1");
  EXPECT_EQ(asked->experiment_id, "12");
  EXPECT_EQ(model_asked_for(search(" name = \"it's\""))->name, "it's");
}

TEST(ModelByName, OtherSearchesAreNotForOne) {
  for (const char* filter : {"", "name", "name='", "name=''", "name='a' AND params.b='c'",
                             "names='a'", "name!='a'", "name='a\"", "params.x='a'"}) {
    EXPECT_FALSE(model_asked_for(search(filter))) << filter;
  }
  EXPECT_FALSE(model_asked_for(search("name='a'", Json::array({"1", "2"}))));
  EXPECT_FALSE(model_asked_for(search("name='a'", Json::array())));
  EXPECT_FALSE(model_asked_for(search("name='a'", Json::array({1}))));
  EXPECT_FALSE(model_asked_for("{"));
}

TEST(ModelByName, IsToldAsAReadyModel) {
  const std::string id = "m-" + std::string(32, 'a');
  const Json info =
      Json::parse(models_answer(id, {.name = "x", .experiment_id = "12"}))["models"][0]["info"];
  EXPECT_EQ(info["model_id"], id);
  EXPECT_EQ(info["name"], "x");
  EXPECT_EQ(info["experiment_id"], "12");
  EXPECT_EQ(info["status"], "LOGGED_MODEL_READY");
  EXPECT_EQ(info["tags"], Json::parse(R"([{"key":"mlflow.model.isExternal","value":"true"}])"));
  EXPECT_EQ(Json::parse(model_answer(id, {.name = "x", .experiment_id = "12"}))["model"]["info"],
            info);
}

}  // namespace
}  // namespace tracelink
