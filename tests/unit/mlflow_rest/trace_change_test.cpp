#include "daemon/mlflow/rest/trace_change.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tracelink {
namespace {

using Json = nlohmann::ordered_json;
using Kind = TraceChange::Kind;

constexpr const char* kTrace = "tr-0102030405060708090a0b0c0d0e0f10";
const std::string kV3 = std::string("/api/3.0/mlflow/traces/") + kTrace;
const std::string kV2 = std::string("/api/2.0/mlflow/traces/") + kTrace;
const std::string kPrompts = "/api/2.0/mlflow/traces/link-prompts";
const std::string kArtifacts =
    std::string("/api/2.0/mlflow-artifacts/artifacts/12/traces/") + kTrace + "/artifacts/";
const std::string kDelete = "/api/2.0/mlflow/traces/delete-traces";

struct Asked {
  std::string method, path, body;
};

// As MLflow's SDK asks, one of each kind.
const Asked kAsked[] = {
    {"PATCH", kV2 + "/tags", R"({"key":"team","value":"ml"})"},
    {"DELETE", kV2 + "/tags", R"({"key":"team"})"},
    {"POST", kV3 + "/assessments",
     std::string(R"({"assessment":{"assessment_name":"good","trace_id":")") + kTrace +
         R"(","feedback":{"value":true},"assessment_id":"a-1"}})"},
    {"PATCH", kV3 + "/assessments/a-1",
     std::string(R"({"assessment":{"feedback":{"value":false},"trace_id":")") + kTrace +
         R"(","assessment_id":"a-1"},"update_mask":"feedback"})"},
    {"DELETE", kV3 + "/assessments/a-1",
     std::string(R"({"trace_id":")") + kTrace + R"(","assessment_id":"a-1"})"},
    {"POST", kPrompts,
     std::string(R"({"trace_id":")") + kTrace +
         R"(","prompt_versions":[{"name":"p","version":"1"}]})"},
    {"POST", kDelete, std::string(R"({"experiment_id":"12","request_ids":[")") + kTrace + R"("]})"},
};

TraceChange read(const Asked& asked) {
  EXPECT_TRUE(is_trace_change(asked.method, asked.path)) << asked.method << " " << asked.path;
  auto changes = read_trace_changes(asked.method, asked.path, asked.body);
  EXPECT_TRUE(changes) << changes.error().message;
  EXPECT_EQ(changes->size(), 1u);
  return changes->front();
}

std::string answer_to(const Asked& asked, std::string_view known = {}) {
  return change_answer({read(asked)}, known);
}

Json info_after(const std::vector<Asked>& all) {
  Json info = {{"tags", {{"mlflow.traceName", "chat"}}}};
  for (const Asked& asked : all) apply_change(read(asked), info);
  return info;
}

TEST(TraceChange, IsAskedOfTheServerAsItWasAskedOfUs) {
  for (const Asked& asked : kAsked) {
    const TraceChange change = read(asked);
    EXPECT_EQ("tr-" + change.trace_id.hex(), kTrace);
    EXPECT_EQ(request_of(change), (ChangeRequest{asked.method, asked.path, asked.body}));
  }
}

TEST(TraceChange, IsStoredAndReadAgain) {
  for (const Asked& asked : kAsked) {
    const TraceChange change = read(asked);
    const TraceSlice slice = trace_change_slice(change);
    EXPECT_EQ(slice.trace_id, change.trace_id);
    EXPECT_EQ(slice.span_count, 0u);
    EXPECT_FALSE(slice.root_seen);
    const auto again = stored_trace_change(slice.trace_id, slice.change);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->kind, change.kind);
    EXPECT_EQ(again->assessment_id, change.assessment_id);
    EXPECT_EQ(request_of(*again), request_of(change));
  }
  EXPECT_EQ(trace_change_slice(read(kAsked[0])).change,
            R"({"kind":"set_tag","body":{"key":"team","value":"ml"}})");
}

// Else it would be acknowledged, and refused where it is to be sent.
TEST(TraceChange, HoweverDeepItIsWhatIsTakenCanBeReadAgain) {
  bool is_taken = true;
  for (std::size_t depth = 40; is_taken; ++depth) {
    ASSERT_LT(depth, 100u);
    const std::string value = std::string(depth, '[') + std::string(depth, ']');
    const auto changes = read_trace_changes(
        "POST", kV3 + "/assessments", R"({"assessment":{"feedback":{"value":)" + value + "}}}");
    is_taken = changes.has_value();
    if (!is_taken) continue;
    const TraceSlice slice = trace_change_slice(changes->front());
    EXPECT_TRUE(stored_trace_change(slice.trace_id, slice.change)) << depth;
    EXPECT_NE(change_answer(*changes, {}).find(value), std::string::npos) << depth;
  }
}

