#include "tests/unit/config/load_fixture.hpp"

namespace tracelink {
namespace {

class ConfigFile : public LoadTest {
 protected:
  // The errors of a file that has a model besides these lines.
  std::string errors_of(const std::string& yaml) {
    file(yaml);
    env("TRACELINK_MODEL__NAME", "agent");
    return errors();
  }
};

TEST_F(ConfigFile, PointsAtUnknownKeys) {
  EXPECT_EQ(errors_of("queue:\n  max_byte: 1GiB\n"),
            "FILE:2:3: queue.max_byte: unknown key; did you mean queue.max_bytes?\n");
  EXPECT_EQ(errors_of("colour: red\n"), "FILE:1:1: colour: unknown key\n");
}

TEST_F(ConfigFile, RefusesDottedKeys) {
  EXPECT_EQ(errors_of("queue.max_bytes: 5GiB\nlisten:\n  socket.path: /a\n"),
            "FILE:1:1: queue.max_bytes: unknown key: a dot makes no level; write queue: "
            "{max_bytes: …}\n"
            "FILE:3:3: listen.socket.path: unknown key: a dot makes no level; write socket: {path: "
            "…}\n");
  EXPECT_EQ(errors_of("queue.max_byte: 5GiB\n"),
            "FILE:1:1: queue.max_byte: unknown key; did you mean queue.max_bytes?\n");
  EXPECT_EQ(errors_of("model: {tags: {a.b: c}}\n"), "");
}

TEST_F(ConfigFile, PointsAtWrongShapes) {
  EXPECT_EQ(errors_of("queue: 10GiB\n"),
            "FILE:1:8: queue: found a single value, but this is a section with keys\n");
  EXPECT_EQ(errors_of("- model\n"),
            "FILE:1:1: found a list, but the file is a section with keys\n");
  EXPECT_EQ(errors_of("state_dir: [a]\n"),
            "FILE:1:12: state_dir: found a list, allowed: an absolute path\n");
  EXPECT_EQ(errors_of("state_dir:\n"),
            "FILE:1:1: state_dir: found nothing (null), allowed: an absolute path; write \"\" for "
            "an empty text\n");
  EXPECT_EQ(errors_of("listen: {socket: {allow_uids: {a: b}}}\n"),
            "FILE:1:31: listen.socket.allow_uids: found a map, allowed: a list of numbers from 0 "
            "to 4294967294\n");
  EXPECT_EQ(errors_of("listen: {socket: {allow_uids: [[1]]}}\n"),
            "FILE:1:32: listen.socket.allow_uids: found a list in the list, allowed: a list of "
            "numbers from 0 to 4294967294\n");
  EXPECT_EQ(errors_of("model: {tags: a}\n"),
            "FILE:1:15: model.tags: found a single value, allowed: a map of texts\n");
  EXPECT_EQ(errors_of("? [a]\n: b\n"), "FILE:1:3: found a list as a key, allowed: text\n");
}

TEST_F(ConfigFile, NamesATabAndAnOpenQuote) {
  EXPECT_TRUE(errors_of("log:\n\tlevel: info\n")
                  .starts_with("FILE:2:1: not valid YAML: a tab in the indentation: YAML takes "
                               "spaces only; the parser: "))
      << errors();
  EXPECT_TRUE(errors_of("log:\n  level: \"info\n  format: text\n")
                  .starts_with("FILE:2:10: not valid YAML: the quote \" is not closed; "))
      << errors();
  EXPECT_TRUE(
      errors_of("log:\n  level: \"info\n  format: \"text\"\n")
          .starts_with("FILE:2:10: not valid YAML: the quote \" is not closed on its line; "))
      << errors();
}

TEST_F(ConfigFile, TakesAQuoteThatIsALetter) {
  for (const char* description : {"Rock, 'n roll agent", "an agent that says\n    'tis so",
                                  "an agent\n    \"so\nlog: {}", "| # Markdown\n    'tis so"}) {
    EXPECT_EQ(errors_of(std::string("model:\n  description: ") + description + "\n"), "");
  }
}

TEST_F(ConfigFile, NamesAnOpenBracket) {
  EXPECT_TRUE(
      errors_of("model:\n  tags: {a: b\n  name: agent\n")
          .starts_with("FILE:2:9: not valid YAML: the { is not closed by a }; the parser: "))
      << errors();
  EXPECT_TRUE(errors_of("listen: {socket: {allow_uids: [1, 2}}\n")
                  .starts_with("FILE:1:31: not valid YAML: the [ is not closed by a ]; "))
      << errors();
}

TEST_F(ConfigFile, HasPlacesForAnchorsAndMergesThem) {
  file(
      "x-common: &common {type: chat, description: shared}\n"
      "x-more: &more {<<: *common, description: more}\n"
      "model:\n  <<: *more\n  name: agent\n  type: agent\n"
      "  tags:\n    <<: [{a: first}, {a: second, b: other}]\n    c: own\n");
  const Config config = load().config;
  EXPECT_EQ(config.model.type, "agent") << "the map's own key is the stronger one";
  EXPECT_EQ(config.model.description, "more") << "and a merged one is stronger than what it merges";
  EXPECT_EQ(config.model.tags,
            (std::map<std::string, std::string>{{"a", "first"}, {"b", "other"}, {"c", "own"}}));
}

TEST_F(ConfigFile, ChecksWhatIsMerged) {
  EXPECT_EQ(errors_of("x-a: &a {on_ful: wait}\nqueue: {<<: *a}\n"),
            "FILE:1:10: queue.on_ful: unknown key; did you mean queue.on_full?\n");
  EXPECT_EQ(errors_of("queue: {<<: wait}\n"),
            "FILE:1:13: queue: <<: found a single value, allowed: *NAME of a map, or a list of "
            "them\n");
  EXPECT_EQ(errors_of("queue: &a {<<: *a}\n"), "FILE:1:8: queue: << merges a map into itself\n");
}

TEST_F(ConfigFile, AliasesOfAliasesCostNoMoreThanTheFile) {
  std::string yaml = "x-0: &a0 {name: agent}\n";
  for (int level = 1; level < 9; ++level) {
    const std::string below = "*a" + std::to_string(level - 1);
    yaml += "x-" + std::to_string(level) + ": &a" + std::to_string(level) + " [" + below;
    for (int more = 0; more < 8; ++more) yaml += ", " + below;
    yaml += "]\n";
  }
  const std::string told = errors_of(yaml + "model: {<<: *a8}\n");
  EXPECT_TRUE(told.ends_with(": model: << merges more than 100 maps and lists\n")) << told;
  EXPECT_EQ(told.find('\n'), told.size() - 1) << told;
}

TEST_F(ConfigFile, RefusesParamsAndTagsThatNoServerKeeps) {
  EXPECT_EQ(errors_of("model: {params: {\"\": a}}\n"), "FILE:1:17: model.params: a key is empty\n");
  EXPECT_EQ(errors_of("model: {tags: {\"a\\nb\": c}}\n"),
            "FILE:1:15: model.tags: the key \"a\\x0ab\" holds a line break or another control "
            "character\n");
  EXPECT_EQ(errors_of("model: {params: {a: \"b\\0c\"}}\n"),
            "FILE:1:17: model.params: the value of \"a\" holds a NUL, which databases refuse\n");
  EXPECT_EQ(errors_of("model: {params: {a: \"two\\nlines\"}}\n"), "");
}

TEST_F(ConfigFile, TellsWhatIsExpandedToNothing) {
  env("EXPERIMENT", "");
  file(
      "model: {name: agent, type: \"${KIND:-}\"}\nexperiment: {name: "
      "\"${EXPERIMENT}\"}\ntracking:\n"
      "  uri: http://server\n  token: ${file:" +
      write("token", "\n") + "}\n");
  EXPECT_EQ(warnings(),
            "FILE:2:20: experiment.name: ${EXPERIMENT} holds only blanks: it counts as not set\n"
            "FILE:5:10: tracking.token: the file that it names holds only blanks: it counts as not "
            "set\n");
}

TEST_F(ConfigFile, RefusesDuplicateKeys) {
  EXPECT_EQ(errors_of("log: {level: info}\nlog: {level: warn}\n"),
            "FILE:2:1: log: the key is there twice; keep one of them\n");
  EXPECT_EQ(errors_of("model:\n  tags:\n    a: b\n    a: c\n"),
            "FILE:4:5: model.tags.a: the key is there twice; keep one of them\n");
}

TEST_F(ConfigFile, RefusesWhatIsNotOneYamlDocument) {
  EXPECT_EQ(errors_of("log:\n  level: [info\n").substr(0, 9), "FILE:2:10");
  EXPECT_NE(errors_of("log: {level: info\n").find("not valid YAML"), std::string::npos);
  EXPECT_EQ(errors_of("log: {}\n---\nlog: {}\n"),
            "FILE: found several YAML documents, allowed: one\n");
}

// What else is missing may be in the file.
TEST_F(ConfigFile, ThatCannotBeReadIsTheOnlyErrorAboutIt) {
  env("TRACELINK_QUEUE__ON_FULL", "never");
  env("MLFLOW_TRACKING_USERNAME", "ada");
  for (const char* yaml :
       {"log: {level: info\n", "log: {}\n---\nlog: {}\n", "- model\n", "text\n"}) {
    file(yaml);
    const LoadResult result = load_config(context_);
    EXPECT_EQ(result.errors.size(), 2u) << all(result.errors);
    EXPECT_EQ(all(result.errors).find("no model"), std::string::npos) << yaml;
    EXPECT_NE(all(result.errors).find("queue.on_full"), std::string::npos) << yaml;
    EXPECT_EQ(all(result.warnings), "") << yaml;
    EXPECT_EQ(result.partial.config.control.socket, "/run/tracelink/control.sock") << yaml;
  }
}

TEST_F(ConfigFile, TellsAllErrorsAtOnceInTheirOrder) {
  EXPECT_EQ(errors_of("queue: {on_full: never}\n"
                      "trackng: {}\n"
                      "tracking: {timeout: 5, token: \"${NONE}\"}\n"
                      "limits: {connections: 0}\n"),
            "FILE:1:18: queue.on_full: found \"never\", allowed: wait | reject | drop_oldest\n"
            "FILE:2:1: trackng: unknown key; did you mean tracking?\n"
            "FILE:3:21: tracking.timeout: found \"5\", allowed: a duration such as 500ms, 30s, 5m, "
            "1h, from 100ms to 1h\n"
            "FILE:3:31: tracking.token: ${NONE}: the variable is not set; set it, or write "
            "${NONE:-default}\n"
            "FILE:4:23: limits.connections: found \"0\", allowed: an integer from 1 to 100000\n");
}

TEST_F(ConfigFile, ChecksValuesThatTheEnvironmentMasks) {
  env("TRACELINK_QUEUE__ON_FULL", "reject");
  EXPECT_EQ(errors_of("queue: {on_full: never}\n"),
            "FILE:1:18: queue.on_full: found \"never\", allowed: wait | reject | drop_oldest\n");
}

TEST_F(ConfigFile, KeepsParamsAsTheirText) {
  file(
      "model:\n  name: agent\n  params: {temperature: 0.70, on: yes, quoted: \"null\", user: "
      "\"${U}\"}\n");
  env("U", "ada");
  const std::map<std::string, std::string> expected{
      {"temperature", "0.70"}, {"on", "yes"}, {"quoted", "null"}, {"user", "ada"}};
  EXPECT_EQ(load().config.model.params, expected);
}

TEST_F(ConfigFile, RefusesParamsThatAreNoSingleValue) {
  EXPECT_EQ(errors_of("model:\n  params:\n    a: [1]\n    b: {c: d}\n    e:\n    f: ~\n"),
            "FILE:3:8: model.params.a: found a list, allowed: a single value, kept as its text, "
            "such as a: '[\"x\", \"y\"]'\n"
            "FILE:4:8: model.params.b: found a map, allowed: a single value, kept as its text, "
            "such as b: '{\"x\": 1}'\n"
            "FILE:5:5: model.params.e: found nothing (null), allowed: a single value, kept as its "
            "text, such as e: \"0.7\"\n"
            "FILE:6:5: model.params.f: found nothing (null), allowed: a single value, kept as its "
            "text, such as f: \"0.7\"\n");
}

TEST_F(ConfigFile, MayBeEmptyOrHaveEmptySections) {
  EXPECT_EQ(errors_of(""), "");
  EXPECT_EQ(errors_of("# nothing\n"), "");
  EXPECT_EQ(errors_of("tracking:\nmodel:\n  tags:\nlisten: {socket: {allow_uids: }}\n"), "");
}

TEST_F(ConfigFile, ExpandsInAnyValue) {
  file(
      "model: {name: \"${NAME}\"}\nqueue: {max_bytes: \"${SIZE:-2GiB}\"}\n"
      "listen: {socket: {allow_uids: [\"${UID_A}\", 8]}}\n");
  env("NAME", "agent");
  env("UID_A", "7");
  const Config config = load().config;
  EXPECT_EQ(config.model.name, "agent");
  EXPECT_EQ(config.queue.max_bytes, 2ull << 30);
  EXPECT_EQ(config.listen.socket.allow_uids, (std::vector<std::uint32_t>{7, 8}));
}

TEST_F(ConfigFile, MayComeFromWindows) {
  file(
      "\xef\xbb\xbfmodel:\r\n  name: agent\r\n  type: \"chat\"\r\nqueue:\r\n  max_bytes: 1GiB\r\n");
  const Config config = load().config;
  EXPECT_EQ(config.model.name, "agent");
  EXPECT_EQ(config.model.type, "chat");
  EXPECT_EQ(config.queue.max_bytes, 1ull << 30);
}

TEST_F(ConfigFile, ValuesOfVariablesAndFilesHaveNoBlankEnds) {
  env("AGENT", "agent \n");
  file("model: {name: \"${AGENT}\"}\ntracking:\n  uri: http://server\n  token: ${file:" +
       write("token", " s3cret \r\n\n") + "}\n");
  const Config config = load().config;
  EXPECT_EQ(config.model.name, "agent");
  EXPECT_EQ(config.tracking.token, "s3cret");
}

TEST_F(ConfigFile, ControlCharactersInsideAreRefused) {
  const std::string secret = write("token", "two\nlines\n");
  EXPECT_EQ(errors_of("tracking:\n  uri: http://server\n  token: ${file:" + secret + "}\n"),
            "FILE:3:10: tracking.token: holds a line break or another control character\n");
}

}  // namespace
}  // namespace tracelink
