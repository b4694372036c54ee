#include "config/value.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

// What assign() says, or the value that it stored.
std::string outcome(const char* path, const std::string& text) {
  Config config;
  const Key& key = *find_key(path);
  const auto wrong = assign(key, {path, text, {}}, config);
  return wrong ? "wrong: " + *wrong : display(key, config);
}

struct Case {
  const char* key;
  const char* text;
  const char* outcome;
};

TEST(ConfigValue, KeepsWhatIsAllowed) {
  const Case cases[] = {
      {"model.name", "a # b", "a # b"},
      {"model.git", "off", "off"},
      {"model.git", "/srv/app", "/srv/app"},
      {"queue.on_full", "drop_oldest", "drop_oldest"},
      {"tracking.insecure_tls", "True", "true"},
      {"limits.connections", "1", "1"},
      {"forward.connections", "100", "100"},
      {"queue.max_bytes", "1048576", "1MiB"},
      {"forward.trace_grace", "0s", "0s"},
      {"tracking.timeout", "100ms", "100ms"},
      {"tracking.password", "\"quoted\" ", "\"quoted\" "},
      {"shutdown_grace", "", ""},
      {"shutdown_grace", "7s", "7s"},
      {"listen.socket.mode", "0600", "0600"},
      {"listen.socket.mode", "660", "660"},
      {"listen.socket.path", "/run/a.sock", "/run/a.sock"},
      {"listen.socket.allow_uids", "0, 1000", "[0, 1000]"},
      {"listen.socket.allow_uids", "", "[]"},
      {"listen.tcp", "127.0.0.1:4318", "127.0.0.1:4318"},
      {"listen.tcp", "[::1]:0", "[::1]:0"},
      {"listen.tcp", "localhost:4318", "localhost:4318"},
      {"listen.tcp", "", ""},
      {"control.http", "0.0.0.0:9464", "0.0.0.0:9464"},
  };
  for (const Case& c : cases) EXPECT_EQ(outcome(c.key, c.text), c.outcome) << c.key;
}

TEST(ConfigValue, RefusesTheRestAndSaysWhatIsAllowed) {
  const Case cases[] = {
      {"queue.on_full", "wiat",
       "wrong: found \"wiat\", allowed: wait | reject | drop_oldest; did you mean wait?"},
      {"queue.on_full", "block", "wrong: found \"block\", allowed: wait | reject | drop_oldest"},
      {"model.git", "./app", "wrong: found \"./app\", allowed: auto | off | an absolute path"},
      {"model.name", " \t",
       "wrong: found only blanks, allowed: text, with {attribute} for an attribute of the traces' "
       "resource"},
      {"tracking.insecure_tls", "yes", "wrong: found \"yes\", allowed: true | false"},
      {"limits.connections", "0", "wrong: found \"0\", allowed: an integer from 1 to 100000"},
      {"limits.connections", "2.5", "wrong: found \"2.5\", allowed: an integer from 1 to 100000"},
      {"forward.connections", "4294967296",
       "wrong: found \"4294967296\", allowed: an integer from 1 to 100"},
      {"queue.max_bytes", "10GB",
       "wrong: found \"10GB\", allowed: a size such as 512KiB, 64MiB, 10GiB, from 64KiB"},
      {"queue.max_bytes", "1",
       "wrong: found \"1\", allowed: a size such as 512KiB, 64MiB, 10GiB, from 64KiB"},
      {"forward.max_batch_bytes", "2GiB",
       "wrong: found \"2GiB\", allowed: a size such as 512KiB, 64MiB, 10GiB, from 4KiB to 1GiB"},
      {"tracking.timeout", "0s",
       "wrong: found \"0s\", allowed: a duration such as 500ms, 30s, 5m, 1h, from 100ms to 1h"},
      {"forward.trace_grace", "2",
       "wrong: found \"2\", allowed: a duration such as 500ms, 30s, 5m, 1h, up to 1h"},
      {"shutdown_grace", "soon",
       "wrong: found \"soon\", allowed: a duration such as 500ms, 30s, 5m, 1h, up to 1h, or "
       "empty"},
      {"shutdown_grace", "2h",
       "wrong: found \"2h\", allowed: a duration such as 500ms, 30s, 5m, 1h, up to 1h, or empty"},
      {"model.name", "agent\nx", "wrong: holds a line break or another control character"},
      {"experiment.id", "1\x1b", "wrong: holds a line break or another control character"},
      {"model.type", "a\xc2\x9b", "wrong: holds a line break or another control character"},
      {"experiment.name", "a\u2028b", "wrong: holds a line break or another control character"},
      {"model.name", "\"agent\"",
       "wrong: the value itself is in quotes: write it without them (files for docker --env-file "
       "keep quotes)"},
      {"experiment.id", "'12'",
       "wrong: the value itself is in quotes: write it without them (files for docker --env-file "
       "keep quotes)"},
      {"listen.socket.mode", "0888", "wrong: found \"0888\", allowed: an octal mode such as 0660"},
      {"listen.socket.mode", "4755", "wrong: found \"4755\", allowed: an octal mode such as 0660"},
      {"listen.socket.path", "a.sock", "wrong: found \"a.sock\", allowed: an absolute path"},
      {"listen.socket.allow_uids", "0,root",
       "wrong: found \"root\", allowed: a list of numbers from 0 to 4294967294"},
      {"listen.socket.allow_uids", "a, 5, -1,99999999999",
       "wrong: found \"a\", \"-1\", \"99999999999\", allowed: a list of numbers from 0 to "
       "4294967294"},
      {"listen.socket.allow_uids", "4294967295",
       "wrong: found \"4294967295\", allowed: a list of numbers from 0 to 4294967294"},
      {"listen.tcp", "0.0.0.0:4318",
       "wrong: found \"0.0.0.0:4318\", allowed: host:port with 127.x.x.x, [::1] or localhost"},
      {"listen.tcp", "127.1:4318",
       "wrong: found \"127.1:4318\", allowed: host:port with 127.x.x.x, [::1] or localhost"},
      {"listen.tcp", "127.0.0.256:4318",
       "wrong: found \"127.0.0.256:4318\", allowed: host:port with 127.x.x.x, [::1] or localhost"},
      {"listen.tcp", "127.example.com:4318",
       "wrong: found \"127.example.com:4318\", allowed: host:port with 127.x.x.x, [::1] or "
       "localhost"},
      {"control.http", "9464", "wrong: found \"9464\", allowed: host:port"},
      {"control.http", "::1:9464", "wrong: found \"::1:9464\", allowed: host:port"},
      {"control.http", "a:65536", "wrong: found \"a:65536\", allowed: host:port"},
      {"model.type", "\xff", "wrong: found bytes that are not UTF-8, allowed: text"},
  };
  for (const Case& c : cases) EXPECT_EQ(outcome(c.key, c.text), c.outcome) << c.key;
}