TEST(TraceChange, TheNewerTagRouteIsTheSame) {
  const TraceChange change = read({"PATCH", kV3 + "/tags", R"({"key":"a","value":"b"})"});
  EXPECT_EQ(request_of(change).path, kV2 + "/tags") << "every version has it";
}

TEST(TraceChange, OtherRequestsAreNone) {
  const std::string short_id = "/api/3.0/mlflow/traces/tr-01";
  const Asked others[] = {{"GET", kV2 + "/tags", ""},
                          {"POST", kV2 + "/tags", ""},
                          {"POST", kV3, ""},
                          {"POST", kV2 + "/assessments", ""},
                          {"GET", kV3 + "/assessments/a-1", ""},
                          {"PATCH", kV3 + "/assessments", ""},
                          {"PATCH", kV3 + "/assessments/a-1/x", ""},
                          {"PATCH", short_id + "/tags", ""},
                          {"GET", kPrompts, ""},
                          {"PATCH", "/x" + kV2 + "/tags", ""}};
  for (const Asked& asked : others) {
    EXPECT_FALSE(is_trace_change(asked.method, asked.path)) << asked.method << " " << asked.path;
  }
}

TEST(TraceChange, WhatItLacksIsSaid) {
  const Asked wrong[] = {{"PATCH", kV2 + "/tags", R"({"value":"ml"})"},
                         {"PATCH", kV2 + "/tags", "["},
                         {"POST", kV3 + "/assessments", "{}"},
                         {"POST", kPrompts, std::string(R"({"trace_id":")") + kTrace + "\"}"}};
  const char* const said[] = {"the body has no key", "the body is no JSON object",
                              "the body has no assessment", "there are no prompt_versions"};
  for (std::size_t i = 0; i < std::size(wrong); ++i) {
    const auto changes = read_trace_changes(wrong[i].method, wrong[i].path, wrong[i].body);
    ASSERT_FALSE(changes);
    EXPECT_EQ(changes.error().message, said[i]);
  }
  EXPECT_FALSE(stored_trace_change({}, R"({"kind":"other","body":{}})"));
  EXPECT_FALSE(stored_trace_change({}, R"({"kind":"set_tag"})"));
}

TEST(TraceChange, OneOfATraceOfAnotherNameIsRejected) {
  const std::string both = std::string(R"({"request_ids":[")") + kTrace + R"(","tr-1"]})";
  const Asked others[] = {{"POST", kPrompts, R"({"trace_id":"tr-1","prompt_versions":[]})"},
                          {"POST", kPrompts, R"({"prompt_versions":[]})"},
                          {"POST", kDelete, both}};
  for (const Asked& asked : others) {
    const auto changes = read_trace_changes(asked.method, asked.path, asked.body);
    ASSERT_FALSE(changes);
    EXPECT_EQ(changes.error().code, ErrorCode::rejected) << changes.error().message;
  }
}

TEST(TraceChange, AnArtifactIsOneOfATraceOnly) {
  for (const std::string& path : {kArtifacts + "attachments/a-b.c", kArtifacts + "traces.json"}) {
    const auto trace = artifact_trace(path);
    ASSERT_TRUE(trace) << path;
    EXPECT_EQ("tr-" + trace->hex(), kTrace);
  }
  EXPECT_TRUE(is_spans_file(kArtifacts + "traces.json"));
  EXPECT_FALSE(is_spans_file(kArtifacts + "attachments/traces.json"));
  for (const std::string& path :
       {kArtifacts + "attachments/", kArtifacts + "attachments/a/b", kArtifacts + "other",
        kArtifacts + "attachments/..", kArtifacts + "attachments/%2e%2e", "/x" + kArtifacts,
        std::string("/api/2.0/mlflow-artifacts/artifacts/../traces/") + kTrace +
            "/artifacts/traces.json",
        std::string("/api/2.0/mlflow-artifacts/artifacts/12/traces/tr-1/artifacts/traces.json"),
        kArtifacts + "traces.json?a=b"}) {
    EXPECT_FALSE(artifact_trace(path)) << path;
  }
}

TEST(TraceChange, AnArtifactIsUploadedWithItsBytes) {
  const std::string bytes("\x89PNG\0\xff\"\\", 8);
  const std::string path = kArtifacts + "attachments/a";
  const TraceSlice slice = trace_change_slice(artifact_change(path, bytes));
  EXPECT_TRUE(is_artifact(slice.change));
  EXPECT_FALSE(is_artifact(trace_change_slice(read(kAsked[0])).change));
  EXPECT_EQ(slice.change, R"({"kind":"put_artifact","body":{"path":")" + path +
                              R"(","content":"iVBORwD/Ilw="}})");
  const auto again = stored_trace_change(slice.trace_id, slice.change);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(request_of(*again), (ChangeRequest{"PUT", path, bytes, "application/octet-stream"}));
  EXPECT_EQ(change_answer({*again}, {}), "{}");
  EXPECT_FALSE(stored_trace_change({}, slice.change)) << "of another trace than it says";
}

