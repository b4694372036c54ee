#include "daemon/mlflow/knowledge/id_requests.hpp"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_file_system.hpp"

namespace tracelink {
namespace {

LinkDefinition agent(int number) {
  return named_model("a" + std::to_string(number), {.id = "12", .name = {}});
}

class IdRequestsTest : public ::testing::Test {
 protected:
  IdRequestsTest() {
    EXPECT_TRUE(fs.create_directories("/state"));
    EXPECT_TRUE(ids.load());
    fs.set_on_sync([this] { ++writes; });
  }
  void ask(int number) {
    requests.ask(agent(number), [this, number](Result<std::string> id) {
      EXPECT_TRUE(id) << id.error().message;
      if (id) given[number] = *id;
    });
  }
  void run_posted() {
    for (const auto& work : std::exchange(posted, {})) work();
  }

  FakeFileSystem fs;
  FakeClock clock;
  ProvisionalIds ids{fs, "/state/names.json", clock};
  std::vector<std::function<void()>> posted;
  IdRequests requests{ids,
                      [this](std::function<void()> work) { posted.push_back(std::move(work)); }};
  std::map<int, std::string> given;
  int writes = 0;
};

TEST_F(IdRequestsTest, AllThatWaitAreGivenTheirsByOneWrite) {
  for (int number = 0; number < 500; ++number) ask(number);
  EXPECT_EQ(posted.size(), 1u);
  EXPECT_TRUE(given.empty());
  run_posted();
  EXPECT_EQ(writes, 1);
  ASSERT_EQ(given.size(), 500u);
  for (const auto& [number, id] : given) EXPECT_EQ(id, provisional_id(agent(number)));
}

TEST_F(IdRequestsTest, TheThreadHasATurnBetweenOneWriteAndTheNext) {
  requests.ask(agent(1), [this](const Result<std::string>&) { ask(2); });
  run_posted();
  EXPECT_EQ(writes, 1);
  EXPECT_EQ(posted.size(), 1u);
  run_posted();
  EXPECT_EQ(given.size(), 1u);
  EXPECT_EQ(writes, 2);
}

TEST_F(IdRequestsTest, EveryoneIsToldOfAFailure) {
  int refused = 0;
  const auto count = [&](const Result<std::string>& id) { refused += id ? 0 : 1; };
  for (int number = 0; number < 3; ++number) requests.ask(agent(number), count);
  fs.fail_operation(0);
  run_posted();
  EXPECT_EQ(refused, 3);
  EXPECT_TRUE(ids.empty());
}

}  // namespace
}  // namespace tracelink
