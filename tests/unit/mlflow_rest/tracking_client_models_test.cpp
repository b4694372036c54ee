#include "daemon/mlflow/rest/remedies.hpp"
#include "daemon/mlflow/rest/rest_json.hpp"
#include "tests/unit/mlflow_rest/tracking_client_test.hpp"

namespace tracelink {
namespace {

const auto kCreate = &TrackingClient::create_model;
const auto kGet = &TrackingClient::get_model;
const auto kSearch = &TrackingClient::search_models;
const auto kFinalize = &TrackingClient::finalize_model;
const auto kSetTags = &TrackingClient::set_model_tags;
const auto kLogParams = &TrackingClient::log_model_params;
const auto kDelete = &TrackingClient::delete_model;
const auto kHasTraces = &TrackingClient::has_traces;

constexpr char kModels[] = "http://host:5000/api/2.0/mlflow/logged-models";
constexpr char kMissing[] = R"({"error_code":"RESOURCE_DOES_NOT_EXIST","message":"none"})";

Json info_of(const std::string& id, const std::string& name,
             const std::string& status = "LOGGED_MODEL_PENDING") {
  return {{"model_id", id}, {"name", name}, {"experiment_id", "12"}, {"status", status}};
}

struct ClientModelsTest : TrackingClientTest {
  using Models = std::vector<LoggedModel>;

  CreateModel asked{.experiment_id = "12",
                    .name = "agent",
                    .model_type = "agent",
                    .source_run_id = "",
                    .params = {{"llm", "gpt"}, {"temperature", "0.7"}},
                    .tags = {{"team", "ml"}}};

