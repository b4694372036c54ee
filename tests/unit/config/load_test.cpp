#include <algorithm>

#include <sys/stat.h>

#include "tests/unit/config/load_fixture.hpp"

namespace tracelink {
namespace {

using LoadConfig = LoadTest;

TEST_F(LoadConfig, WorksWithoutAFileForAUser) {
  context_.is_root = false;
  context_.uid = 7;
  env("HOME", "/users/ada");
  env("TRACELINK_MODEL__NAME", "agent");
  const LoadedConfig loaded = load();
  EXPECT_EQ(loaded.file, "");
  EXPECT_EQ(loaded.config.listen.socket.path, "/tmp/tracelink-7/tracelink.sock");
  EXPECT_EQ(loaded.config.control.socket, "/tmp/tracelink-7/control.sock");
  EXPECT_EQ(loaded.config.state_dir, "/users/ada/.local/state/tracelink");
  EXPECT_EQ(loaded.config.archive.dir, "/users/ada/.local/state/tracelink/archive");
  EXPECT_EQ(loaded.origins.at("state_dir"), "default");
}

TEST_F(LoadConfig, AsksForAStateDirectoryIfThereIsNoHome) {
  context_.is_root = false;
  env("TRACELINK_MODEL__NAME", "agent");
  EXPECT_EQ(errors(),
            "configuration: state_dir: no default: neither HOME nor XDG_STATE_HOME is set; set "
            "state_dir\n");
}

TEST_F(LoadConfig, TakesTheFileOfTheFlagThenOfTheVariableThenTheDefault) {
  file("model: {name: by-default}\n");
  EXPECT_EQ(load().config.model.name, "by-default");
  env("TRACELINK_CONFIG", write("variable.yaml", "model: {name: by-variable}\n"));
  EXPECT_EQ(load().config.model.name, "by-variable");
  context_.config_flag = write("flag.yaml", "model: {name: by-flag}\n");
  const LoadedConfig loaded = load();
  EXPECT_EQ(loaded.config.model.name, "by-flag");
  EXPECT_EQ(loaded.file, *context_.config_flag);
}

TEST_F(LoadConfig, TheNameOfTheFileMayEndWithALineBreak) {
  env("TRACELINK_CONFIG", write("other.yaml", "model: {name: other}\n") + "\r\n");
  EXPECT_EQ(load().config.model.name, "other");
  EXPECT_TRUE(names_file(context_));
  env("TRACELINK_CONFIG", " \n");
  EXPECT_FALSE(names_file(context_));
}

TEST_F(LoadConfig, RefusesANamedFileThatCannotBeRead) {
  context_.config_flag = (directory_ / "none.yaml").string();
  const std::string remedy = "; --config, then TRACELINK_CONFIG, name the file\n";
  EXPECT_EQ(errors(), *context_.config_flag + ": is not there" + remedy);
  context_.config_flag = (directory_ / "no/such/folder.yaml").string();
  EXPECT_EQ(errors(), *context_.config_flag + ": is not there, nor is its folder " +
                          (directory_ / "no").string() + remedy);
  context_.config_flag = directory_.string();
  EXPECT_EQ(errors(), *context_.config_flag + ": is a directory, not a file" + remedy);
}

// Nobody writes to it.
TEST_F(LoadConfig, NeverWaitsForAPipe) {
  const auto pipe = (directory_ / "pipe").string();
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const std::string refused = "is a pipe or a socket: give the path of a regular file";
  const auto flag = std::exchange(context_.config_flag, pipe);
  EXPECT_NE(errors().find(pipe + ": " + refused), std::string::npos) << errors();
  context_.config_flag = flag;
  file("tracking: {ca_file: " + pipe + ", client_cert_file: " + pipe + "}\n");
  EXPECT_NE(errors().find("tracking.ca_file: \"" + pipe + "\" " + refused), std::string::npos);
  file("model: {name: agent}\ntracking: {uri: databricks}\n");
  env("DATABRICKS_CONFIG_FILE", pipe);
  EXPECT_NE(errors().find(refused), std::string::npos) << errors();
}

TEST_F(LoadConfig, PrefersTracelinkThenMlflowThenFile) {
  file("model: {name: agent}\ntracking: {uri: \"http://file\"}\n");
  EXPECT_EQ(load().config.tracking.uri, "http://file");
  EXPECT_EQ(load().origins.at("tracking.uri"), "file:2");
  env("MLFLOW_TRACKING_URI", "http://mlflow");
  EXPECT_EQ(load().config.tracking.uri, "http://mlflow");
  EXPECT_EQ(load().origins.at("tracking.uri"), "MLFLOW_TRACKING_URI");
  env("TRACELINK_TRACKING__URI", "http://tracelink");
  EXPECT_EQ(load().config.tracking.uri, "http://tracelink");
  EXPECT_EQ(load().origins.at("tracking.uri"), "TRACELINK_TRACKING__URI");
}

TEST_F(LoadConfig, RefusesSocketPathsThatTheKernelWould) {
  env("TRACELINK_MODEL__NAME", "agent");
  env("TRACELINK_LISTEN__SOCKET__PATH", "/" + std::string(106, 'x'));
  EXPECT_EQ(errors(), "");
  env("TRACELINK_LISTEN__SOCKET__PATH", "/" + std::string(107, 'x'));
  EXPECT_EQ(errors(),
            "TRACELINK_LISTEN__SOCKET__PATH: listen.socket.path: found a path of 108 bytes, "
            "allowed: at most 107\n");
}

TEST_F(LoadConfig, RefusesOnePathForTwoSockets) {
  env("TRACELINK_MODEL__NAME", "agent");
  env("TRACELINK_CONTROL__SOCKET", "/run/tracelink/tracelink.sock");
  EXPECT_EQ(errors(),
            "TRACELINK_CONTROL__SOCKET: control.socket: the same path as listen.socket.path; two "
            "sockets need two\n");
}

TEST_F(LoadConfig, RefusesOneAddressForTwoListeners) {
  env("TRACELINK_MODEL__NAME", "agent");
  env("TRACELINK_TRACKING__URI", "http://127.0.0.1:5000");
  env("TRACELINK_LISTEN__TCP", "127.0.0.1:4318");
  env("TRACELINK_LISTEN__MLFLOW", "localhost:4318");
  env("TRACELINK_CONTROL__HTTP", "0.0.0.0:4318");
  EXPECT_EQ(errors(),
            "TRACELINK_CONTROL__HTTP: control.http: the same address as listen.tcp; two listeners "
            "need two\n"
            "TRACELINK_LISTEN__MLFLOW: listen.mlflow: the same address as listen.tcp; two "
            "listeners need two\n");
}

TEST_F(LoadConfig, LetsTwoListenersHaveAnyPortOrTwoHosts) {
  env("TRACELINK_MODEL__NAME", "agent");
  env("TRACELINK_TRACKING__URI", "http://127.0.0.1:5000");
  env("TRACELINK_LISTEN__TCP", "127.0.0.1:0");
  env("TRACELINK_LISTEN__MLFLOW", "127.0.0.1:0");
  env("TRACELINK_CONTROL__HTTP", "127.0.0.2:4318");
  EXPECT_EQ(errors(), "");
}

TEST_F(LoadConfig, ShowsValuesWithOriginsAndWithoutSecrets) {
  const std::string secret = write("secret", "s3cret\n");
  file("model:\n  name: agent\n  params: {key: \"${file:" + secret +
       "}\"}\ntracking:\n"
       "  uri: http://ada:p4ss@server/\n");
  env("MLFLOW_TRACKING_TOKEN", "t0ken");
  env("TRACELINK_MODEL__TYPE", "a # b");
  std::string shown;
  for (const std::string& line : show_config(load())) shown += line + "\n";
  const auto has = [&](const std::string& line) {
    return shown.find("\n" + line + "\n") != std::string::npos;
  };
  const std::string path = context_.default_file;
  EXPECT_TRUE(has("model.name = agent   # " + path + ":2")) << shown;
  EXPECT_TRUE(has("model.type = \"a # b\"   # TRACELINK_MODEL__TYPE")) << shown;
  EXPECT_TRUE(has("model.params = ********   # " + path + ":3")) << shown;
  EXPECT_TRUE(has("tracking.uri = http://server   # " + path + ":5")) << shown;
  EXPECT_TRUE(has("tracking.username = ada   # " + path + ":5")) << shown;
  EXPECT_TRUE(has("tracking.password = ********   # " + path + ":5")) << shown;
  EXPECT_TRUE(has("tracking.client_cert_file = \"\"   # default")) << shown;
  EXPECT_TRUE(has("queue.max_bytes = 10GiB   # default")) << shown;
  EXPECT_TRUE(has("tracking.timeout = 30s   # default")) << shown;
  for (const char* hidden : {"s3cret", "t0ken", "p4ss"}) {
    EXPECT_EQ(shown.find(hidden), std::string::npos) << hidden;
  }
}

TEST_F(LoadConfig, ShowsNoPasswordOfAUriBesideAFileThatCannotBeUsed) {
  env("MLFLOW_TRACKING_URI", "http://ada:p4ss@server:5000/");
  context_.config_flag = (directory_ / "none.yaml").string();
  const auto is_hidden = [&] {
    const LoadResult result = load_config(context_);
    EXPECT_TRUE(result.file_unknown);
    EXPECT_EQ(result.partial.config.tracking.uri, "http://server:5000");
    const auto shown = show_config(result.partial);
    return std::ranges::none_of(
        shown, [](const std::string& line) { return line.find("p4ss") != std::string::npos; });
  };
  EXPECT_TRUE(is_hidden());
  context_.config_flag = write("broken.yaml", "model: [\n");
  EXPECT_TRUE(is_hidden());
}

TEST_F(LoadConfig, ShowsNoPasswordOfAUriThatIsWrong) {
  env("MLFLOW_TRACKING_URI", "http://ada:p4ss@server:port");
  const LoadResult result = load_config(context_);
  EXPECT_EQ(result.partial.config.tracking.uri, "");
  for (const std::string& line : lines_of(result)) {
    EXPECT_EQ(line.find("p4ss"), std::string::npos) << line;
  }
}

TEST_F(LoadConfig, TellsWarningsBesideErrors) {
  env("TRACELINK_MODEL_NAME", "agent");
  env("MLFLOW_TRACKING_URI", "http://server");
  const std::vector<std::string> lines = lines_of(load_config(context_));
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_TRUE(lines[0].starts_with("error: configuration: model.name: no model")) << lines[0];
  EXPECT_EQ(lines[1],
            "warning: TRACELINK_MODEL_NAME: model_name: not used: it names no key; did you mean "
            "TRACELINK_MODEL__NAME?");
}

TEST(ContextOfProcess, HasTheEnvironment) {
  ASSERT_EQ(setenv("TRACELINK_TEST_ENTRY", "a=b", 1), 0);
  EXPECT_EQ(context_of_process().environment.at("TRACELINK_TEST_ENTRY"), "a=b");
  EXPECT_EQ(context_of_process().uid, geteuid());
}

}  // namespace
}  // namespace tracelink
