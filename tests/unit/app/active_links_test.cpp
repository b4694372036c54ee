#include "daemon/app/active_links.hpp"

#include <gtest/gtest.h>
#include <protozero/pbf_writer.hpp>

#include "daemon/codec/link_codec.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_file_system.hpp"

namespace tracelink {
namespace {

using Crash = FakeFileSystem::Crash;

constexpr const char* kFile = "/state/models/active.json";

LinkDefinition named(const std::string& name) {
  LinkDefinition link;
  link.name = name;
  link.experiment.name = "support";
  return link;
}

LinkHash hash_of(const LinkDefinition& link) { return hash_link(encode_link(link)); }

std::string traces_of(const std::string& service) {
  std::string value, attribute, resource, resource_spans, traces;
  protozero::pbf_writer(value).add_string(1, service);
  protozero::pbf_writer writer(attribute);
  writer.add_string(1, "service.name");
  writer.add_message(2, value);
  protozero::pbf_writer(resource).add_message(1, attribute);
  protozero::pbf_writer(resource_spans).add_message(1, resource);
  protozero::pbf_writer(traces).add_message(1, resource_spans);
  return traces;
}

class ActiveLinksTest : public testing::Test {
 protected:
  Result<void> try_open() {
    links.reset();
    const auto remember = [this](const LinkDefinition& link) {
      remembered.push_back(hash_of(link));
      return Result<LinkHash>(remembered.back());
    };
    auto opened = ActiveLinks::open(fs, kFile, configured, remember, held);
    if (!opened) return std::move(opened).error();
    links = *std::move(opened);
    return {};
  }
  void open() {
    const auto opened = try_open();
    ASSERT_TRUE(opened) << opened.error().message;
  }
  void crash_and_open(Crash how, std::uint32_t seed = 0) {
    fs.crash(how, seed);
    open();
  }
  bool set(const LinkDefinition& link, const std::string& service = "") {
    return links->set(service, link, "2026-11-23T11:54:31.043Z").has_value();
  }
  bool clear(const std::string& service = "") {
    const auto cleared = links->clear(service);
    return cleared && *cleared;
  }
  LinkHash link_of(const std::string& service) const { return links->link_for(service); }

