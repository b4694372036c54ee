#include "daemon/databricks/settings/profile_file.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

std::string shown(std::string_view text, std::string_view requested) {
  const auto profile = read_profile(text, requested);
  if (!profile) return "error: " + profile.error().message;
  if (!*profile) return "none";
  std::string result = (*profile)->name;
  for (const auto& [name, value] : (*profile)->values) result += " " + name + "=" + value;
  return result;
}

TEST(ProfileFile, ChoosesTheSectionThatIsMeant) {
  constexpr const char* kText = "[DEFAULT]\nhost = d\n[prod]\nhost = p\n";
  EXPECT_EQ(shown(kText, "prod"), "prod host=p");
  EXPECT_EQ(shown(kText, ""), "DEFAULT host=d");
  EXPECT_EQ(shown(kText, "DEFAULT"), "DEFAULT host=d");
  EXPECT_EQ(shown("[prod]\nhost = p\n", ""), "none");
  EXPECT_EQ(shown("", ""), "none");
  EXPECT_EQ(shown(std::string("[__settings__]\ndefault_profile = prod \n") + kText, ""),
            "prod host=p");
  EXPECT_EQ(shown(std::string("[__settings__]\ndefault_profile =\n") + kText, ""),
            "DEFAULT host=d");
}

TEST(ProfileFile, NamesTheProfilesThatAreThere) {
  EXPECT_EQ(shown("[a]\nx = 1\n[__settings__]\nx = 1\n[b]\n", "prod"),
            "error: there is no profile [prod]; there are: a, b");
  EXPECT_EQ(shown("[__settings__]\ndefault_profile = gone\n", ""),
            "error: there is no profile [gone]; there are: none");
  EXPECT_EQ(shown("[DEFAULT]\n", "DEFAULT"),
            "error: there is no profile [DEFAULT]; there are: DEFAULT");
  EXPECT_EQ(shown("[a]\n", "__settings__"), "error: __settings__ is reserved and no profile");
}

TEST(ProfileFile, ReadsTheSyntaxOfPythonsConfigparser) {
  EXPECT_EQ(shown("\xef\xbb\xbf[a]\r\nHost=x\r\n", "a"), "a host=x");
  EXPECT_EQ(shown("# c\n; c\n\n[a]\nhost : x # y\n# token = no\n", "a"), "a host=x # y");
  EXPECT_EQ(shown("[a]\nhost = x=y:z\n", "a"), "a host=x=y:z");
  EXPECT_EQ(shown("[a]\nscopes = one\n  two\nhost = h\n", "a"), "a host=h scopes=one two");
  EXPECT_EQ(shown("  [a]\n  host = h\n  token = t\n", "a"), "a host=h token=t");
  EXPECT_EQ(shown("[a]\ntoken =\n", "a"), "a token=");
  EXPECT_EQ(shown("[a]\nx = 1\n[DEFAULT]\nhost = d\n[DEFAULT]\ntoken = t\n", ""),
            "DEFAULT host=d token=t");
}

TEST(ProfileFile, SaysInWhichLineItIsWrongAndNoValue) {
  EXPECT_EQ(shown("token = s3cret\n", "a"), "error: line 1: a value before the first [section]");
  EXPECT_EQ(shown("[a]\ns3cret\n", "a"), "error: line 2: a value is written as name = value");
  EXPECT_EQ(shown("[a]\nhost = 1\nHOST = 2\n", "a"), "error: line 3: host is there twice");
  EXPECT_EQ(shown("[a]\n[a]\n", "a"), "error: line 2: the section [a] is there twice");
  EXPECT_EQ(shown("[]\n", "a"), "error: line 1: a section is written as [name]");
  EXPECT_EQ(shown("[a\n", "a"), "error: line 1: a section is written as [name]");
}

}  // namespace
}  // namespace tracelink