  // A server that stored all that was asked.
  static Json stored() {
    Json info = info_of("m-1", "agent");
    info["model_type"] = "agent";
    info["tags"] = key_values({{"team", "ml"}, {"by.server", "x"}});
    return {{"info", info},
            {"data", {{"params", key_values({{"llm", "gpt"}, {"temperature", "0.7"}})}}}};
  }
  void will_answer_model(const Json& model) {
    http.will_answer(200, to_text(Json{{"model", model}}));
  }
  void will_answer_page(const std::vector<std::string>& names, const std::string& next) {
    Json models = Json::array();
    for (const auto& name : names) models.push_back(Json{{"info", info_of("m-" + name, name)}});
    http.will_answer(200, to_text(Json{{"models", models}, {"next_page_token", next}}));
  }
};

TEST_F(ClientModelsTest, CreateSendsTheModel) {
  will_answer_model(stored());
  EXPECT_EQ(value_of<LoggedModel>(kCreate, asked).model_id, "m-1");
  EXPECT_EQ(sent(), std::string("POST ") + kModels);
  EXPECT_EQ(sent_body(), create_model_body(asked));
}

TEST_F(ClientModelsTest, CreateWithoutANameTakesTheServers) {
  asked.name.clear();
  will_answer_model(stored());
  EXPECT_EQ(value_of<LoggedModel>(kCreate, asked).name, "agent");
}

TEST_F(ClientModelsTest, CreateSeesABodyThatTheServerDroppedInPart) {
  Json without_params = stored(), without_tag = stored(), other_value = stored(),
       without_type = stored(), other_name = stored(), elsewhere = stored();
  without_params.erase("data");
  without_tag["info"]["tags"] = Json::array();
  other_value["data"]["params"] = key_values({{"llm", "gpt"}, {"temperature", ""}});
  without_type["info"].erase("model_type");
  other_name["info"]["name"] = "wise-elk-455";
  elsewhere["info"]["experiment_id"] = "0";
  for (const Json& model :
       {without_params, without_tag, other_value, without_type, other_name, elsewhere}) {
    will_answer_model(model);
    const Failure failure = failure_of<LoggedModel>(kCreate, asked);
    EXPECT_EQ(failure.failure_class, FailureClass::unknown) << model;
    EXPECT_EQ(failure.message, "the server created model m-1 unlike it was asked");
  }
}

TEST_F(ClientModelsTest, GetReadsAModelOrItsAbsence) {
  Json model = stored();
  model["info"]["model_id"] = "m-1/x";
  will_answer_model(model);
  EXPECT_EQ(value_of<std::optional<LoggedModel>>(kGet, "m-1/x")->name, "agent");
  EXPECT_EQ(sent(), std::string("GET ") + kModels + "/m-1%2Fx");
  http.will_answer(404, kMissing);
  EXPECT_FALSE(value_of<std::optional<LoggedModel>>(kGet, "m-1"));
}

TEST_F(ClientModelsTest, AnAnswerAboutAnotherModelIsNotMlflows) {
  will_answer_model(stored());
  const Failure other = failure_of<std::optional<LoggedModel>>(kGet, std::string("m-2"));
  EXPECT_EQ(other.failure_class, FailureClass::configuration);
  EXPECT_EQ(other.message,
            "the server's answer is about model m-1 and not about the one that was asked for");
  will_answer_model({{"info", info_of("m-1", "agent", "LOGGED_MODEL_READY")}});
  EXPECT_EQ(failure_of<LoggedModel>(kFinalize, std::string("m-2")).message, other.message);
}

// Unknown is not empty: a second model of the name would be made.
TEST_F(ClientModelsTest, ASearchWithAModelThatCannotBeReadFails) {
  const auto answer_with = [this](const Json& info) {
    http.will_answer(200, to_text(Json{{"models", Json::array({Json{{"info", info}}})}}));
  };
  Json info = info_of("m-1", "agent");
  info["experiment_id"] = "13";
  answer_with(info);
  EXPECT_TRUE(value_of<Models>(kSearch, std::string("12"), std::string("agent")).empty());
  info.erase("name");
  answer_with(info);
  const Failure failure = failure_of<Models>(kSearch, std::string("12"), std::string("agent"));
  EXPECT_EQ(failure.failure_class, FailureClass::configuration);
}

TEST_F(ClientModelsTest, AWrongAddressDoesNotMeanThatTheModelIsGone) {
  http.will_answer(404, "<html>no such page</html>");
  EXPECT_EQ(failure_of<std::optional<LoggedModel>>(kGet, "m-1").remedy, remedy::kRoute);
}

TEST_F(ClientModelsTest, SearchReadsAllPages) {
  will_answer_page({"agent", "agent"}, "second");
  will_answer_page({"agent"}, "");
  EXPECT_EQ(value_of<Models>(kSearch, "12", "agent").size(), 3u);
  ASSERT_EQ(http.requests().size(), 2u);
  EXPECT_EQ(sent(), std::string("POST ") + kModels + "/search");
  EXPECT_EQ(http.requests()[0].body, search_models_body({"12", "name='agent'", ""}, ""));
  EXPECT_EQ(http.requests()[1].body, search_models_body({"12", "name='agent'", ""}, "second"));
}

TEST_F(ClientModelsTest, SearchOfNothingIsEmpty) {
  http.will_answer(200, "{}");
  EXPECT_TRUE(value_of<Models>(kSearch, "12", "agent").empty());
}

TEST_F(ClientModelsTest, SearchTakesTheExactNameOnly) {
  will_answer_page({"agent", "AGENT"}, "");
  const auto models = value_of<Models>(kSearch, "12", "agent");
  ASSERT_EQ(models.size(), 1u);
  EXPECT_EQ(models[0].name, "agent");
  will_answer_page({"a", "b"}, "");
  EXPECT_EQ(value_of<Models>(kSearch, "12", "").size(), 2u);
}

TEST_F(ClientModelsTest, AFailedPageFailsTheSearch) {
  will_answer_page({"agent"}, "second");
  http.will_answer(503, "");
  EXPECT_EQ(failure_of<Models>(kSearch, "12", "agent").failure_class, FailureClass::transient);
}

TEST_F(ClientModelsTest, ASearchWithoutEndIsGivenUp) {
  for (int page = 0; page < 1'000; ++page) will_answer_page({"agent"}, std::to_string(page));
  EXPECT_EQ(failure_of<Models>(kSearch, "12", "agent").failure_class, FailureClass::unknown);
  EXPECT_EQ(http.requests().size(), 1'000u);
}

TEST_F(ClientModelsTest, ASearchThatRepeatsAPageIsGivenUp) {
  for (int page = 0; page < 3; ++page) will_answer_page({"agent"}, "again");
  EXPECT_EQ(failure_of<Models>(kSearch, "12", "agent").failure_class, FailureClass::unknown);
  EXPECT_EQ(http.requests().size(), 2u);
}

TEST_F(ClientModelsTest, ASearchWhoseAnswersAreTooLongIsGivenUp) {
  for (int page = 0; page < 6; ++page) {
    const Json answer = {{"next_page_token", std::to_string(page)},
                         {"padding", std::string(15u << 20, 'x')}};
    http.will_answer(200, to_text(answer));
  }
  EXPECT_EQ(failure_of<Models>(kSearch, "12", "agent").failure_class, FailureClass::unknown);
  EXPECT_EQ(http.requests().size(), 5u);
}

TEST_F(ClientModelsTest, FinalizeNamesTheModelInTheBodyToo) {
  will_answer_model({{"info", info_of("m-1", "agent", "LOGGED_MODEL_READY")}});
  EXPECT_EQ(value_of<LoggedModel>(kFinalize, "m-1").status, "READY");
  EXPECT_EQ(sent(), std::string("PATCH ") + kModels + "/m-1");
  EXPECT_EQ(sent_body(), R"({"model_id":"m-1","status":"LOGGED_MODEL_READY"})");
}

TEST_F(ClientModelsTest, FinalizeCountsOnlyIfTheModelIsReady) {
  will_answer_model({{"info", info_of("m-1", "agent", "LOGGED_MODEL_STATUS_UNSPECIFIED")}});
  EXPECT_EQ(failure_of<LoggedModel>(kFinalize, "m-1").failure_class, FailureClass::unknown);
}

TEST_F(ClientModelsTest, TagsAndParamsNameTheModelInTheBodyToo) {
  http.will_answer(200, "{}");
  value_of<void>(kSetTags, "m-1", Values{{"team", "ml"}});
  EXPECT_EQ(sent(), std::string("PATCH ") + kModels + "/m-1/tags");
  EXPECT_EQ(sent_body(), R"({"model_id":"m-1","tags":[{"key":"team","value":"ml"}]})");
  http.will_answer(200, "{}");
  value_of<void>(kLogParams, "m-1", Values{{"llm", "gpt"}});
  EXPECT_EQ(sent(), std::string("POST ") + kModels + "/m-1/params");
  EXPECT_EQ(sent_body(), R"({"model_id":"m-1","params":[{"key":"llm","value":"gpt"}]})");
}

TEST_F(ClientModelsTest, DeleteHasNoBody) {
  http.will_answer(200, "{}");
  value_of<void>(kDelete, "m-1");
  EXPECT_EQ(sent(), std::string("DELETE ") + kModels + "/m-1");
  EXPECT_EQ(sent_body(), "");
  http.will_answer(200, "<html>sign in</html>");
  EXPECT_EQ(failure_of<void>(kDelete, "m-1").remedy, remedy::kRoute);
}

TEST_F(ClientModelsTest, AQueryIsPassedThrough) {
  http.will_answer(200, "{}");
  value_of<std::vector<LoggedModel>>(&TrackingClient::query_models,
                                     ModelQuery{"12", "params.llm = 'x'", "metrics.m DESC"});
  const auto body = Json::parse(sent_body());
  EXPECT_EQ(body["filter"], "params.llm = 'x'");
  EXPECT_EQ(body["order_by"], Json::parse(R"([{"field_name":"metrics.m","ascending":false}])"));
}

TEST_F(ClientModelsTest, AnOrderMayDoWithoutItsDirection) {
  const struct {
    const char *text, *field;
    bool ascending;
  } cases[] = {{"", "creation_timestamp", true},
               {"name", "name", true},
               {"name asc", "name", true},
               {"metrics.a b DESC", "metrics.a b", false}};
  for (const auto& [text, field, ascending] : cases) {
    const auto order = Json::parse(search_models_body({"12", "", text}, ""))["order_by"][0];
    EXPECT_EQ(order["field_name"], field);
    EXPECT_EQ(order["ascending"], ascending) << text;
  }
}

TEST_F(ClientModelsTest, ATagIsRemovedByItsKey) {
  http.will_answer(200, "{}");
  value_of<void>(&TrackingClient::delete_model_tag, std::string("m-1"), std::string("a b/c"));
  EXPECT_EQ(sent(), std::string("DELETE ") + kModels + "/m-1/tags/a%20b%2Fc");
}

TEST_F(ClientModelsTest, TracesAreReadPageByPage) {
  http.will_answer(200, R"({"traces":[{"trace_id":"tr-1","state":"ERROR",
      "request_time":"2026-11-23T11:54:31Z","execution_duration":"1.5s","request_preview":"why",
      "tags":{"mlflow.traceName":"answer"},"trace_metadata":{"mlflow.trace.user":"u"},
      "assessments":[{"assessment_name":"a","feedback":{"value":1}}]}],"next_page_token":"next"})");
  const auto page = value_of<TracePage>(&TrackingClient::search_traces,
                                        TraceQuery{"12", linked_traces_filter("m-1"), "here"});
  const auto body = Json::parse(sent_body());
  EXPECT_EQ(body["page_token"], "here");
  EXPECT_EQ(body["filter"], "request_metadata.`mlflow.modelId` = 'm-1'");
  ASSERT_EQ(page.traces.size(), 1u);
  EXPECT_EQ(page.traces[0].name, "answer");
  EXPECT_EQ(page.traces[0].state, "ERROR");
  EXPECT_EQ(page.traces[0].metadata.at("mlflow.trace.user"), "u");
  EXPECT_EQ(page.traces[0].assessments.size(), 1u);
  EXPECT_EQ(page.next_page_token, "next");
  EXPECT_EQ(body["max_results"], 100);
}

TEST_F(ClientModelsTest, AnErrorIsReadFromTheSpansOfATrace) {
  http.will_answer(200, R"({"traces":[{"spans":[{"status":{"code":"STATUS_CODE_ERROR",
      "message":"no reply"}}]}]})");
  using Message = std::optional<std::string>;
  EXPECT_EQ(value_of<Message>(&TrackingClient::read_trace_error, std::string("tr-1/x")),
            "no reply");
  EXPECT_EQ(sent(), "GET http://host:5000/api/3.0/mlflow/traces/batchGet?trace_ids=tr-1%2Fx");
}

