#include "daemon/mlflow/rest/client_trace_info.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "daemon/mlflow/rest/queued_trace.hpp"
#include "daemon/mlflow/rest/trace_name.hpp"

namespace tracelink {
namespace {

using Json = nlohmann::json;

constexpr const char* kTrace = "tr-0102030405060708090a0b0c0d0e0f10";

// As an SDK sends it.
Json sent() {
  return {
      {"trace_id", kTrace},
      {"client_request_id", "request-1"},
      {"trace_location",
       {{"type", "MLFLOW_EXPERIMENT"}, {"mlflow_experiment", {{"experiment_id", "12"}}}}},
      {"request_preview", "why?"},
      {"response_preview", "because"},
      {"request_time", "2026-11-23T11:54:31.043Z"},
      {"execution_duration", "1.500s"},
      {"state", "ERROR"},
      {"trace_metadata",
       {{"mlflow.trace.session", "s-1"},
        {"mlflow.trace.sizeStats", R"({"num_spans": 3})"},
        {"mlflow.trace.tokenUsage",
         R"({"input_tokens": 1, "output_tokens": 2, "total_tokens": 3, "cache_read_input_tokens": 4})"}}},
      {"tags", {{"mlflow.traceName", "chat"}, {"team", "ml"}}},
      {"assessments",
       {{{"assessment_name", "good"}, {"feedback", {{"value", true}}}},
        {{"assessment_name", "good"}, {"feedback", {{"value", true}}}},
        {{"assessment_name", "named"}, {"assessment_id", "a-1"}}}}};
}

std::string body(const Json& info) { return Json{{"trace", {{"trace_info", info}}}}.dump(); }

TEST(ClientTraceInfo, ReadsWhoseItIsAndWhatItAnnounces) {
  const auto info = read_start_trace(body(sent()));
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->trace_id.hex(), std::string(kTrace).substr(3));
  EXPECT_EQ(info->experiment_id, "12");
  EXPECT_EQ(info->announced_spans, 3u);
  const TraceSlice slice = client_info_slice(*info);
  EXPECT_EQ(slice.trace_id, info->trace_id);
  EXPECT_EQ(slice.span_count, 0u);
  EXPECT_TRUE(slice.root_seen);
  EXPECT_EQ(slice.otlp, "");
  EXPECT_EQ(slice.info, info->json);
}

TEST(ClientTraceInfo, GivesEachAssessmentAnIdThatARepetitionHasToo) {
  const Json first = Json::parse(read_start_trace(body(sent()))->json)["assessments"];
  const Json again = Json::parse(read_start_trace(body(sent()))->json)["assessments"];
  EXPECT_EQ(first, again);
  const auto id = [&](std::size_t n) { return first[n]["assessment_id"].get<std::string>(); };
  EXPECT_TRUE(id(0).starts_with("a-"));
  EXPECT_EQ(id(0).size(), 34u);
  EXPECT_NE(id(0), id(1)) << "two equal ones are two";
  EXPECT_EQ(id(2), "a-1");
}

TEST(ClientTraceInfo, ANameIsReadAsItIsWritten) {
  const auto id = trace_of_name(kTrace);
  ASSERT_TRUE(id);
  EXPECT_EQ("tr-" + id->hex(), kTrace);
  for (const std::string& other :
       {std::string(), std::string("tr-"), std::string("tr-1234"), "tr-" + std::string(31, 'a'),
        "tr-" + std::string(33, 'a'), "tr-" + std::string(32, 'A'), "tr-" + std::string(32, '0'),
        "tr-" + std::string(31, 'a') + "g", "TR-" + std::string(32, 'a'), std::string(35, 'a')}) {
    EXPECT_FALSE(trace_of_name(other)) << other;
  }
}

TEST(ClientTraceInfo, RejectsATraceOfAnotherName) {
  Json other = sent();
  for (const Json& name : {Json("trace:/catalog.schema/1"), Json("tr-" + std::string(32, '0')),
                           Json("tr-" + std::string(32, 'A')), Json(""), Json(7)}) {
    other["trace_id"] = name;
    EXPECT_EQ(read_start_trace(body(other)).error().code, ErrorCode::rejected) << name;
  }
}

TEST(ClientTraceInfo, RefusesWhatIsNoTraceOfAnExperiment) {
  Json other = sent();
  other.erase("trace_location");
  EXPECT_EQ(read_start_trace(body(other)).error().message,
            "trace.trace_info.trace_location names no MLflow experiment");
  EXPECT_EQ(read_start_trace("{").error().message, "the body is no JSON object");
  EXPECT_EQ(read_start_trace("{}").error().message, "the body has no trace.trace_info");
  EXPECT_EQ(read_start_trace("{}").error().code, ErrorCode::invalid);
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  EXPECT_EQ(read_start_trace(R"({"trace":)" + deep + "}").error().code, ErrorCode::invalid);
}

TEST(ClientTraceInfo, HasABoundOnItsAssessments) {
  Json many = sent();
  many["assessments"] = Json::array();
  for (int n = 0; n < 1'000; ++n) many["assessments"].push_back(Json::object());
  EXPECT_TRUE(read_start_trace(body(many)));
  many["assessments"].push_back(Json::object());
  EXPECT_EQ(read_start_trace(body(many)).error().message,
            "trace.trace_info has more than 1000 assessments");
}

TEST(ClientTraceInfo, AnswersAsMlflowDoes) {
  const auto info = read_start_trace(body(sent()));
  const Json answer = Json::parse(start_trace_answer(*info, "mlflow-artifacts:/12", true));
  Json told = answer["trace"]["trace_info"];
  EXPECT_EQ(told["tags"]["mlflow.artifactLocation"],
            std::string("mlflow-artifacts:/12/traces/") + kTrace + "/artifacts");
  EXPECT_EQ(told["tags"]["mlflow.trace.spansLocation"], "TRACKING_STORE");
  told["tags"] = sent()["tags"];
  EXPECT_EQ(told, Json::parse(info->json));
  const Json without = Json::parse(start_trace_answer(*info, "mlflow-artifacts:/12", false));
  EXPECT_FALSE(without["trace"]["trace_info"]["tags"].contains("mlflow.trace.spansLocation"));
}

TEST(ClientTraceInfo, IsWhatTheTraceIsSaidToBe) {
  TraceInfo info;
  info.metadata = {{"mlflow.traceInputs", "of the spans"}};
  info.tags = {{"computed", "1"}};
  tell_as_client(read_start_trace(body(sent()))->json, info);
  EXPECT_TRUE(info.is_of_client);
  EXPECT_TRUE(info.has_root);
  EXPECT_EQ(info.state, TraceState::error);
  EXPECT_EQ(info.start_ns, 1795434871043000000u);
  EXPECT_EQ(info.end_ns, info.start_ns + 1'500'000'000u);
  const std::map<std::string, std::string> metadata{
      {"mlflow.trace.session", "s-1"}, {"mlflow.trace.sizeStats", R"({"num_spans": 3})"}};
  EXPECT_EQ(info.metadata, metadata);
  const std::map<std::string, std::string> tags{{"mlflow.traceName", "chat"}, {"team", "ml"}};
  EXPECT_EQ(info.tags, tags);
  EXPECT_EQ(info.request_preview, "why?");
  EXPECT_EQ(info.response_preview, "because");
  EXPECT_EQ(info.client_request_id, "request-1");
  EXPECT_EQ(Json::parse(info.assessments).size(), 3u);
  ASSERT_TRUE(info.token_usage);
  EXPECT_EQ(info.token_usage->total_tokens, 3);
  EXPECT_EQ(info.token_usage->cache_read_input_tokens, 4);
}

TEST(ClientTraceInfo, LeavesTheSumOfTokensToTheSpans) {
  TraceInfo info;
  info.token_usage = TokenUsage{.input_tokens = 9,
                                .output_tokens = 1,
                                .total_tokens = 10,
                                .cache_read_input_tokens = {},
                                .cache_creation_input_tokens = {},
                                .cache_creation_input_tokens_above_1hr = {}};
  tell_as_client(read_start_trace(body(sent()))->json, info);
  EXPECT_EQ(info.token_usage->total_tokens, 10);
}

TEST(ClientTraceInfo, FitsTheColumnsOfTheDatabase) {
  Json info = sent();
  info["trace_metadata"]["long"] = std::string(9'000, 'x');
  info["tags"]["nul"] = std::string("a\0b", 3);
  info["trace_metadata"]["mlflow.trace.session"] = std::string(300, 's');
  info["tags"]["mlflow.traceName"] = std::string(5'000, 'n');
  info["assessments"] = {{{"assessment_id", "a-1"}, {"rationale", std::string("a\0b", 3)}}};
  TraceInfo told;
  tell_as_client(read_start_trace(body(info))->json, told);
  EXPECT_EQ(told.metadata.at("long").size(), 8'000u);
  EXPECT_EQ(told.metadata.at("mlflow.trace.session").size(), 250u);
  EXPECT_EQ(told.tags.at("mlflow.traceName").size(), 4'096u);
  EXPECT_EQ(told.assessments, R"([{"assessment_id":"a-1","rationale":"a\ufffdb"}])");
  EXPECT_EQ(told.tags.at("nul"),
            "a\xEF\xBF\xBD"
            "b");
}

// The daemon would believe them when the server's answer repeats them.
TEST(ClientTraceInfo, TagsThatAreTheServersOwnAreNotTaken) {
  Json info = sent();
  info["tags"]["mlflow.trace.spansLocation"] = "TRACKING_STORE";
  info["tags"]["mlflow.artifactLocation"] = "s3://elsewhere";
  TraceInfo told;
  tell_as_client(read_start_trace(body(info))->json, told);
  EXPECT_EQ(told.tags,
            (std::map<std::string, std::string>{{"mlflow.traceName", "chat"}, {"team", "ml"}}));
}

TEST(ClientTraceInfo, NamesTheModelThatTheApplicationChose) {
  Json info = sent();
  EXPECT_EQ(model_of_client_info(read_start_trace(body(info))->json).id, "");
  info["trace_metadata"]["mlflow.modelId"] = "m-1";
  EXPECT_EQ(read_start_trace(body(info))->model_id, "m-1");
  EXPECT_EQ(model_of_client_info(read_start_trace(body(info))->json).id, "m-1");
}

TEST(ClientTraceInfo, WhatWasKeptOfItIsReadAsItIs) {
  Json info = sent();
  info["trace_metadata"]["mlflow.modelId"] = "m-1";
  auto read = read_start_trace(body(info));
  LinkDefinition named;
  named.name = "agent";
  explain_model(*read, named);
  const auto kept = read_kept_info(read->json);
  ASSERT_TRUE(kept) << kept.error().message;
  EXPECT_EQ(kept->json, read->json) << "with what its provisional id stands for";
  EXPECT_EQ(kept->trace_id, read->trace_id);
  EXPECT_EQ(kept->experiment_id, "12");
  EXPECT_EQ(read_kept_info("5").error().code, ErrorCode::invalid);
}

TEST(ClientTraceInfo, TellsWhatTheIdOfItsModelStandsForAndNobodyElseDoes) {
  Json info = sent();
  info["trace_metadata"]["mlflow.modelId"] = "m-1";
  info["tracelink.model"] = {{"name", "forged"}};
  auto read = read_start_trace(body(info));
  EXPECT_EQ(model_of_client_info(read->json).name, "");
  LinkDefinition named;
  named.name = "agent";
  named.experiment.id = "12";
  explain_model(*read, named);
  const ClientModel model = model_of_client_info(read->json);
  EXPECT_EQ(model.id, "m-1");
  EXPECT_EQ(model.name, "agent");
  EXPECT_EQ(model.experiment, named.experiment);
  const auto told = queued_trace({client_info_slice(*read)}, "root", false);
  EXPECT_EQ(told->info.find("tracelink.model"), std::string::npos);
}

}  // namespace
}  // namespace tracelink
