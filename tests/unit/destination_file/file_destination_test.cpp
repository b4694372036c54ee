#include "daemon/destination/file/file_destination.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "daemon/base/posix_file_system.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_file_system.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/trace_record.hpp"

namespace tracelink {
namespace {

using Json = nlohmann::json;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;

class FileDestinationTest : public ::testing::Test {
 protected:
  FileDestinationTest() { begin(); }

  void begin() {
    destination = std::make_unique<FileDestination>(
        FileDestination::Options{.directory = kDirectory, .max_bytes = max_bytes}, *fs,
        [this](const LinkHash& hash) { return definition(hash); }, clock);
  }
  Result<LinkDefinition> definition(const LinkHash& hash) const {
    if (hash.is_zero()) return Error{ErrorCode::invalid, "unknown"};
    if (hash == link_of('u')) return Error{lookup_error, "its file"};
    if (hash == link_of('f')) return full_definition();
    LinkDefinition link;
    link.name = "agent";
    link.version = "v1";
    return link;
  }
  static LinkDefinition full_definition() {
    LinkDefinition link;
    link.name = "agent";
    link.experiment.name = "/Shared/support";
    link.type = "agent";
    link.source_run_id = "5f";
    link.params = {{"llm", "gpt-4o"}};
    link.tags = {{"team", "ml"}};
    link.source_tags = {{"git_commit", "0123abcd"}};
    return link;
  }
  TraceDelivery delivery(std::uint64_t trace) const {
    TraceDelivery delivery;
    delivery.link = link_of('a');
    delivery.accepted_at = clock.wall();
    delivery.trace.info.trace_id = trace_id(trace);
    delivery.trace.otlp = encode_spans(trace_id(trace), {{.name = std::to_string(trace)}});
    return delivery;
  }
  std::vector<Outcome> deliver(std::vector<TraceDelivery> batch) {
    std::vector<Outcome> outcomes;
    destination->deliver(std::move(batch), [&](std::vector<Outcome> all) { outcomes = all; });
    EXPECT_TRUE(outcomes.empty()) << "answers come from poll()";
    destination->poll(milliseconds(0));
    return outcomes;
  }
  std::vector<Outcome> deliver(std::initializer_list<std::uint64_t> traces) {
    std::vector<TraceDelivery> batch;
    for (const std::uint64_t trace : traces) batch.push_back(delivery(trace));
    return deliver(std::move(batch));
  }
  std::map<std::string, std::vector<Json>> files() const {
    std::map<std::string, std::vector<Json>> all;
    const auto names = fs->list(kDirectory);
    for (const std::string& name : *names) {
      std::istringstream text(fs->content(kDirectory / name));
      for (std::string line; std::getline(text, line);) all[name].push_back(Json::parse(line));
    }
    return all;
  }
  // How often each trace is in the files.
  std::map<std::string, int> traces() const {
    std::map<std::string, int> counts;
    for (const auto& [name, lines] : files()) {
      for (const Json& line : lines) {
        ++counts[line["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"]];
      }
    }
    return counts;
  }
  bool accepts() {
    const auto refusal = destination->refusal(link_of('a'), "");
    hold = refusal.value_or(Failure{});
    return !refusal;
  }

  const std::filesystem::path kDirectory = "/archive";
  std::uint64_t max_bytes = 1u << 20;
  FakeClock clock;  // begins on 2023-11-14 at 22:13:20
  std::unique_ptr<FakeFileSystem> fs = std::make_unique<FakeFileSystem>();
  std::unique_ptr<FileDestination> destination;
  Failure hold;
  ErrorCode lookup_error = ErrorCode::io;  // of the link 'u'
};

TEST_F(FileDestinationTest, WritesOneLineATraceWithLinkAndTime) {
  const auto outcomes = deliver({1, 2});
  ASSERT_EQ(outcomes.size(), 2u);
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::delivered);
  const auto lines = files().at("traces-2023-11-14.jsonl");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0]["tracelink"],
            Json::parse(R"({"link": {"name": "agent", "version": "v1", "model": "agent-v1"},
                                                   "accepted_at": "2023-11-14T22:13:20.000Z"})"));
  EXPECT_EQ(lines[0]["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["traceId"],
            trace_id(1).hex());
}