// An operator may have changed a dead letter. An empty file would take the place of the right one.
TEST(TraceChange, AnArtifactWhoseContentIsNoBase64IsNone) {
  const std::string path = kArtifacts + "attachments/a";
  for (const char* content : {R"("%%")", "5"}) {
    const auto change =
        stored_trace_change(*artifact_trace(path), R"({"kind":"put_artifact","body":{"path":")" +
                                                       path + R"(","content":)" + content + "}}");
    ASSERT_FALSE(change) << content;
    EXPECT_EQ(change.error().message, "its content is no base64");
  }
}

TEST(TraceChange, ADeletionIsOneForEachTrace) {
  const std::string other = "tr-" + std::string(32, 'a');
  const auto changes = read_trace_changes(
      "POST", kDelete,
      R"({"experiment_id":"12","request_ids":[")" + std::string(kTrace) + "\",\"" + other + "\"]}");
  ASSERT_TRUE(changes);
  ASSERT_EQ(changes->size(), 2u);
  EXPECT_EQ("tr-" + changes->at(1).trace_id.hex(), other);
  EXPECT_EQ(request_of(changes->at(1)).body,
            R"({"experiment_id":"12","request_ids":[")" + other + "\"]}");
  const auto by_time =
      read_trace_changes("POST", kDelete, R"({"experiment_id":"12","max_timestamp_millis":"5"})");
  ASSERT_TRUE(by_time);
  EXPECT_TRUE(by_time->empty());
}

// Each deletion has a copy of it.
TEST(TraceChange, ADeletionOfManyTracesNamesNoLongExperiment) {
  const auto deletion = [](std::size_t bytes) {
    return read_trace_changes("POST", kDelete,
                              R"({"experiment_id":")" + std::string(bytes, '1') +
                                  R"(","request_ids":[")" + std::string(kTrace) + "\"]}");
  };
  EXPECT_TRUE(deletion(256));
  const auto refused = deletion(257);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "experiment_id has more than 256 bytes");
}

TEST(TraceChange, ADeletionByTimeIsOfTheExperimentsTracesUpToIt) {
  const auto deletion = deletion_by_time(R"({"experiment_id":"12","max_timestamp_millis":"1500"})");
  ASSERT_TRUE(deletion);
  EXPECT_EQ(deletion->until_ms, 1500);
  EXPECT_FALSE(deletion->is_limited);
  EXPECT_TRUE(
      deletion_by_time(R"({"experiment_id":"12","max_timestamp_millis":1500,"max_traces":3})")
          ->is_limited);
  EXPECT_FALSE(deletion_by_time(R"({"experiment_id":"12"})"));
  EXPECT_FALSE(deletion_by_time(R"({"max_timestamp_millis":1500})"));
  const auto info = [](const std::string& experiment, const std::string& time) {
    return R"({"trace_location":{"mlflow_experiment":{"experiment_id":")" + experiment +
           R"("}},"request_time":")" + time + "\"}";
  };
  EXPECT_TRUE(deletes(*deletion, info("12", "1970-01-01T00:00:01.500Z")));
  EXPECT_FALSE(deletes(*deletion, info("12", "1970-01-01T00:00:01.501Z")));
  EXPECT_FALSE(deletes(*deletion, info("7", "1970-01-01T00:00:01Z")));
}

