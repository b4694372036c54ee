#include "daemon/mlflow/knowledge/provisional_ids.hpp"

#include <gtest/gtest.h>

#include "daemon/types/model_id.hpp"
#include "daemon/types/named_experiment.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_file_system.hpp"

namespace tracelink {
namespace {

using Crash = FakeFileSystem::Crash;

const std::filesystem::path kFile = "/state/models/names.json";

LinkDefinition agent(std::string name = "agent", std::string experiment_id = "12") {
  return named_model(std::move(name), {.id = std::move(experiment_id), .name = {}});
}

class ProvisionalIdsTest : public ::testing::Test {
 protected:
  ProvisionalIdsTest() {
    EXPECT_TRUE(fs.create_directories(kFile.parent_path()));
    fs.set_on_sync([this] { ++writes; });
    restart();
  }
  void restart() {
    ids.emplace(fs, kFile, clock);
    EXPECT_TRUE(ids->load());
  }
  std::string give(const LinkDefinition& named) {
    const auto id = ids->give(named);
    EXPECT_TRUE(id) << id.error().message;
    return *id;
  }
  bool stands_for(const std::string& id, const LinkDefinition& named) const {
    const auto found = ids->find(id);
    return found && *found == named;
  }
  void fill() {
    std::vector<LinkDefinition> names;
    for (std::size_t n = 0; n < ProvisionalIds::kMaxNames; ++n) {
      names.push_back(agent("a" + std::to_string(n)));
    }
    for (const auto& id : ids->give_all(names)) ASSERT_TRUE(id);
  }

