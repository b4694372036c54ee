#include "daemon/cli/usage.hpp"

#include <gtest/gtest.h>

namespace tracelink::cli {
namespace {

// An application like tracelink's.
class Usage : public ::testing::Test {
 protected:
  Usage() {
    app_.require_subcommand(1);
    app_.fallthrough();
    app_.add_flag("--json");
    app_.add_subcommand("status")->footer("Example:\n  tracelink status");
    CLI::App* models = app_.add_subcommand("models");
    models->require_subcommand(1);
    models->add_subcommand("list");
  }
  std::string unknown(const std::string& line) {
    try {
      app_.parse(line);
    } catch (const CLI::ParseError&) {
      return unknown_command(app_);
    }
    return "parsed";
  }

  std::string unknown_in(const std::string& line) {
    try {
      app_.parse(line);
    } catch (const CLI::ParseError&) {
      return unknown_option(app_);
    }
    return "parsed";
  }

  CLI::App app_;
};

TEST_F(Usage, NamesTheUnknownOptionAndTheNearest) {
  app_.get_subcommand("models")->get_subcommand("list")->add_option("--experiment-name");
  EXPECT_EQ(unknown_in("models list --experiment-nam=x"),
            "there is no option '--experiment-nam'; did you mean '--experiment-name'?");
  EXPECT_EQ(unknown_in("models list --jsno"),
            "there is no option '--jsno'; did you mean '--json'?");
  EXPECT_EQ(unknown_in("status --bogus"), "there is no option '--bogus'");
  EXPECT_EQ(unknown_in("status more"), "");
}

TEST_F(Usage, IsForAnEvalAlsoIfItIsWrong) {
  const auto is_told = [&](const std::vector<std::string>& arguments) {
    try {
      app_.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    } catch (const CLI::ParseError&) {
      return is_for_eval(app_, arguments);
    }
    return is_for_eval(app_, arguments);
  };
  CLI::App* env = app_.add_subcommand("env");
  env->add_flag("--shell");
  env->add_option("--model")->check([](const std::string& text) { return text; });
  EXPECT_TRUE(is_told({"env", "--shell"}));
  EXPECT_TRUE(is_told({"env", "--model", "wrong", "--shell"}));
  EXPECT_TRUE(is_told({"env", "--bogus", "--shell"}));
  EXPECT_FALSE(is_told({"env", "--bogus"}));
  EXPECT_FALSE(is_told({"status", "--shell"}));
}

TEST_F(Usage, HelpIsACommandToo) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(with_help_as_option({"help"}), (Words{"--help"}));
  EXPECT_EQ(with_help_as_option({"help", "models", "list"}), (Words{"models", "list", "--help"}));
  EXPECT_EQ(with_help_as_option({"run", "help"}), (Words{"run", "help"}));
  EXPECT_EQ(with_help_as_option({}), Words{});
}

TEST_F(Usage, NamesTheUnknownCommandAndTheNearest) {
  EXPECT_EQ(unknown("statsu"), "there is no command 'statsu'; did you mean 'status'?");
  EXPECT_EQ(unknown("--json bogus"), "there is no command 'bogus'");
  EXPECT_EQ(unknown("models lst"), "there is no command 'lst'; did you mean 'list'?");
}

TEST_F(Usage, LeavesOtherMistakesToTheParser) {
  EXPECT_EQ(unknown(""), "");
  EXPECT_EQ(unknown("models"), "");
  EXPECT_EQ(unknown("status more"), "");
  EXPECT_EQ(unknown("--wrong"), "");
}

TEST_F(Usage, EveryHelpMentionsTheGlobalOptions) {
  mention_global_options(app_);
  const std::string help = app_.get_subcommand("status")->help();
  EXPECT_NE(help.find("tracelink status\n\n--config, --control, --json"), std::string::npos)
      << help;
  EXPECT_NE(app_.get_subcommand("models")->get_subcommand("list")->help().find("tracelink --help"),
            std::string::npos);
}

}  // namespace
}  // namespace tracelink::cli
