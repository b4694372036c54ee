#include "daemon/app/logging.hpp"

#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <spdlog/details/log_msg.h>
#include <spdlog/formatter.h>

namespace tracelink {
namespace {

constexpr char kForged[] =
    "model=\"x\n2026-01-01T00:00:00.000Z error forged\n<0>forged\x1b[2J\xc2\x9b\u202e\"";

std::string line_of(LogFormat format, const std::string& message) {
  spdlog::memory_buf_t line;
  log_formatter(format)->format(spdlog::details::log_msg("test", spdlog::level::warn, message),
                                line);
  return {line.data(), line.size()};
}

TEST(Logging, AMessageIsOneLineInEveryFormat) {
  for (const auto format : {LogFormat::text, LogFormat::json, LogFormat::journald}) {
    const std::string line = line_of(format, kForged);
    EXPECT_EQ(line.find('\n'), line.size() - 1) << line;
    EXPECT_EQ(line.find_first_of("\x1b\xc2\xe2"), std::string::npos) << line;
  }
}

TEST(Logging, TheTextFormatShowsControlCharacters) {
  EXPECT_EQ(line_of(LogFormat::text, kForged).substr(25),
            "warning model=\"x\\n2026-01-01T00:00:00.000Z error forged\\n<0>forged\\x1b[2J\\u009b"
            "\\u202e\"\n");
}

TEST(Logging, TheJournalGetsThePriorityOfTheEvent) {
  EXPECT_EQ(line_of(LogFormat::journald, "a\n<0>b"), "<4>a\\n<0>b\n");
}

TEST(Logging, TheJsonFormatKeepsTheMessage) {
  const auto json = nlohmann::json::parse(line_of(LogFormat::json, kForged));
  EXPECT_EQ(json["message"], kForged);
  EXPECT_EQ(json["level"], "warning");
}

}  // namespace
}  // namespace tracelink