  FakeFileSystem fs;
  FakeClock clock;
  std::optional<ProvisionalIds> ids;
  int writes = 0;
};

TEST_F(ProvisionalIdsTest, AnIdLooksLikeOneOfMlflowAndFollowsFromTheName) {
  const std::string id = give(agent());
  EXPECT_TRUE(is_model_id(id)) << id;
  EXPECT_EQ(give(agent()), id);
  EXPECT_NE(give(agent("agent", "13")), id);
  const std::string experiment = give(named_experiment("support"));
  EXPECT_EQ(experiment.size(), 18u);
  EXPECT_EQ(experiment.find_first_not_of("0123456789"), std::string::npos) << experiment;
  EXPECT_TRUE(may_be_provisional(id) && may_be_provisional(experiment));
  EXPECT_FALSE(may_be_provisional("12") || may_be_provisional("m-1"));
}

TEST_F(ProvisionalIdsTest, TellsWhatAnIdStandsFor) {
  EXPECT_TRUE(ids->empty());
  const std::string id = give(agent());
  EXPECT_TRUE(stands_for(id, agent()));
  EXPECT_FALSE(ids->empty());
  EXPECT_EQ(*ids->find("m-" + std::string(32, '0')), std::nullopt);
}

TEST_F(ProvisionalIdsTest, WhatWasGivenLastsOverAPowerCut) {
  const LinkDefinition elsewhere = named_model("x", {.id = {}, .name = "support"});
  const std::string id = give(agent()), other = give(elsewhere);
  const std::string experiment = give(named_experiment("support"));
  fs.crash();
  restart();
  EXPECT_TRUE(stands_for(id, agent()));
  EXPECT_TRUE(stands_for(other, elsewhere));
  EXPECT_TRUE(stands_for(experiment, named_experiment("support")));
}

TEST_F(ProvisionalIdsTest, WhatCannotBeStoredIsNotGiven) {
  for (std::uint64_t n = 0;; ++n) {
    SCOPED_TRACE("operation " + std::to_string(n));
    fs.crash();
    ASSERT_TRUE(fs.remove(kFile) && fs.sync_directory(kFile.parent_path()));
    restart();
    const std::string earlier = give(agent("earlier"));
    fs.fail_operation(n);
    const auto id = ids->give(agent());
    EXPECT_EQ(stands_for(provisional_id(agent()), agent()), id.has_value());
    const bool fired = fs.fired();
    fs.crash(Crash::keep_some, static_cast<std::uint32_t>(n));
    restart();
    EXPECT_TRUE(stands_for(earlier, agent("earlier")));
    EXPECT_TRUE(!id || stands_for(*id, agent()));
    if (!fired || HasFailure()) break;
  }
}

TEST_F(ProvisionalIdsTest, ADamagedFileIsSetAside) {
  give(agent());
  fs.set_content(kFile, "{");
  ids.emplace(fs, kFile, clock);
  EXPECT_EQ(ids->load().error().code, ErrorCode::corrupt);
  EXPECT_EQ(fs.content(kFile.string() + ".damaged"), "{");
  give(agent());
}

TEST_F(ProvisionalIdsTest, NothingIsKnownOrGivenUntilTheFileWasRead) {
  const std::string id = give(agent());
  ids.emplace(fs, kFile, clock);
  EXPECT_EQ(ids->find(id).error().code, ErrorCode::unavailable);
  EXPECT_EQ(ids->give(agent("b")).error().code, ErrorCode::unavailable);
  EXPECT_TRUE(ids->find("12")) << "no id of ours has that form";
  ASSERT_TRUE(ids->load());
  EXPECT_TRUE(stands_for(id, agent()));
}

TEST_F(ProvisionalIdsTest, AFullTableGivesNoMoreAndKeepsWhatItGave) {
  fill();
  writes = 0;
  EXPECT_EQ(ids->give(agent("late")).error().code, ErrorCode::rejected);
  EXPECT_EQ(writes, 0);
  EXPECT_TRUE(stands_for(give(agent("a0")), agent("a0")));
}

TEST_F(ProvisionalIdsTest, NamesThatComeTogetherAreStoredByOneWrite) {
  const std::string known = give(agent("known"));
  const auto given =
      ids->give_all({agent("b"), agent(std::string(2'001, 'x')), agent("known"), agent("b")});
  EXPECT_EQ(writes, 2);
  ASSERT_EQ(given.size(), 4u);
  EXPECT_EQ(*given[0], provisional_id(agent("b")));
  EXPECT_EQ(given[1].error().code, ErrorCode::invalid);
  EXPECT_EQ(*given[2], known);
  EXPECT_EQ(*given[3], *given[0]);
  restart();
  EXPECT_TRUE(stands_for(*given[0], agent("b")));
}

TEST_F(ProvisionalIdsTest, OfNamesThatComeTogetherAFullTableTakesAsManyAsItHasRoomFor) {
  fill();
  clock.advance(ProvisionalIds::kUnused - std::chrono::hours(1));
  for (std::size_t n = 3; n < ProvisionalIds::kMaxNames; ++n) give(agent("a" + std::to_string(n)));
  clock.advance(std::chrono::hours(1));
  const auto given = ids->give_all({agent("b"), agent("c"), agent("d"), agent("a0"), agent("e")});
  ASSERT_TRUE(given[0] && given[1]);
  ASSERT_FALSE(given[2]) << "a0 is asked for now";
  EXPECT_EQ(given[2].error().code, ErrorCode::rejected);
  ASSERT_TRUE(given[3]);
  EXPECT_EQ(given[4].error().code, ErrorCode::rejected);
  restart();
  EXPECT_TRUE(stands_for(*given[1], agent("c")));
  EXPECT_TRUE(stands_for(*given[3], agent("a0")));
}

TEST_F(ProvisionalIdsTest, AFullTableForgetsWhatWasUnusedForLong) {
  fill();
  clock.advance(ProvisionalIds::kUnused - std::chrono::hours(1));
  const std::string used = give(agent("a0"));
  clock.advance(std::chrono::hours(1));
  const std::string late = give(agent("late"));
  restart();
  EXPECT_TRUE(stands_for(late, agent("late")));
  EXPECT_TRUE(stands_for(used, agent("a0")));
}

TEST_F(ProvisionalIdsTest, ANameThatNothingCanHaveIsRefused) {
  EXPECT_EQ(ids->give(agent(std::string(2'001, 'x'))).error().code, ErrorCode::invalid);
  EXPECT_EQ(ids->give(agent(std::string("a\0b", 3))).error().code, ErrorCode::invalid);
  EXPECT_TRUE(ids->empty());
}

}  // namespace
}  // namespace tracelink
