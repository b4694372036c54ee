#include "daemon/mlflow/knowledge/server_knowledge.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/fake_file_system.hpp"

namespace tracelink {
namespace {

using Json = nlohmann::json;

const std::filesystem::path kFile = "/state/models/server.json";
constexpr const char* kUri = "http://mlflow:5000";

class ServerKnowledgeTest : public ::testing::Test {
 protected:
  ServerKnowledgeTest() { EXPECT_TRUE(fs.create_directories(kFile.parent_path())); }

  ServerKnowledge make(const std::string& uri = kUri) {
    return {fs, kFile, uri, [this] { ++changes; }};
  }
  static std::string answer(const std::string& id, const std::string& name,
                            const std::string& location = "s3://bucket/x") {
    return Json{
        {"experiment", {{"experiment_id", id}, {"name", name}, {"artifact_location", location}}}}
        .dump();
  }
  static ExperimentQuery id(std::string value) { return {false, std::move(value)}; }
  static ExperimentQuery name(std::string value) { return {true, std::move(value)}; }

  FakeFileSystem fs;
  int changes = 0;
};

TEST_F(ServerKnowledgeTest, AnswersAsTheServerDidByIdAndByName) {
  ServerKnowledge knowledge = make();
  EXPECT_FALSE(knowledge.experiment(name("support")));
  knowledge.learn_experiment(answer("12", "support"));
  EXPECT_EQ(changes, 1);
  EXPECT_EQ(Json::parse(*knowledge.experiment(name("support"))),
            Json::parse(answer("12", "support")));
  EXPECT_EQ(Json::parse(*knowledge.experiment(id("12"))), Json::parse(answer("12", "support")));
  EXPECT_EQ(knowledge.artifact_root("12"), "s3://bucket/x");
  EXPECT_EQ(knowledge.artifact_root("13"), "mlflow-artifacts:/13");
  knowledge.learn_experiment(answer("12", "support"));
  EXPECT_EQ(changes, 1) << "nothing is new";
}

TEST_F(ServerKnowledgeTest, IsKeptOverARestart) {
  {
    ServerKnowledge knowledge = make();
    ASSERT_TRUE(knowledge.load());
    knowledge.learn_experiment(answer("12", "support"));
    knowledge.learn_version("3.17.2");
    ASSERT_TRUE(knowledge.save());
  }
  ServerKnowledge again = make();
  EXPECT_EQ(again.version(), "3.6.0") << "until it is loaded";
  ASSERT_TRUE(again.load());
  EXPECT_EQ(again.version(), "3.17.2");
  EXPECT_TRUE(again.experiment(name("support")));
  EXPECT_EQ(changes, 2) << "to load is not to learn";
}

TEST_F(ServerKnowledgeTest, IsOfOneServer) {
  ServerKnowledge knowledge = make();
  ASSERT_TRUE(knowledge.load());
  knowledge.learn_experiment(answer("12", "support"));
  ASSERT_TRUE(knowledge.save());
  ServerKnowledge other = make("http://other:5000");
  ASSERT_TRUE(other.load());
  EXPECT_FALSE(other.experiment(id("12")));
}

TEST_F(ServerKnowledgeTest, KnowsNothingFromAFileThatIsDamaged) {
  ASSERT_TRUE(write_file_durably(fs, kFile, "{"));
  ServerKnowledge knowledge = make();
  EXPECT_EQ(knowledge.load().error().code, ErrorCode::corrupt);
  EXPECT_EQ(knowledge.version(), "3.6.0");
  knowledge.learn_experiment(answer("12", "support"));
  ASSERT_TRUE(knowledge.save());
  EXPECT_TRUE(make().load());
}

TEST_F(ServerKnowledgeTest, AFileThatCannotBeReadIsNotReplacedAndJoinedLater) {
  {
    ServerKnowledge knowledge = make();
    ASSERT_TRUE(knowledge.load());
    knowledge.learn_version("3.17.2");
    knowledge.learn_experiment(answer("12", "support"));
    knowledge.learn_experiment(answer("13", "sales"));
    ASSERT_TRUE(knowledge.save());
  }
  const std::string unread = fs.content(kFile);
  for (std::uint64_t n = 0; n < 4; ++n) {  // each read of load()
    SCOPED_TRACE(n);
    fs.fail_reads("server.json", n);
    ServerKnowledge knowledge = make();
    ASSERT_EQ(knowledge.load().error().code, ErrorCode::io);
    knowledge.learn_version("3.18.0");
    knowledge.learn_experiment(answer("12", "help"));
    EXPECT_EQ(knowledge.save().error().code, ErrorCode::io);
    EXPECT_EQ(fs.content(kFile), unread);
    fs.heal();
    ASSERT_TRUE(knowledge.load());
    EXPECT_EQ(knowledge.version(), "3.18.0");
    EXPECT_TRUE(knowledge.experiment(name("help"))) << "what was learned since is newer";
    EXPECT_FALSE(knowledge.experiment(name("support")));
    EXPECT_TRUE(knowledge.experiment(name("sales")));
    ASSERT_TRUE(knowledge.save());
    ServerKnowledge again = make();
    ASSERT_TRUE(again.load());
    EXPECT_TRUE(again.experiment(name("help")));
    EXPECT_TRUE(again.experiment(name("sales")));
    fs.set_content(kFile, unread);
  }
}

TEST_F(ServerKnowledgeTest, FollowsARenamedExperimentAndForgetsOneThatIsGone) {
  ServerKnowledge knowledge = make();
  knowledge.learn_experiment(answer("12", "support"));
  knowledge.learn_experiment(answer("12", "help"));
  EXPECT_FALSE(knowledge.experiment(name("support")));
  EXPECT_TRUE(knowledge.experiment(name("help")));
  knowledge.learn_experiment(answer("13", "help"));
  EXPECT_EQ(Json::parse(*knowledge.experiment(name("help")))["experiment"]["experiment_id"], "13");
  knowledge.forget_experiment(name("help"));
  EXPECT_FALSE(knowledge.experiment(id("13")));
  EXPECT_TRUE(knowledge.experiment(id("12")));
  EXPECT_EQ(changes, 4);
}

TEST_F(ServerKnowledgeTest, LearnsNothingFromWhatIsNoExperiment) {
  ServerKnowledge knowledge = make();
  knowledge.learn_experiment("<html>");
  knowledge.learn_experiment(R"({"experiment":{"name":"x"}})");
  knowledge.learn_experiment(answer("12", std::string(ServerKnowledge::kMaxAnswerBytes, 'x')));
  EXPECT_EQ(changes, 0);
}

TEST_F(ServerKnowledgeTest, ForgetsWhatItLearnedFirst) {
  ServerKnowledge knowledge = make();
  for (std::size_t n = 0; n <= ServerKnowledge::kMaxExperiments; ++n) {
    knowledge.learn_experiment(answer(std::to_string(n), "e" + std::to_string(n)));
  }
  EXPECT_FALSE(knowledge.experiment(id("0")));
  EXPECT_FALSE(knowledge.experiment(name("e0")));
  EXPECT_TRUE(knowledge.experiment(name("e1")));
}

TEST_F(ServerKnowledgeTest, IsBoundedInBytesToo) {
  ServerKnowledge knowledge = make();
  ASSERT_TRUE(knowledge.load());
  const std::string tags(ServerKnowledge::kMaxAnswerBytes / 2, 'x');
  for (std::size_t n = 0; n < ServerKnowledge::kMaxBytes / tags.size() + 1; ++n) {
    knowledge.learn_experiment(answer(std::to_string(n), "e", tags));
  }
  EXPECT_FALSE(knowledge.experiment(id("0")));
  EXPECT_TRUE(knowledge.experiment(id("2")));
  ASSERT_TRUE(knowledge.save());
  EXPECT_LE(fs.content(kFile).size(), ServerKnowledge::kMaxBytes + 1000);
}

TEST_F(ServerKnowledgeTest, IsRefreshedNowAndThen) {
  ServerKnowledge knowledge = make();
  const SteadyTime now{std::chrono::hours(1)};
  EXPECT_FALSE(knowledge.is_refresh_due(id("12"), now)) << "it is not known";
  knowledge.learn_experiment(answer("12", "support"));
  EXPECT_TRUE(knowledge.is_refresh_due(name("support"), now));
  EXPECT_FALSE(knowledge.is_refresh_due(id("12"), now + std::chrono::seconds(29)));
  EXPECT_TRUE(knowledge.is_refresh_due(id("12"), now + std::chrono::seconds(30)));
}

TEST_F(ServerKnowledgeTest, SaysAsMuchAsAnIdTells) {
  const Json experiment = Json::parse(experiment_answer("12", "support"))["experiment"];
  EXPECT_EQ(experiment["artifact_location"], "mlflow-artifacts:/12");
  EXPECT_EQ(experiment["lifecycle_stage"], "active");
}

}  // namespace
}  // namespace tracelink