TEST(ConfigValue, HasNoBlankEndsWhereTheyMeanNothing) {
  const auto cut = [](const char* path, const char* text) {
    return cut_blanks(*find_key(path), text);
  };
  for (const char* path : {"model.id", "model.name", "experiment.id", "experiment.name",
                           "tracking.uri", "tracking.token", "tracking.username", "state_dir",
                           "queue.max_bytes", "control.http", "log.level"}) {
    EXPECT_EQ(cut(path, " \t a b \r\n\n"), "a b") << path;
    EXPECT_EQ(cut(path,
                  "\xef\xbb\xbf"
                  "a"),
              "a")
        << path;
  }
  EXPECT_EQ(cut("tracking.password", " a \r\n"), " a ");
  EXPECT_EQ(cut("model.params", " a\n"), " a\n");
  EXPECT_EQ(cut("model.name", " \n"), " \n") << "is refused";
  EXPECT_EQ(cut("model.id", " \n"), "");
}

TEST(ConfigValue, EveryDefaultIsInItsRange) {
  for (const Key& key : key_table()) {
    const std::string standard = display(key, Config{});
    const bool is_number =
        key.syntax == Syntax::count || key.syntax == Syntax::size || key.syntax == Syntax::duration;
    if (!is_number) continue;
    EXPECT_EQ(outcome(key.path.data(), standard), standard) << key.path;
  }
}

TEST(ConfigValue, EveryBoundOfSizeAndCountHasALeast) {
  for (const Key& key : key_table()) {
    const bool is_bound = key.syntax == Syntax::count || key.syntax == Syntax::size;
    const bool may_be_none = key.path == std::string_view("forward.max_traces_per_second");
    if (!is_bound || may_be_none) continue;
    EXPECT_GT(key.range.least, 0u) << key.path;
  }
}

TEST(ConfigValue, NeverShowsASecret) {
  Config config;
  const auto wrong =
      assign(*find_key("queue.on_full"), {"queue.on_full", "s3cret", {}, true}, config);
  EXPECT_EQ(wrong, "found a secret value, allowed: wait | reject | drop_oldest");
}

// A variable that holds a secret, expanded under a wrong key by a slip.
TEST(ConfigValue, NeverShowsWhatAVariableHolds) {
  for (const Key& key : key_table()) {
    Config config;
    const Setting setting{std::string(key.path), "s3cret", {}, false, "${TOKEN}"};
    const auto wrong = assign(key, setting, config).value_or("");
    EXPECT_EQ(wrong.find("s3cret"), std::string::npos) << key.path << ": " << wrong;
  }
  Config config;
  const Setting setting{"queue.max_bytes", "s3cret", {}, false, "${TOKEN}"};
  const auto wrong = assign(*find_key(setting.key), setting, config).value_or("");
  EXPECT_TRUE(wrong.starts_with("found the value of ${TOKEN}, allowed: ")) << wrong;
}

}  // namespace
}  // namespace tracelink
