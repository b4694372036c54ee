#include "daemon/mlflow/knowledge/provisional_ids.hpp"
#include "daemon/types/named_experiment.hpp"
#include "ipc/server/mlflow_request.hpp"
#include "tests/unit/ipc_server/mlflow_fixture.hpp"

// Models that an application names while the tracking server is away.
namespace tracelink {
namespace {

constexpr const char* kSearch = "/api/2.0/mlflow/logged-models/search";
constexpr const char* kModel = "/api/2.0/mlflow/logged-models/";
const std::string kReal = "m-" + std::string(32, 'e');

std::string search_for(const std::string& name, const std::string& experiment = "12") {
  return request("POST", kSearch, "",
                 R"({"experiment_ids":[")" + experiment + R"("],"filter":"name=')" + name +
                     R"('","max_results":2})");
}

LinkDefinition agent() { return named_model("agent", {.id = "12", .name = {}}); }

class MlflowModelsTest : public MlflowServerTest {
 protected:
  std::string give() { return *provisional.give(agent()); }
  static std::string info_of(const std::string& model) {
    std::string info = trace_info(1);
    const std::string before = "\"trace_metadata\":{";
    info.insert(info.find(before) + before.size(), "\"mlflow.modelId\":\"" + model + "\",");
    return info;
  }
};

TEST_F(MlflowModelsTest, GivesTheServersAnswerWhileItIsThere) {
  tracking.answer_with({.body = R"({"models":[]})"});
  start_in_front();
  EXPECT_EQ(ask(search_for("agent")).body, R"({"models":[]})");
  EXPECT_TRUE(tracking.requests().at(0).body.find("name='agent'") != std::string::npos);
  EXPECT_TRUE(provisional.empty());
}

TEST_F(MlflowModelsTest, TellsAProvisionalModelWhileTheServerIsAway) {
  start_alone();
  const Answer answer = ask(search_for("agent"));
  EXPECT_TRUE(answer.has("200 OK")) << answer.head << answer.body;
  const std::string id = provisional_id(agent());
  EXPECT_TRUE(answer.says("\"model_id\":\"" + id + "\"")) << answer.body;
  EXPECT_TRUE(answer.says("\"experiment_id\":\"12\"")) << answer.body;
  EXPECT_EQ(*provisional.find(id), agent());
  const Answer model = ask(request("GET", kModel + id));
  EXPECT_TRUE(model.has("200 OK") && model.says("\"name\":\"agent\"")) << model.body;
}

TEST_F(MlflowModelsTest, ANameInTheDaemonsOwnExperimentFollowsThat) {
  own = Experiment{.id = "12", .name = "support"};
  start_alone();
  EXPECT_TRUE(ask(search_for("agent")).says(provisional_id(named_model("agent", {}))));
  EXPECT_TRUE(ask(search_for("agent", "13"))
                  .says(provisional_id(named_model("agent", {.id = "13", .name = {}}))));
}

TEST_F(MlflowModelsTest, TellsTheServersOwnIdWhereThatIsKnown) {
  real_id = kReal;
  start_alone();
  EXPECT_TRUE(ask(search_for("agent")).says("\"model_id\":\"" + kReal + "\""));
  EXPECT_TRUE(provisional.empty());
}

TEST_F(MlflowModelsTest, RefusesANameWhereNamesAreNotObeyed) {
  obeys_names = false;
  start_alone();
  EXPECT_TRUE(ask(search_for("agent")).has("503"));
  EXPECT_TRUE(provisional.empty());
}

TEST_F(MlflowModelsTest, RefusesANameThatCannotBeNoted) {
  start_alone();
  const Answer answer = ask(search_for(std::string(2'001, 'x')));
  EXPECT_TRUE(answer.has("503"));
  EXPECT_TRUE(answer.says("nor can the name be noted")) << answer.body;
}

TEST_F(MlflowModelsTest, AProxyWithoutAServerIsAServerThatIsAway) {
  tracking.answer_with({.status = 502});
  start_in_front();
  EXPECT_TRUE(ask(search_for("agent")).has("200 OK"));
}

TEST_F(MlflowModelsTest, TellsAProvisionalExperimentWhileTheServerIsAway) {
  start_alone();
  const std::string id = provisional_id(named_experiment("new one"));
  const std::string path = "/api/2.0/mlflow/experiments/get";
  const Answer answer = ask(request("GET", path + "-by-name?experiment_name=new%20one"));
  EXPECT_TRUE(answer.has("200 OK")) << answer.head << answer.body;
  EXPECT_TRUE(answer.says("\"experiment_id\":\"" + id + "\"")) << answer.body;
  EXPECT_EQ(*provisional.find(id), named_experiment("new one"));
  EXPECT_TRUE(ask(request("GET", path + "?experiment_id=" + id)).says("\"name\":\"new one\""));
  const Answer model = ask(search_for("agent", id));
  EXPECT_TRUE(model.says("\"experiment_id\":\"" + id + "\"")) << model.body;
  const LinkDefinition named = named_model("agent", named_experiment("new one").experiment);
  EXPECT_TRUE(model.says(provisional_id(named))) << model.body;
}

TEST_F(MlflowModelsTest, AnExperimentIsToldAsItWasToldBefore) {
  const std::string id = *provisional.give(named_experiment("new"));
  start_in_front();
  const Answer answer = ask(request("GET", "/api/2.0/mlflow/experiments/get?experiment_id=" + id));
  EXPECT_TRUE(answer.says("\"name\":\"new\"")) << answer.body;
  EXPECT_TRUE(tracking.requests().empty());
}

TEST_F(MlflowModelsTest, AModelOfAnExperimentThatTheServerDoesNotHaveYetIsProvisional) {
  const std::string id = *provisional.give(named_experiment("new"));
  start_in_front();
  EXPECT_TRUE(ask(search_for("agent", id)).says("LOGGED_MODEL_READY"));
  EXPECT_TRUE(tracking.requests().empty());
  real_id = "7";
  tracking.answer_with({.body = R"({"models":[]})"});
  EXPECT_EQ(ask(search_for("agent", id)).body, R"({"models":[]})");
  EXPECT_TRUE(tracking.requests().at(0).body.find(R"("experiment_ids":["7"])") !=
              std::string::npos);
}

TEST_F(MlflowModelsTest, AChangeKeepsTheExperimentThatOnlyThisDaemonKnows) {
  const std::string id = *provisional.give(named_experiment("new"));
  start_alone();
  const std::string file = std::string("/traces/tr-") + kTrace + "/artifacts/attachments/a";
  const std::string artifacts = "/api/2.0/mlflow-artifacts/artifacts/";
  for (const std::string& experiment : {id, std::string("12")}) {
    ask(request("PUT", artifacts + experiment + file, "", "png"));
  }
  const auto sent = sink().wait_for(2);
  EXPECT_EQ(sent[0].experiment, id);
  EXPECT_EQ(sent[1].experiment, "0");
}

TEST_F(MlflowModelsTest, ATraceOfAProvisionalModelIsStoredWithWhatThatStandsFor) {
  const std::string id = give();
  start_alone();
  EXPECT_TRUE(ask(request("POST", "/api/3.0/mlflow/traces", "", info_of(id))).has("200 OK"));
  EXPECT_TRUE(ask(request("POST", "/api/3.0/mlflow/traces", "", info_of(kReal))).has("200 OK"));
  const auto sent = sink().wait_for(2);
  const ClientModel model = model_of_client_info(sent[0].slices.at(0).info);
  EXPECT_EQ(model.id, id);
  EXPECT_EQ(model.name, "agent");
  EXPECT_EQ(model.experiment, agent().experiment);
  EXPECT_EQ(model_of_client_info(sent[1].slices.at(0).info).name, "");
}

TEST_F(MlflowModelsTest, RequestsNameTheModelThatTheServerHas) {
  const std::string id = give();
  real_id = kReal;
  start_in_front();
  ask(request("PATCH", kModel + id + "/tags", "", R"({"model_id":")" + id + R"(","tags":[]})"));
  ask(request("POST", "/api/2.0/mlflow/runs/log-metric", "", R"({"model_id":")" + id + R"("})"));
  hurried = 2;
  ask(request("POST", "/api/3.0/mlflow/traces/search", "", R"({"filter":"x = ')" + id + R"('"})"));
  const auto asked = tracking.requests();
  ASSERT_EQ(asked.size(), 3u);
  EXPECT_EQ(asked[0].target, kModel + kReal + "/tags");
  EXPECT_EQ(asked[0].body, R"({"model_id":")" + kReal + R"(","tags":[]})");
  EXPECT_EQ(asked[1].body, R"({"model_id":")" + kReal + R"("})");
  EXPECT_EQ(asked[2].body, R"({"filter":"x = ')" + kReal + R"('"})");
}

TEST_F(MlflowModelsTest, WhatIsStreamedNamesItInItsAddress) {
  const std::string id = give();
  real_id = kReal;
  start_in_front();
  const std::string models = "/api/2.0/mlflow-artifacts/artifacts/12/models/";
  ask(request("PUT", models + id + "/artifacts/a", "", id));
  const auto asked = tracking.requests();
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].target, models + kReal + "/artifacts/a");
  EXPECT_EQ(asked[0].body, id) << "it is not read here";
}

// Each look goes through all registrations, and a body of a megabyte has room for 30,000 of them.
TEST_F(MlflowModelsTest, AnIdIsLookedUpOnceForARequestHoweverOftenItIsNamed) {
  const std::string id = give();
  start_in_front();
  const auto named_often = [](const std::string& model) {
    std::string body;
    for (int n = 0; n < 1'000; ++n) body += "\"" + model + "\",";
    return body;
  };
  const std::string target = "/api/2.0/mlflow/runs/log-batch?model=";
  ask(request("POST", target + id, "", named_often(id)));
  EXPECT_EQ(real_ids_asked, 1) << "the server does not have it yet";
  real_id = kReal;
  ask(request("POST", target + id, "", named_often(id)));
  EXPECT_EQ(real_ids_asked, 2);
  const auto asked = tracking.requests();
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_EQ(asked[0].body, named_often(id));
  EXPECT_EQ(asked[1].target, target + kReal);
  EXPECT_EQ(asked[1].body, named_often(kReal));
}

TEST_F(MlflowModelsTest, ABodyOfAMegabyteIsPassedOnAsItIs) {
  const std::string id = give();
  real_id = kReal;
  start_in_front();
  const auto info_of_bytes = [&](std::size_t bytes) {
    std::string info = info_of(id);
    info.replace(info.find("tr-"), 3, "other-");
    return info + std::string(bytes - info.size(), ' ');
  };
  for (const std::size_t bytes : {999'999u, 1'000'000u}) {
    ask(request("POST", "/api/3.0/mlflow/traces", "", info_of_bytes(bytes)));
  }
  const auto asked = tracking.requests();
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_NE(asked[0].body.find(kReal), std::string::npos);
  EXPECT_TRUE(asked[1].body == info_of_bytes(1'000'000));
}

TEST_F(MlflowModelsTest, AnAttachmentThatIsPassedOnIsNotLookedThrough) {
  const std::string id = give();
  real_id = kReal;
  start_in_front();
  const std::string path = std::string("/api/2.0/mlflow-artifacts/artifacts/12/traces/tr-") +
                           kTrace + "/artifacts/attachments/a";
  const std::string large = id + std::string(16u << 20, ' ') + id;
  RawClient client = connect_mlflow();
  std::thread sender([&] {
    client.send(request("PUT", path, "Transfer-Encoding: chunked\r\n") + format_chunk(large) +
                "0\r\n\r\n");
  });
  const Answer answer = read_answer(client);
  sender.join();
  EXPECT_TRUE(answer.has("200 OK")) << answer.head << answer.body;
  EXPECT_TRUE(tracking.requests().at(0).body == large);
  EXPECT_EQ(real_ids_asked, 0);
}

TEST_F(MlflowModelsTest, TellsAModelAsTheServerHasItOnceItDoes) {
  const std::string id = give();
  real_id = kReal;
  tracking.answer_with({.body = R"({"model":{"info":{"model_id":"real"}}})"});
  start_in_front();
  EXPECT_TRUE(ask(request("GET", kModel + id)).says("\"real\""));
  EXPECT_EQ(tracking.requests().at(0).target, kModel + kReal);
  tracking.answer_with({.status = 503});
  EXPECT_TRUE(ask(request("GET", kModel + id)).says("\"name\":\"agent\""));
}

TEST_F(MlflowModelsTest, AChangeOfAModelThatTheServerDoesNotHaveYetIsRefusedWithTheReason) {
  const std::string id = give();
  start_in_front();
  const Answer answer = ask(request("PATCH", kModel + id + "/tags", "", "{}"));
  EXPECT_TRUE(answer.has("503"));
  EXPECT_TRUE(answer.says("with the first trace of it")) << answer.body;
  EXPECT_TRUE(tracking.requests().empty());
}

}  // namespace
}  // namespace tracelink