TEST(TraceChange, ADeletionByTimeThatWaitsTakesNothingThatBeganAfterIt) {
  const DeletionByTime deletion{.experiment_id = "12", .until_ms = 9'000, .is_limited = false};
  const auto change = delete_until_change(deletion, WallTime(std::chrono::milliseconds(700)));
  EXPECT_EQ(
      request_of(change),
      (ChangeRequest{"POST", kDelete, R"({"experiment_id":"12","max_timestamp_millis":700})"}));
  EXPECT_TRUE(stored_trace_change(change.trace_id, trace_change_slice(change).change));
}

TEST(TraceChange, AnAssessmentGetsAnIdThatARepetitionHasToo) {
  const Asked asked{"POST", kV3 + "/assessments",
                    R"({"assessment":{"assessment_name":"good","feedback":{"value":1}}})"};
  const TraceChange change = read(asked);
  EXPECT_EQ(change.assessment_id.size(), 34u);
  EXPECT_TRUE(change.assessment_id.starts_with("a-"));
  EXPECT_EQ(read(asked).assessment_id, change.assessment_id);
  const Json sent = Json::parse(request_of(change).body)["assessment"];
  EXPECT_EQ(sent["assessment_id"], change.assessment_id);
  EXPECT_EQ(sent["trace_id"], kTrace);
  Asked other = asked;
  other.body.replace(other.body.find("\"value\":1"), 9, "\"value\":2");
  EXPECT_NE(read(other).assessment_id, change.assessment_id);
}

TEST(TraceChange, IsAnsweredAsMlflowDoes) {
  EXPECT_EQ(answer_to(kAsked[0]), "{}");
  EXPECT_EQ(answer_to(kAsked[4]), "{}");
  EXPECT_EQ(answer_to(kAsked[6]), R"({"traces_deleted":1})");
  const Json created = Json::parse(answer_to(kAsked[2]));
  EXPECT_EQ(created["assessment"]["assessment_id"], "a-1");
  EXPECT_EQ(created["assessment"]["valid"], true);
  const char* known = R"({"assessment_name":"good","feedback":{"value":true}})";
  const Json updated = Json::parse(answer_to(kAsked[3], known))["assessment"];
  EXPECT_EQ(updated["assessment_name"], "good");
  EXPECT_EQ(updated["feedback"]["value"], false);
}

TEST(TraceChange, ShowsInTheInfo) {
  const Json info = info_after({kAsked[0], kAsked[2], kAsked[2], kAsked[3]});
  EXPECT_EQ(info["tags"], (Json{{"mlflow.traceName", "chat"}, {"team", "ml"}}));
  ASSERT_EQ(info["assessments"].size(), 1u) << "the same one twice is one";
  EXPECT_EQ(info["assessments"][0]["feedback"]["value"], false);
  EXPECT_EQ(info["assessments"][0]["assessment_name"], "good");
  EXPECT_EQ(info["assessments"][0]["valid"], true)
      << "servers say so until another one overrides it";
  const Json less = info_after({kAsked[0], kAsked[1], kAsked[2], kAsked[4]});
  EXPECT_EQ(less["tags"].size(), 1u);
  EXPECT_TRUE(less["assessments"].empty());
}

TEST(TraceChange, AnAssessmentThatReplacesAnotherOneMarksIt) {
  const Asked replacing{"POST", kV3 + "/assessments",
                        R"({"assessment":{"assessment_id":"a-2","overrides":"a-1","valid":true}})"};
  const Json info = info_after({kAsked[2], replacing});
  EXPECT_EQ(info["assessments"][0]["valid"], false);
  const Asked withdrawn{"DELETE", kV3 + "/assessments/a-2", ""};
  const Json again = info_after({kAsked[2], replacing, withdrawn});
  ASSERT_EQ(again["assessments"].size(), 1u);
  EXPECT_EQ(again["assessments"][0]["valid"], true);
}

TEST(TraceChange, MetadataOfAnAssessmentIsAddedTo) {
  const Asked created{"POST", kV3 + "/assessments",
                      R"({"assessment":{"assessment_id":"a-1","metadata":{"a":"1","b":"1"}}})"};
  const Asked updated{"PATCH", kV3 + "/assessments/a-1",
                      R"({"assessment":{"metadata":{"b":"2"}},"update_mask":"metadata"})"};
  const Json info = info_after({created, updated});
  EXPECT_EQ(info["assessments"][0]["metadata"], (Json{{"a", "1"}, {"b", "2"}}));
}

}  // namespace
}  // namespace tracelink
