#include "daemon/git/git_config.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

std::string url_in(const std::string& text) { return remote_url(parse_git_config(text)); }

TEST(GitConfig, ReadsWhatGitWrites) {
  const auto entries = parse_git_config(
      "[core]\n\trepositoryformatversion = 0\n\tbare\n"
      "[remote \"origin\"]\n\turl = https://example.org/app.git\n"
      "\tfetch = +refs/heads/*:refs/remotes/origin/*\n");
  ASSERT_EQ(entries.size(), 4u);
  EXPECT_EQ(entries[0].section, "core");
  EXPECT_EQ(entries[1].key, "bare");
  EXPECT_EQ(entries[1].value, "");
  EXPECT_EQ(entries[2].subsection, "origin");
  EXPECT_EQ(entries[2].value, "https://example.org/app.git");
  EXPECT_EQ(entries[3].value, "+refs/heads/*:refs/remotes/origin/*");
}

TEST(GitConfig, ReadsWhatPeopleWrite) {
  EXPECT_EQ(url_in("[REMOTE \"origin\"] URL=a ; comment\n"), "a");
  EXPECT_EQ(url_in("[remote.Origin]\r\n  url\t=\ta b \t\r\n"), "a b");
  EXPECT_EQ(url_in("# [remote \"x\"]\n[remote \"origin\"] # comment\nurl = \"a;#b \" # c\n"),
            "a;#b ");
  EXPECT_EQ(url_in("[remote \"origin\"]\nurl = a\\\nb\\\r\nc\\\\d\\\"\n"), "abc\\d\"");
  EXPECT_EQ(url_in("[remote \"or\\\"igin\"]\nurl = other\n[remote \"origin\"]\nurl = a"), "a");
}

TEST(GitConfig, TakesTheFirstUrlOfOriginElseOfAnyRemote) {
  EXPECT_EQ(url_in("[remote \"x\"]\nurl = a\n[remote \"origin\"]\nurl = b\nurl = c\n"), "b");
  EXPECT_EQ(url_in("[remote \"x\"]\nfetch = f\n[remote \"y\"]\nurl = b\n"), "b");
  EXPECT_EQ(url_in("[url \"a\"]\ninsteadOf = b\n[remotes]\nurl = c\n"), "");
}

TEST(GitConfig, SkipsLinesThatAreWrong) {
  EXPECT_EQ(url_in("]\n= x\n[remote \"lost\nurl = a\n[remote \"origin\"]\n-\nurl = b\n"), "b");
}

TEST(GitConfig, EndsOnEveryPrefix) {
  const std::string text = "[a \"b\\\"c\"]\n d = \"e\\n\" # f\n[g.h] i\n j = k\\\n l\n; m\n[n \"o";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    EXPECT_LE(parse_git_config(text.substr(0, size)).size(), 3u);
  }
}

}  // namespace
}  // namespace tracelink
