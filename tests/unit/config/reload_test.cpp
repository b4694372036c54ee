#include "config/reload.hpp"

#include <sstream>

#include "config/key_table.hpp"
#include "tests/unit/config/load_fixture.hpp"

namespace tracelink {
namespace {

using Keys = std::vector<std::string>;

class ReloadTest : public LoadTest {
 protected:
  // What changes when the file becomes `after` while the daemon runs with `before`.
  ConfigChange change(const std::string& before, const std::string& after) {
    file(before);
    const LoadedConfig running = load();
    file(after);
    return changes_between(running, load());
  }
};

TEST_F(ReloadTest, TheSameFileChangesNothing) {
  const auto same = change("model: {name: agent}\n", "model:\n  name: agent\n");
  EXPECT_EQ(same.taken_up, Keys{});
  EXPECT_EQ(same.restart, Keys{});
  EXPECT_EQ(same.overridden, Keys{});
}

TEST_F(ReloadTest, TakesUpWhatCanChangeAndNamesTheRest) {
  const auto both =
      change("model: {name: agent, version: v1, params: {a: \"1\"}}\nqueue: {on_full: wait}\n",
             "model: {name: agent, version: v2, params: {a: \"2\"}, name_policy: exact}\n"
             "queue: {on_full: reject}\nlog: {level: debug}\n");
  EXPECT_EQ(both.taken_up,
            (Keys{"model.version", "model.params", "model.name_policy", "log.level"}));
  EXPECT_EQ(both.restart, Keys{"queue.on_full"});
  EXPECT_EQ(both.config.model.version, "v2");
  EXPECT_EQ(both.config.model.params.at("a"), "2");
  EXPECT_EQ(both.config.model.name_policy, NamePolicy::exact);
  EXPECT_EQ(both.config.log.level, LogLevel::debug);
  EXPECT_EQ(both.config.queue.on_full, OnFull::wait) << "it runs with that until a restart";
}

TEST_F(ReloadTest, TheServersAddressMovesFromOneServerToAnother) {
  const std::string model = "model: {name: agent}\n";
  const auto at = [&](const std::string& uri, const std::string& more = "") {
    return model + "tracking: {uri: \"" + uri + "\"}\n" + more;
  };
  const auto moved = change(at("http://a:5000"), at("https://b"));
  EXPECT_EQ(moved.taken_up, Keys{"tracking.uri"});
  EXPECT_EQ(moved.config.tracking.uri, "https://b");
  EXPECT_EQ(change(model, at("http://a:5000")).restart, Keys{"tracking.uri"}) << "none before";
  const std::string mlflow = "listen: {mlflow: 127.0.0.1:5500}\n";
  EXPECT_EQ(change(at("http://a:5000", mlflow), at("http://b:5000", mlflow)).restart,
            Keys{"tracking.uri"});
}

TEST_F(ReloadTest, TakesUpTheLimitsOfTheIntake) {
  const auto lower = change("model: {name: agent}\n",
                            "model: {name: agent}\nlisten: {max_request_bytes: 1MiB}\n"
                            "limits: {memory: 32MiB, connections: 50}\n");
  EXPECT_EQ(lower.taken_up,
            (Keys{"listen.max_request_bytes", "limits.memory", "limits.connections"}));
  EXPECT_EQ(lower.restart, Keys{});
  EXPECT_EQ(lower.config.limits.connections, 50u);
}

TEST_F(ReloadTest, NamesWhatTheFileChangesInVain) {
  env("TRACELINK_LOG__LEVEL", "error");
  const auto overridden = change("model: {name: agent}\nlog: {level: info}\n",
                                 "model: {name: agent}\nlog: {level: debug}\n");
  EXPECT_EQ(overridden.taken_up, Keys{});
  EXPECT_EQ(overridden.overridden, Keys{"log.level"});
  const auto as_before = change("model: {name: agent}\nlog: {level: info}\n",
                                "model: {name: agent2}\nlog: {level: info}\n");
  EXPECT_EQ(as_before.taken_up, Keys{"model.name"});
  EXPECT_EQ(as_before.overridden, Keys{}) << "its line is the same";
}

TEST_F(ReloadTest, ASecretInAFileIsReadAgain) {
  const std::string secret = write("token", "one\n");
  file("model: {name: agent}\ntracking: {token: \"${file:" + secret + "}\"}\n");
  const LoadedConfig running = load();
  write("token", "two\n");
  const auto changed = changes_between(running, load());
  EXPECT_EQ(changed.taken_up, Keys{"tracking.token"});
  EXPECT_EQ(changed.config.tracking.token, "two");
}

// The page lists them between the words and the next empty line.
TEST(ReloadReference, ThePageNamesEveryKeyThatIsTakenUp) {
  std::ifstream page(TRACELINK_REFERENCE_PAGE);
  std::stringstream content;
  content << page.rdbuf();
  const std::string text = content.str();
  const auto begin = text.find("Taken up at once: ");
  ASSERT_NE(begin, std::string::npos);
  std::string listed = text.substr(begin, text.find("\n\n", begin) - begin);
  std::string expected;
  for (const Key& key : key_table()) {
    if (is_live(key.path)) expected += "`" + std::string(key.path) + "`, ";
  }
  expected.resize(expected.size() - 2);
  for (char& c : listed) c = c == '\n' ? ' ' : c;
  EXPECT_EQ(listed, "Taken up at once: " + expected + ".");
}

}  // namespace
}  // namespace tracelink
