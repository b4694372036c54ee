#include "daemon/mlflow/rest/rest_json.hpp"

#include <gtest/gtest.h>

// Bodies byte by byte: the server drops what follows a value that it cannot read
// (docs/mlflow-servers.md#values-of-the-wrong-type), so order and types are part of the contract.
namespace tracelink {
namespace {

using Values = std::map<std::string, std::string>;

TEST(CreateModelBody, HoldsEverythingAsStrings) {
  EXPECT_EQ(create_model_body({.experiment_id = "12",
                               .name = "agent-v1",
                               .model_type = "agent",
                               .source_run_id = "r1",
                               .params = {{"llm", "gpt"}, {"temperature", "0.7"}},
                               .tags = {{"mlflow.model.isExternal", "true"}}}),
            R"({"experiment_id":"12","name":"agent-v1","model_type":"agent","source_run_id":"r1",)"
            R"("params":[{"key":"llm","value":"gpt"},{"key":"temperature","value":"0.7"}],)"
            R"("tags":[{"key":"mlflow.model.isExternal","value":"true"}]})");
}

TEST(CreateModelBody, LeavesOutWhatIsNotSaid) {
  EXPECT_EQ(create_model_body({.experiment_id = "0",
                               .name = "a \"b\"\n",
                               .model_type = "",
                               .source_run_id = "",
                               .params = {},
                               .tags = {}}),
            R"({"experiment_id":"0","name":"a \"b\"\n"})");
  CreateModel random_name;
  random_name.experiment_id = "0";
  EXPECT_EQ(create_model_body(random_name), R"({"experiment_id":"0"})");
}

TEST(SearchModelsBody, AsksForTheOldestFirst) {
  EXPECT_EQ(search_models_body({"12", name_filter("agent-v1"), ""}, ""),
            R"({"experiment_ids":["12"],"filter":"name='agent-v1'","max_results":50,)"
            R"("order_by":[{"field_name":"creation_timestamp","ascending":true}]})");
}

TEST(SearchModelsBody, ContinuesAPage) {
  EXPECT_EQ(search_models_body({"12", "", ""}, "next"),
            R"({"experiment_ids":["12"],"max_results":50,)"
            R"("order_by":[{"field_name":"creation_timestamp","ascending":true}],)"
            R"("page_token":"next"})");
}

TEST(SearchModelsBody, ANameWithAQuoteIsLookedForAmongAll) { EXPECT_EQ(name_filter("it's"), ""); }

TEST(ReadModel, TakesEveryProperty) {
  const auto model = read_model(Json::parse(R"({"info":{
      "model_id":"m-1","name":"agent","experiment_id":"12","creation_timestamp_ms":1776800000000,
      "last_updated_timestamp_ms":1776800000001,"status":"LOGGED_MODEL_READY","model_type":"agent",
      "source_run_id":"r1","artifact_uri":"x","tags":[{"key":"team","value":"ml"}]},
      "data":{"params":[{"key":"llm","value":"gpt"}],"metrics":[]}})"));
  ASSERT_TRUE(model);
  EXPECT_EQ(model->model_id, "m-1");
  EXPECT_EQ(model->name, "agent");
  EXPECT_EQ(model->experiment_id, "12");
  EXPECT_EQ(model->creation_timestamp, 1'776'800'000'000);
  EXPECT_EQ(model->last_updated_timestamp, 1'776'800'000'001);
  EXPECT_EQ(model->status, "READY");
  EXPECT_EQ(model->model_type, "agent");
  EXPECT_EQ(model->source_run_id, "r1");
  EXPECT_EQ(model->tags, (Values{{"team", "ml"}}));
  EXPECT_EQ(model->params, (Values{{"llm", "gpt"}}));
  EXPECT_EQ(model->model_uri(), "models:/m-1");
}

TEST(ReadModel, ReadsEveryStatusWord) {
  const auto status_of = [](const std::string& word) {
    Json model = {
        {"info", {{"model_id", "m"}, {"name", "n"}, {"experiment_id", "1"}, {"status", word}}}};
    return read_model(model)->status;
  };
  EXPECT_EQ(status_of("LOGGED_MODEL_PENDING"), "PENDING");
  EXPECT_EQ(status_of("LOGGED_MODEL_UPLOAD_FAILED"), "UPLOAD_FAILED");
  EXPECT_EQ(status_of("LOGGED_MODEL_STATUS_UNSPECIFIED"), "UNSPECIFIED");
  EXPECT_EQ(status_of("LOGGED_MODEL_"), "UNSPECIFIED");
  EXPECT_EQ(status_of("READY"), "UNSPECIFIED");
  EXPECT_EQ(status_of(""), "UNSPECIFIED");
}

TEST(ReadModel, NeedsIdNameAndExperiment) {
  for (const char* text :
       {"null", "[]", "{}", R"({"info":5})", R"({"info":{"name":"n","experiment_id":"1"}})",
        R"({"info":{"model_id":"m","experiment_id":"1"}})",
        R"({"info":{"model_id":"m","name":"n"}})",
        R"({"info":{"model_id":7,"name":"n","experiment_id":"1"}})"}) {
    EXPECT_FALSE(read_model(Json::parse(text))) << text;
  }
}

TEST(ReadExperiment, SeesWhetherItIsDeleted) {
  const auto experiment = read_experiment(Json::parse(
      R"({"experiment":{"experiment_id":"12","name":"/Shared/a","lifecycle_stage":"deleted"}})"));
  ASSERT_TRUE(experiment);
  EXPECT_EQ(experiment->id, "12");
  EXPECT_EQ(experiment->name, "/Shared/a");
  EXPECT_TRUE(experiment->deleted);
  EXPECT_FALSE(read_experiment(Json::parse(R"({"experiment":{"name":"a"}})")));
}

TEST(RestJson, InvalidUtf8IsReplaced) { EXPECT_EQ(to_text(Json("a\xff")), "\"a\xef\xbf\xbd\""); }

TEST(RestJson, MissingAndMistypedMembersAreEmpty) {
  const Json json = Json::parse(R"({"text":"a","number":7,"wrong":1.5})");
  EXPECT_EQ(text_at(json, "text"), "a");
  EXPECT_EQ(text_at(json, "number"), "");
  EXPECT_EQ(number_at(json, "number"), 7);
  EXPECT_EQ(number_at(json, "wrong"), 0);
  EXPECT_EQ(text_at(Json::array(), "text"), "");
  EXPECT_EQ(number_at(Json(), "number"), 0);
}

}  // namespace
}  // namespace tracelink
