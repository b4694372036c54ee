#include "daemon/mlflow/rest/rest_json.hpp"

#include <gtest/gtest.h>

// Bodies byte by byte: the server drops what follows a value that it cannot read
// (docs/mlflow-servers.md#values-of-the-wrong-type), so order and types are part of the contract.
namespace tracelink {
namespace {

using Values = std::map<std::string, std::string>;

std::string object_of(std::size_t members) {
  std::string text = "{";
  for (std::size_t n = 0; n < members; ++n)
    text += (n == 0 ? "\"" : ",\"") + std::to_string(n) + "\":0";
  return text + "}";
}
std::string nested(std::size_t depth) {
  return R"({"a":)" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
}

TEST(ParseShallow, HasBoundsOnDepthAndOnTheMembersOfAnObject) {
  EXPECT_EQ(parse_shallow(object_of(1'000)).size(), 1'000u);
  EXPECT_TRUE(parse_shallow(object_of(1'001)).is_null());
  EXPECT_TRUE(parse_shallow("[" + object_of(1'001) + "]").is_null());
  EXPECT_EQ(parse_shallow("[" + object_of(600) + "," + object_of(600) + "]").size(), 2u);
  EXPECT_TRUE(parse_shallow(nested(64)).is_object());
  EXPECT_TRUE(parse_shallow(nested(65)).is_null());
  EXPECT_TRUE(parse_shallow("{").is_null());
}

TEST(ParseClientBody, SaysWhyItIsNone) {
  EXPECT_EQ(parse_client_body(R"({"a":1})")->size(), 1u);
  EXPECT_TRUE(parse_client_body(nested(60)));
  EXPECT_EQ(parse_client_body(nested(61)).error().message, "the body nests more than 60 deep");
  EXPECT_EQ(parse_client_body(object_of(1'001)).error().message,
            "an object of the body has more than 1000 members");
  EXPECT_EQ(parse_client_body("[]").error().message, "the body is no JSON object");
}

// What is stored of a client's body is a member of another object.
TEST(ParseClientBody, WhatItTakesCanBeReadWhereItIsStored) {
  const auto body = parse_client_body(nested(60));
  ASSERT_TRUE(body);
  EXPECT_TRUE(parse_shallow(to_text(Json{{"kind", "k"}, {"body", *body}})).is_object());
}

TEST(ParseAnswer, HasABoundOnTheMembersOfAnObject) {
  EXPECT_EQ(parse_answer(object_of(10'000)).size(), 10'000u);
  EXPECT_TRUE(parse_answer(object_of(10'001)).is_discarded());
}

TEST(ParseAnswer, LeavesOutWhatIsNotWanted) {
  const auto without = [](std::string_view text) {
    return parse_answer(text, [](int depth, Json::parse_event_t event, const Json& value) {
      if (event == Json::parse_event_t::key) return value != "secret";
      return depth == 0 || !value.contains("drop");
    });
  };
  EXPECT_EQ(without(R"({"secret":{"a":[{"secret":1}]},"b":[1,"x",null,true,-2,1.5]})").dump(),
            R"({"b":[1,"x",null,true,-2,1.5]})");
  EXPECT_EQ(without(R"({"a":[{"drop":1},{"keep":1},{"drop":2},[]],"b":{"drop":3}})").dump(),
            R"({"a":[{"keep":1},[]]})");
  EXPECT_EQ(without(R"({"secret":1,"secret":[1,{}],"a":1,"a":2})").dump(), R"({"a":2})");
  EXPECT_EQ(without("5").dump(), "5");
  for (const char* none : {"", "{", R"({"a":1}x)", R"({"a":1,})", "\"\xff\""})
    EXPECT_TRUE(without(none).is_discarded()) << none;
}

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