  LinkDefinition configured = named("agent-v1");
  FakeFileSystem fs;
  std::vector<LinkHash> remembered;
  HeldFiles* held = nullptr;
  std::unique_ptr<ActiveLinks> links;
};

TEST_F(ActiveLinksTest, RecordsGetTheConfiguredLink) {
  open();
  EXPECT_EQ(link_of("web"), hash_of(configured));
  EXPECT_EQ(links->configured(), hash_of(configured));
  EXPECT_EQ(remembered, std::vector{hash_of(configured)});
  EXPECT_TRUE(links->overrides()->empty());
  EXPECT_TRUE(links->notices().empty());
}

TEST_F(ActiveLinksTest, WithoutAConfiguredModelThereIsNoLink) {
  configured = {};
  open();
  EXPECT_TRUE(link_of("web").is_zero());
}

TEST_F(ActiveLinksTest, AnOverrideHoldsForAllUntilItIsCleared) {
  open();
  ASSERT_TRUE(set(named("agent-v2")));
  EXPECT_EQ(link_of("web"), hash_of(named("agent-v2")));
  EXPECT_EQ(remembered.back(), hash_of(named("agent-v2"))) << "before it is used";
  ASSERT_TRUE(clear());
  EXPECT_EQ(link_of("web"), hash_of(configured));
  EXPECT_FALSE(clear()) << "nothing is left to clear";
}

TEST_F(ActiveLinksTest, AServicesOwnLinkIsStrongerThanThatForAll) {
  open();
  ASSERT_TRUE(set(named("billing-v7"), "billing"));
  EXPECT_EQ(link_of("billing"), hash_of(named("billing-v7")));
  EXPECT_EQ(link_of("web"), hash_of(configured));
  ASSERT_TRUE(set(named("agent-v2")));
  EXPECT_EQ(link_of("billing"), hash_of(named("billing-v7")));
  EXPECT_EQ(link_of("web"), hash_of(named("agent-v2")));
  ASSERT_TRUE(clear("billing"));
  EXPECT_EQ(link_of("billing"), hash_of(named("agent-v2")));
}

TEST_F(ActiveLinksTest, OverridesLastOverARestart) {
  open();
  ASSERT_TRUE(set(named("agent-v2")));
  ASSERT_TRUE(set(named("billing-v7"), "billing"));
  remembered.clear();
  crash_and_open(Crash::lose_unsynced);
  EXPECT_EQ(link_of("web"), hash_of(named("agent-v2")));
  EXPECT_EQ(link_of("billing"), hash_of(named("billing-v7")));
  EXPECT_EQ(remembered.size(), 3u) << "the definitions are remembered again";
  EXPECT_EQ(links->overrides()->all->definition, named("agent-v2"));
  EXPECT_EQ(links->overrides()->all->set_at, "2026-11-23T11:54:31.043Z");
  EXPECT_TRUE(links->notices().empty());
}

TEST_F(ActiveLinksTest, AnotherConfiguredVersionDropsTheOverridesForGood) {
  open();
  ASSERT_TRUE(set(named("agent-v2")));
  const LinkDefinition before = std::exchange(configured, named("agent-v3"));
  crash_and_open(Crash::lose_unsynced);
  EXPECT_EQ(link_of("web"), hash_of(named("agent-v3")));
  ASSERT_EQ(links->notices().size(), 1u);
  EXPECT_NE(links->notices().front().find("agent-v2"), std::string::npos);
  configured = before;
  crash_and_open(Crash::lose_unsynced);
  EXPECT_EQ(link_of("web"), hash_of(before)) << "it came back with the old configuration";
}

TEST_F(ActiveLinksTest, AnotherExperimentDropsTheOverridesToo) {
  open();
  ASSERT_TRUE(set(named("agent-v2")));
  configured.experiment.name = "other";
  open();
  EXPECT_TRUE(links->overrides()->empty());
}

TEST_F(ActiveLinksTest, OtherParamsOfTheConfiguredVersionKeepTheOverrides) {
  open();
  ASSERT_TRUE(set(named("agent-v2")));
  configured.params["llm"] = "gpt-4o";
  open();
  EXPECT_EQ(link_of("web"), hash_of(named("agent-v2")));
}

TEST_F(ActiveLinksTest, AnotherVersionConfiguredWhileRunningDropsTheOverridesForGood) {
  open();
  ASSERT_TRUE(set(named("agent-hotfix")));
  ASSERT_TRUE(set(named("billing-v7"), "billing"));
  std::string dropped;
  const auto link = links->configure(named("agent-v2"), dropped);
  ASSERT_TRUE(link);
  EXPECT_EQ(*link, hash_of(named("agent-v2")));
  EXPECT_EQ(remembered.back(), *link) << "before it is used";
  EXPECT_EQ(link_of("web"), *link);
  EXPECT_EQ(link_of("billing"), *link);
  EXPECT_EQ(links->configured(), *link);
  EXPECT_NE(dropped.find("agent-hotfix, billing: billing-v7"), std::string::npos) << dropped;
  ASSERT_TRUE(set(named("agent-v3")));
  configured = named("agent-v2");
  crash_and_open(Crash::lose_unsynced);
  EXPECT_EQ(link_of("web"), hash_of(named("agent-v3"))) << "it overrides the new version";
}

TEST_F(ActiveLinksTest, TheSameVersionConfiguredWhileRunningKeepsTheOverrides) {
  open();
  ASSERT_TRUE(set(named("agent-v2")));
  LinkDefinition with_param = configured;
  with_param.params["llm"] = "gpt-4o";
  std::string dropped;
  ASSERT_TRUE(links->configure(with_param, dropped));
  EXPECT_EQ(dropped, "");
  EXPECT_EQ(link_of("web"), hash_of(named("agent-v2")));
  ASSERT_TRUE(clear());
  EXPECT_EQ(link_of("web"), hash_of(with_param));
}

TEST_F(ActiveLinksTest, AVersionThatCannotBeStoredChangesNothing) {
  open();
  ASSERT_TRUE(set(named("agent-hotfix")));
  fs.fail_operation(0);
  std::string dropped;
  EXPECT_FALSE(links->configure(named("agent-v2"), dropped));
  EXPECT_EQ(link_of("web"), hash_of(named("agent-hotfix")));
  EXPECT_EQ(links->configured(), hash_of(configured));
  ASSERT_TRUE(clear());
  EXPECT_EQ(link_of("web"), hash_of(configured));
}

TEST_F(ActiveLinksTest, ADamagedFileIsSetAsideAndSaid) {
  open();
  ASSERT_TRUE(set(named("agent-v2")));
  const std::string whole = fs.content(kFile);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    fs.set_content(kFile, damaged);
    open();
    const LinkHash link = link_of("web");
    const bool as_before = link == hash_of(named("agent-v2"));
    EXPECT_TRUE(as_before || link == hash_of(configured)) << "byte " << at;
    EXPECT_TRUE(as_before || links->notices().size() == 1) << "byte " << at;
  }
  EXPECT_FALSE(fs.content(std::string(kFile) + ".damaged").empty());
}

// The file cannot be read at the start, and later it can.
class ActiveLinksUnread : public ActiveLinksTest {
 protected:
  ActiveLinksUnread() { held = &files; }
  void open_unread() {
    fs.fail_reads(kFile, 0, 1);
    open();
    EXPECT_EQ(files.list().size(), 1u);
  }
  void read_late() {
    clock.advance(std::chrono::seconds(10));
    files.retry_due();
    EXPECT_TRUE(files.list().empty());
  }
  static LinkDefinition undecided(LinkDefinition link) {
    link.undecided = true;
    return link;
  }
  std::optional<LinkHash> decided(const LinkDefinition& of, const std::string& service) const {
    return links->decide(undecided(of), traces_of(service));
  }

