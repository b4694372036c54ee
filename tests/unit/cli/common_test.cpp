#include "daemon/cli/common.hpp"

#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>

#include "tests/support/temp_directory.hpp"

namespace tracelink::cli {
namespace {

// Commands with a configuration file that is named.
class CliSockets : public ::testing::Test {
 protected:
  CliSockets() { context_.config_file = directory_.file("named.yaml"); }
  ~CliSockets() override { unsetenv("TRACELINK_CONFIG"); }

  void file(const std::string& yaml) { std::ofstream(context_.config_file) << yaml; }
  static std::string text(const Result<std::string>& socket) {
    return socket ? *socket : "error: " + socket.error().message;
  }
  bool control_says(const std::string& part) const {
    const std::string found = text(control_socket(context_));
    return found.find(part) != std::string::npos || (ADD_FAILURE() << found, false);
  }

  TempDirectory directory_;
  Context context_;
};

TEST_F(CliSockets, AreTheConfiguredOnes) {
  file("listen: {socket: {path: /a/in.sock}}\ncontrol: {socket: /a/c.sock}\nmodel: {name: x}\n");
  EXPECT_EQ(text(intake_socket(context_)), "/a/in.sock");
  EXPECT_EQ(text(control_socket(context_)), "/a/c.sock");
}

TEST_F(CliSockets, AreFoundWhenOtherKeysAreWrong) {
  file(
      "control: {socket: /a/c.sock, http: x}\nqueue: {max_byte: 1}\nlisten: {socket: {path: b}}\n");
  EXPECT_EQ(text(control_socket(context_)), "/a/c.sock");
  EXPECT_FALSE(intake_socket(context_));
}

TEST_F(CliSockets, AreAnErrorWhenTheNamedFileIsNotThere) {
  EXPECT_TRUE(control_says("named.yaml: is not there"));
  EXPECT_FALSE(intake_socket(context_));
  ASSERT_EQ(setenv("TRACELINK_CONFIG", context_.config_file.c_str(), 1), 0);
  context_.config_file.clear();
  EXPECT_TRUE(control_says("named.yaml: is not there"));
  context_.control_socket = "/b/c.sock";
  EXPECT_EQ(text(control_socket(context_)), "/b/c.sock");
}

TEST_F(CliSockets, AreAnErrorWhenTheNamedFileIsNoYaml) {
  file("control: {socket: /a/c.sock\n");
  EXPECT_TRUE(control_says("not valid YAML"));
}

TEST_F(CliSockets, AreAnErrorWhenTheirOwnKeyIsWrong) {
  for (const char* yaml : {"control: {socket: c.sock}\n", "control: {sokcet: /a/c.sock}\n",
                           "contrl: {socket: /a/c.sock}\n", "control: /a/c.sock\n"}) {
    file(yaml);
    EXPECT_FALSE(control_socket(context_)) << yaml;
    EXPECT_TRUE(intake_socket(context_)) << yaml;
  }
}

}  // namespace
}  // namespace tracelink::cli