TEST_F(FileDestinationTest, TheLinkIsTheWholeDefinition) {
  TraceDelivery full = delivery(1);
  full.link = link_of('f');
  deliver({full});
  EXPECT_EQ(files().begin()->second[0]["tracelink"]["link"], Json::parse(R"({
    "name": "agent", "model": "agent", "experiment_name": "/Shared/support", "model_type": "agent",
    "source_run_id": "5f", "params": {"llm": "gpt-4o"}, "tags": {"team": "ml"},
    "source_tags": {"git_commit": "0123abcd"}})"));
}

TEST_F(FileDestinationTest, ATraceWithoutALinkSaysSo) {
  TraceDelivery unlinked = delivery(1);
  unlinked.link = {};
  deliver({unlinked});
  EXPECT_TRUE(files().begin()->second[0]["tracelink"]["link"].is_null());
}

TEST_F(FileDestinationTest, ATraceWhoseLinkIsNotKnownNowIsNotWrittenWithoutOne) {
  TraceDelivery unread = delivery(1);
  unread.link = link_of('u');
  const auto later = deliver({unread, delivery(2)});
  EXPECT_EQ(later[0].kind, OutcomeKind::transient);
  EXPECT_EQ(later[0].failure.scope, FailureScope::link);
  EXPECT_EQ(later[1].kind, OutcomeKind::delivered);
  lookup_error = ErrorCode::invalid;
  const auto lost = deliver({unread});
  EXPECT_EQ(lost[0].kind, OutcomeKind::configuration);
  EXPECT_NE(lost[0].failure.remedy.find("models/links"), std::string::npos);
  EXPECT_EQ(traces(), (std::map<std::string, int>{{"2", 1}}));
}

TEST_F(FileDestinationTest, DeliveredSurvivesACrash) {
  deliver({1, 2});
  fs->crash();
  EXPECT_EQ(traces(), (std::map<std::string, int>{{"1", 1}, {"2", 1}}));
}

TEST_F(FileDestinationTest, ANewDayIsANewFile) {
  deliver({1});
  clock.advance(hours(2));
  deliver({2});
  EXPECT_EQ(files().size(), 2u);
  EXPECT_EQ(files().at("traces-2023-11-15.jsonl").size(), 1u);
}

TEST_F(FileDestinationTest, SpansThatAreNotOtlpArePoisonForThemselvesOnly) {
  TraceDelivery broken = delivery(2);
  broken.trace.otlp = "\x0a\xff";
  const auto outcomes = deliver({delivery(1), broken, delivery(3)});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::delivered);
  EXPECT_EQ(outcomes[1].kind, OutcomeKind::poison);
  EXPECT_FALSE(outcomes[1].batch);
  EXPECT_EQ(traces(), (std::map<std::string, int>{{"1", 1}, {"3", 1}}));
}

TEST_F(FileDestinationTest, AtTheBoundEverythingIsHeldUntilThereIsRoom) {
  deliver({1});
  max_bytes = fs->content(kDirectory / "traces-2023-11-14.jsonl").size() + 10;
  begin();
  EXPECT_TRUE(accepts()) << "it is not known yet";
  const auto outcomes = deliver({2});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::configuration);
  EXPECT_FALSE(accepts());
  EXPECT_NE(hold.remedy.find("archive.max_bytes"), std::string::npos);
  clock.advance(minutes(1));
  EXPECT_TRUE(accepts()) << "somebody may have made room";
  ASSERT_TRUE(fs->remove(kDirectory / "traces-2023-11-14.jsonl"));
  EXPECT_EQ(deliver({2})[0].kind, OutcomeKind::delivered);
  EXPECT_EQ(traces(), (std::map<std::string, int>{{"2", 1}}));
}

TEST_F(FileDestinationTest, OfABatchThatIsLargerThanTheBoundMostOfWhatFitsIsWritten) {
  deliver({0});
  max_bytes = 20 * fs->content(kDirectory / "traces-2023-11-14.jsonl").size();
  fs = std::make_unique<FakeFileSystem>();
  begin();
  const auto outcomes = deliver(
      {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25});
  EXPECT_GE(traces().size(), 15u);
  EXPECT_EQ(std::ranges::count(outcomes, OutcomeKind::delivered, &Outcome::kind),
            std::ptrdiff_t(traces().size()));
  EXPECT_EQ(outcomes.back().kind, OutcomeKind::configuration);
  EXPECT_FALSE(accepts());
}