TEST_F(ClientModelsTest, TheNewestValueOfAMetricIsTheModels) {
  http.will_answer(200, R"({"model":{"info":{"model_id":"m-1","name":"a","experiment_id":"1"},
      "data":{"metrics":[{"key":"k","value":3.0,"timestamp":20},{"key":"k","value":1,"timestamp":10},
                         {"key":"n","value":"NaN","timestamp":30}]}}})");
  const auto model =
      value_of<std::optional<LoggedModel>>(&TrackingClient::get_model, std::string("m-1"));
  EXPECT_EQ(model->metrics, (std::map<std::string, double>{{"k", 3.0}}));
}

TEST_F(ClientModelsTest, ATraceWithoutAnIdIsNotMlflows) {
  http.will_answer(200, R"({"traces":[{}]})");
  const auto failure = failure_of<TracePage>(&TrackingClient::search_traces, TraceQuery{});
  EXPECT_EQ(failure.failure_class, FailureClass::configuration);
}

TEST_F(ClientModelsTest, ARunIsFoundByItsTagOrCreatedAndFinished) {
  using Run = std::optional<std::string>;
  const auto find = [this] {
    return value_of<Run>(&TrackingClient::find_run, std::string("12"), std::string("tag"),
                         std::string("m-1"));
  };
  http.will_answer(200, "{}");
  EXPECT_EQ(find(), std::nullopt);
  EXPECT_EQ(Json::parse(sent_body())["filter"], "tags.`tag` = 'm-1'");
  http.will_answer(200, R"({"runs":[{"info":{"run_id":"r1"}}]})");
  EXPECT_EQ(find(), "r1");
  http.will_answer(200, R"({"run":{"info":{"run_id":"r2"}}})");
  http.will_answer(200, "{}");
  EXPECT_EQ(value_of<std::string>(&TrackingClient::create_run, std::string("12"),
                                  std::string("metrics"), Values{{"tag", "m-1"}}, std::int64_t{7}),
            "r2");
  EXPECT_EQ(Json::parse(sent_body())["status"], "FINISHED");
}

