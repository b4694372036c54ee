#include "daemon/compare/page.hpp"

#include <gtest/gtest.h>

#include "tests/unit/compare/versions.hpp"

namespace tracelink::compare {
namespace {

std::string page(std::vector<Version> versions) {
  return page_of(compare(std::move(versions)), "2026-11-23T12:00:00Z");
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TraceSummary with_tokens(TraceSummary trace) {
  trace.metadata["mlflow.trace.tokenUsage"] = R"({"input_tokens": 10, "output_tokens": 5})";
  return trace;
}

TEST(Page, HasFiguresByNameAndModel) {
  const std::string html = page({version_with_errors("a", 10, 1), version_with_errors("b", 10, 2)});
  EXPECT_TRUE(has(html, "<tr data-figure=\"error_rate\">"));
  EXPECT_TRUE(has(html, "<td data-model=\"m-b\" data-value=\"0.20000000000000001\">20.0%"));
  EXPECT_TRUE(has(html, "name=\"viewport\""));
  EXPECT_TRUE(has(html, "prefers-color-scheme: dark"));
}

TEST(Page, HasThePlotsThatThereAreValuesFor) {
  const std::string empty = page({version_of("a", {}), version_of("b", {})});
  EXPECT_FALSE(has(empty, "<svg"));
  const std::string full = page({version_of("a", {with_tokens(rated("ok", true))}),
                                 version_of("b", {with_tokens(rated("ok", false))})});
  for (const char* id : {"plot-latency", "plot-tokens", "plot-errors", "plot-pass-rate-0"}) {
    EXPECT_TRUE(has(full, std::string("id=\"") + id + "\"")) << id;
  }
  EXPECT_TRUE(has(full, "data-assessment=\"ok\""));
  EXPECT_FALSE(has(full, "nan"));
}

TEST(Page, LoadsNothingAndRunsNothing) {
  const std::string html =
      page({version_with_errors("a", 10, 1), version_of("b", {rated("x", true)})});
  for (const char* word : {"<script", "http:", "https:", "src=", "href=", "url(", "@import"}) {
    EXPECT_FALSE(has(html, word)) << word;
  }
  EXPECT_TRUE(has(html, "default-src 'none'"));
}

TEST(Page, WhatServersChoseIsText) {
  const std::string bad = "<script>alert('\"&')</script>";
  Version a = version_of(bad, {rated(bad, bad), rated(bad, true)});
  a.model.params[bad] = bad;
  a.errors = count_messages({bad}, 0);
  const std::string html = page({std::move(a), version_of("b", {})});
  EXPECT_FALSE(has(html, "<script"));
  EXPECT_FALSE(has(html, "alert('"));
  EXPECT_TRUE(has(html, "&lt;script&gt;alert(&#39;&quot;&amp;&#39;)&lt;/script&gt;"));
}

}  // namespace
}  // namespace tracelink::compare