  FakeClock clock;
  HeldFiles files{clock};
};

TEST_F(ActiveLinksUnread, ADamagedFileIsSaidToo) {
  fs.set_content(kFile, "damaged");
  open_unread();
  EXPECT_TRUE(links->notices().empty());
  read_late();
  ASSERT_EQ(links->notices().size(), 1u);
  EXPECT_NE(links->notices().front().find("damaged"), std::string::npos);
  EXPECT_EQ(decided(configured, "web"), hash_of(configured));
  EXPECT_EQ(link_of("web"), hash_of(configured));
}

TEST_F(ActiveLinksUnread, RecordsAreUndecidedUntilTheFileTellsTheirLink) {
  open();
  ASSERT_TRUE(set(named("agent-v2")));
  ASSERT_TRUE(set(named("billing-v7"), "billing"));
  open_unread();
  EXPECT_EQ(link_of("web"), hash_of(undecided(configured)));
  EXPECT_EQ(remembered.back(), hash_of(undecided(configured))) << "before it is used";
  EXPECT_EQ(decided(configured, "web"), std::nullopt);
  EXPECT_FALSE(set(named("agent-v3"))) << "it would replace what is unread";
  EXPECT_FALSE(links->clear("")) << "it would come back";
  read_late();
  EXPECT_EQ(decided(configured, "web"), hash_of(named("agent-v2")));
  EXPECT_EQ(decided(configured, "billing"), hash_of(named("billing-v7")));
  EXPECT_EQ(link_of("web"), hash_of(named("agent-v2")));
}

TEST_F(ActiveLinksUnread, WhatIsSetAfterwardsDecidesNothing) {
  open();
  ASSERT_TRUE(set(named("agent-v2")));
  open_unread();
  read_late();
  ASSERT_TRUE(set(named("agent-v3")));
  EXPECT_EQ(link_of("web"), hash_of(named("agent-v3")));
  EXPECT_EQ(decided(configured, "web"), hash_of(named("agent-v2")));
}

TEST_F(ActiveLinksUnread, AFileThatIsGoneTellsThatNothingWasSet) {
  fs.set_content(kFile, "soon removed");
  open_unread();
  ASSERT_TRUE(fs.remove(kFile));
  read_late();
  EXPECT_EQ(decided(configured, "web"), hash_of(configured));
  EXPECT_EQ(decided({}, "web"), LinkHash()) << "no model was configured then";
  EXPECT_EQ(remembered.back(), hash_of(configured));
}

TEST_F(ActiveLinksUnread, EachConfigurationIsDecidedByItself) {
  open();
  ASSERT_TRUE(set(named("agent-hotfix")));
  open_unread();
  std::string dropped;
  ASSERT_TRUE(links->configure(named("agent-v2"), dropped));
  EXPECT_EQ(link_of("web"), hash_of(undecided(named("agent-v2"))));
  read_late();
  EXPECT_EQ(decided(configured, "web"), hash_of(named("agent-hotfix")));
  EXPECT_EQ(decided(named("agent-v2"), "web"), hash_of(named("agent-v2")));
  EXPECT_EQ(link_of("web"), hash_of(named("agent-v2")));
  ASSERT_EQ(links->notices().size(), 1u);
  EXPECT_NE(links->notices().front().find("agent-hotfix"), std::string::npos);
}

// A full disk must not keep what is known from being sent.
TEST_F(ActiveLinksUnread, WhatCannotBeDroppedYetIsReadAllTheSame) {
  open();
  ASSERT_TRUE(set(named("agent-v2")));
  configured = named("agent-v3");
  fs.fail_names("active.json.");  // the new content, before it is renamed
  open();
  EXPECT_EQ(files.list().size(), 1u);
  EXPECT_EQ(link_of("web"), hash_of(configured));
  fs.fail_names("");
  read_late();
  EXPECT_EQ(links->notices().size(), 1u) << "said once";
  crash_and_open(Crash::lose_unsynced);
  EXPECT_TRUE(links->notices().empty()) << "dropped for good";
}

// One change on a disk that fails or loses power at every operation in turn.
class ActiveLinksFault : public ActiveLinksTest {
 protected:
  void change_at_every_operation(bool power_cut, Crash how) {
    for (std::uint64_t n = 0;; ++n) {
      SCOPED_TRACE("operation " + std::to_string(n));
      open();
      ASSERT_TRUE(set(named("agent-v2")));
      power_cut ? fs.lose_power_at(n) : fs.fail_operation(n);
      const bool done = set(named("agent-v3"));
      EXPECT_EQ(link_of("web"), hash_of(named(done ? "agent-v3" : "agent-v2")));
      const bool fired = fs.fired();
      crash_and_open(how, static_cast<std::uint32_t>(n));
      const LinkHash link = link_of("web");
      EXPECT_TRUE(link == hash_of(named("agent-v3")) ||
                  (!done && link == hash_of(named("agent-v2"))));
      EXPECT_TRUE(links->notices().empty());
      if (!fired || HasFailure()) break;
    }
  }
};

TEST_F(ActiveLinksFault, AnAnsweredChangeSurvivesAPowerCut) {
  change_at_every_operation(true, Crash::lose_unsynced);
}

TEST_F(ActiveLinksFault, AnAnsweredChangeSurvivesATornPowerCut) {
  change_at_every_operation(true, Crash::keep_some);
}

TEST_F(ActiveLinksFault, AFailedChangeChangesNothingForTheProcess) {
  change_at_every_operation(false, Crash::keep_all);
}

}  // namespace
}  // namespace tracelink