TEST_F(ClientModelsTest, MetricsNameTheirModel) {
  http.will_answer(200, "{}");
  value_of<void>(&TrackingClient::log_metrics, ModelMetrics{"r1", "m-1", {{"accuracy", 0.5}}, 7});
  const auto body = Json::parse(sent_body());
  EXPECT_EQ(body["run_id"], "r1");
  EXPECT_EQ(
      body["metrics"][0],
      Json::parse(R"({"key":"accuracy","value":0.5,"timestamp":7,"step":0,"model_id":"m-1"})"));
}

TEST_F(ClientModelsTest, LinkedTracesAreLookedForByTheLink) {
  http.will_answer(200, R"({"traces":[{"trace_id":"tr-1"}]})");
  EXPECT_EQ(value_of<std::optional<bool>>(kHasTraces, "12", "m-1"), true);
  EXPECT_EQ(sent(), "POST http://host:5000/api/3.0/mlflow/traces/search");
  EXPECT_EQ(sent_body(), linked_traces_body("12", "m-1"));
  for (const char* none : {"{}", R"({"traces":[]})"}) {
    http.will_answer(200, none);
    EXPECT_EQ(value_of<std::optional<bool>>(kHasTraces, "12", "m-1"), false);
  }
}

TEST_F(ClientModelsTest, TracesInTablesAreNotLookedFor) {
  options.traces_in_tables = TracesInTables::as_tags_say;
  http.will_answer(200, R"({"experiment":{"experiment_id":"12","tags":[
      {"key":"mlflow.experiment.databricksTraceDestinationPath","value":"main.agents.app"}]}})");
  EXPECT_EQ(value_of<std::optional<bool>>(kHasTraces, "12", "m-1"), std::nullopt);
  EXPECT_EQ(sent(), "GET http://host:5000/api/2.0/mlflow/experiments/get?experiment_id=12");
  http.will_answer(200, R"({"experiment":{"experiment_id":"12"}})");
  http.will_answer(200, R"({"traces":[{"trace_id":"tr-1"}]})");
  EXPECT_EQ(value_of<std::optional<bool>>(kHasTraces, "12", "m-1"), true);
  options.traces_in_tables = TracesInTables::of_all;
  made.reset();
  http.will_answer(200, R"({"experiment":{"experiment_id":"12"}})");
  EXPECT_EQ(value_of<std::optional<bool>>(kHasTraces, "12", "m-1"), std::nullopt);
}

}  // namespace
}  // namespace tracelink
