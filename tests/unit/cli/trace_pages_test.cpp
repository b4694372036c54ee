#include "daemon/cli/trace_pages.hpp"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.hpp"

namespace tracelink::cli {
namespace {

TracePage page_of(const std::vector<std::string>& traces, std::string next) {
  TracePage page;
  for (const std::string& id : traces) page.traces.emplace_back().trace_id = id;
  page.next_page_token = std::move(next);
  return page;
}

// The ids of all pages, with a bar behind each; what went wrong.
std::string read_all(const TracePages::Read& read) {
  TracePages pages({}, read);
  std::string text;
  while (true) {
    const auto page = pages.next();
    if (!page) return text + page.error().message;
    if (!*page) return text;
    for (const TraceSummary& trace : **page) text += trace.trace_id;
    text += "|";
  }
}

constexpr char kNoEnd[] =
    "the search for traces has no end: the server goes on naming further pages";

TEST(TracePages, ATraceThatMovesToTheNextPageIsThereOnce) {
  EXPECT_EQ(read_all([](const TraceQuery& query) -> Answer<TracePage> {
              if (query.page_token.empty()) return page_of({"a", "b"}, "2");
              return page_of({"b", "c"}, "");
            }),
            "ab|c|");
}

TEST(TracePages, PagesWithoutTracesMayStandBetween) {
  EXPECT_EQ(read_all([](const TraceQuery& query) -> Answer<TracePage> {
              if (query.page_token.empty()) return page_of({}, "2");
              if (query.page_token == "2") return page_of({"a"}, "3");
              return page_of({}, "");
            }),
            "|a||");
}

TEST(TracePages, APageThatIsNamedTwiceIsAFailure) {
  EXPECT_EQ(read_all([](const TraceQuery&) -> Answer<TracePage> { return page_of({"a"}, "2"); }),
            std::string("a|") + kNoEnd);
}

TEST(TracePages, EmptyPagesWithoutEndAreAFailure) {
  int asked = 0;
  const std::string read = read_all(
      [&](const TraceQuery&) -> Answer<TracePage> { return page_of({}, std::to_string(++asked)); });
  EXPECT_EQ(asked, TracePages::kMostEmptyPages);
  EXPECT_EQ(read, std::string(TracePages::kMostEmptyPages - 1, '|') + kNoEnd);
}

TEST(TracePages, WhatCannotBeReadIsTheFailureOfTheAnswer) {
  EXPECT_EQ(read_all([](const TraceQuery&) -> Answer<TracePage> {
              return configuration_failure(FailureScope::experiment, "no rights", "ask");
            }),
            "no rights");
}

TraceSearch search_of(bool is_done) {
  return {.operation = "op-1", .is_done = is_done, .page = page_of({"a"}, "")};
}

TEST(WaitForSearch, ThatEndsHasItsPage) {
  FakeClock clock;
  int asked = 0;
  const auto page = wait_for_search(
      search_of(false), clock, [&](const auto&) { return search_of(++asked == 3); }, [] {});
  ASSERT_TRUE(page);
  EXPECT_EQ(page->traces.front().trace_id, "a");
  EXPECT_EQ(asked, 3);
}

TEST(WaitForSearch, ThatDoesNotEndIsAFailureThatNamesItAndTheWarehouse) {
  FakeClock clock;
  const auto page = wait_for_search(
      search_of(false), clock,
      [](const std::string& operation) {
        EXPECT_EQ(operation, "op-1");
        return search_of(false);
      },
      [&] { clock.advance(std::chrono::seconds(1)); });
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().message, "the search op-1 did not end within 15 minutes");
  EXPECT_NE(page.error().remedy.find("databricks.warehouse_id"), std::string::npos);
}

}  // namespace
}  // namespace tracelink::cli
