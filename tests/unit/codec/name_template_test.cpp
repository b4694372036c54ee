#include "daemon/codec/name_template.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

using Values = std::map<std::string, std::string>;

std::optional<std::string> expand(std::string_view text, const Values& values) {
  const auto parsed = NameTemplate::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? parsed->expand(values) : std::nullopt;
}

TEST(NameTemplate, ATextWithoutBracesIsItself) {
  for (const auto* text : {"", "agent", "my-app v1.0 $HOME 100%"}) {
    EXPECT_TRUE(NameTemplate::parse(text)->attributes().empty());
    EXPECT_EQ(expand(text, {}), text);
  }
}

TEST(NameTemplate, PutsAttributesIntoTheText) {
  const Values values{{"service.name", "cart"}, {"service.version", "1.2"}};
  EXPECT_EQ(expand("{service.name}", values), "cart");
  EXPECT_EQ(expand("shop-{service.name}", values), "shop-cart");
  EXPECT_EQ(expand("{service.name}/{service.version}-x", values), "cart/1.2-x");
  EXPECT_EQ(NameTemplate::parse("{a}{b}{a}")->attributes(),
            (std::vector<std::string>{"a", "b", "a"}));
}

TEST(NameTemplate, ValuesAreNotExpandedAgain) {
  EXPECT_EQ(expand("{a}", {{"a", "{b}"}, {"b", "c"}}), "{b}");
}

TEST(NameTemplate, AMissingOrEmptyValueGivesNothing) {
  EXPECT_EQ(expand("x-{service.name}", {}), std::nullopt);
  EXPECT_EQ(expand("{a}-{b}", {{"a", "1"}, {"b", ""}}), std::nullopt);
}

TEST(NameTemplate, RefusesBracesThatDoNotMatch) {
  const auto message = [](std::string_view text) {
    return NameTemplate::parse(text).error().message;
  };
  EXPECT_TRUE(message("{service.name").starts_with("a { without its } in \"{service.name\""));
  EXPECT_TRUE(message("{a{b}").starts_with("a { without its }"));
  EXPECT_TRUE(message("a}").starts_with("a } without its {"));
  EXPECT_TRUE(message("{a}}").starts_with("a } without its {"));
  EXPECT_TRUE(message("x{}").starts_with("{} without an attribute"));
}

TEST(NameTemplate, OfALinkIsInNameOrVersionUnlessATraceNamedIt) {
  LinkDefinition link;
  link.name = "agent";
  link.version = "1";
  EXPECT_FALSE(is_template(link));
  link.version = "{service.version}";
  EXPECT_TRUE(is_template(link));
  link.named_by_trace = true;
  EXPECT_FALSE(is_template(link));
  LinkDefinition unversioned;
  unversioned.name = "{service.name}";
  EXPECT_TRUE(is_template(unversioned));
  unversioned.name = "{no template";
  EXPECT_FALSE(is_template(unversioned));
}

}  // namespace
}  // namespace tracelink