TEST_F(FileDestinationTest, FilesOfOthersDoNotCountAgainstTheBound) {
  max_bytes = 1000;
  begin();
  fs->set_content(kDirectory / "notes.txt", std::string(5000, 'x'));
  EXPECT_EQ(deliver({1})[0].kind, OutcomeKind::delivered);
}

TEST_F(FileDestinationTest, AnOlderFileThatMayNotBeOpenedCountsAndStopsNothing) {
  const auto older = kDirectory / "traces-2023-11-13.jsonl";
  fs->set_content(older, std::string(1000, '\n'));
  fs->forbid(older);
  EXPECT_EQ(deliver({1})[0].kind, OutcomeKind::delivered);
  max_bytes = 1000;
  begin();
  const auto full = deliver({2});
  EXPECT_EQ(full[0].kind, OutcomeKind::configuration);
  EXPECT_NE(full[0].failure.remedy.find("archive.max_bytes"), std::string::npos);
}

TEST_F(FileDestinationTest, WhatIsNoFileDoesNotCount) {
  const TempDirectory archive;
  std::filesystem::create_directory(archive.path() / "traces-2023-11-13.jsonl");
  std::filesystem::create_symlink("away", archive.path() / "traces-2023-11-12.jsonl");
  PosixFileSystem real;
  destination = std::make_unique<FileDestination>(
      FileDestination::Options{.directory = archive.path(), .max_bytes = max_bytes}, real,
      [this](const LinkHash& hash) { return definition(hash); }, clock);
  EXPECT_EQ(deliver({1})[0].kind, OutcomeKind::delivered);
}

TEST_F(FileDestinationTest, AFullDiskIsWaitedFor) {
  fs->set_capacity(10);
  const auto outcomes = deliver({1});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::transient);
  EXPECT_NE(outcomes[0].failure.remedy.find("/archive is a directory"), std::string::npos);
  EXPECT_TRUE(accepts());
  fs->set_capacity(1u << 20);
  EXPECT_EQ(deliver({1})[0].kind, OutcomeKind::delivered);
}

TEST_F(FileDestinationTest, CancelAnswersWhatIsWritten) {
  std::vector<Outcome> outcomes;
  destination->deliver({delivery(1)}, [&](std::vector<Outcome> all) { outcomes = all; });
  destination->cancel();
  ASSERT_EQ(outcomes.size(), 1u);
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::delivered);
}

TEST_F(FileDestinationTest, AWakeupEndsTheNextWaitAtOnce) {
  destination->wakeup();
  destination->poll(hours(1));
}

// Whatever fails, each trace is in the files once when it is said to be delivered, and whole lines
// are all that is ever there.
TEST_F(FileDestinationTest, SurvivesEveryFailure) {
  bool fired = true;
  for (std::uint64_t n = 0; fired; ++n) {
    SCOPED_TRACE(n);
    fs = std::make_unique<FakeFileSystem>();
    begin();
    fs->fail_operation(n);
    for (const std::uint64_t trace : {1u, 3u, 5u}) {
      int attempts = 1;
      while (deliver({trace, trace + 1})[0].kind != OutcomeKind::delivered) ++attempts;
      EXPECT_LE(attempts, 2);
    }
    fired = fs->fired();
    fs->crash();
    const auto all = traces();
    EXPECT_EQ(all.size(), 6u);
    for (const auto& [trace, count] : all) EXPECT_EQ(count, 1) << trace;
  }
}

TEST_F(FileDestinationTest, SurvivesEveryPowerCut) {
  bool fired = true;
  for (std::uint64_t n = 0; fired; ++n) {
    SCOPED_TRACE(n);
    fs = std::make_unique<FakeFileSystem>();
    begin();
    fs->lose_power_at(n);
    std::set<std::string> delivered;
    for (const std::uint64_t trace : {1u, 3u, 5u}) {
      if (deliver({trace, trace + 1})[0].kind != OutcomeKind::delivered) continue;
      delivered.insert({std::to_string(trace), std::to_string(trace + 1)});
    }
    fired = fs->fired();
    fs->crash(n % 2 == 0 ? FakeFileSystem::Crash::keep_all : FakeFileSystem::Crash::lose_unsynced);
    begin();
    ASSERT_EQ(deliver({7})[0].kind, OutcomeKind::delivered);
    const auto all = traces();
    for (const std::string& trace : delivered) EXPECT_EQ(all.count(trace), 1u) << trace;
    EXPECT_EQ(all.count("7"), 1u);
  }
}

}  // namespace
}  // namespace tracelink
