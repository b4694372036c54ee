#include "daemon/app/logging.hpp"

#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <spdlog/details/log_msg.h>
#include <spdlog/formatter.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include "daemon/report/log_event.hpp"

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

// What `event` looks like when it is logged in the format.
std::string line_of(LogFormat format, const LogEvent& event) {
  const auto before = spdlog::default_logger();
  std::ostringstream text;
  const auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(text);
  sink->set_formatter(log_formatter(format));
  spdlog::set_default_logger(std::make_shared<spdlog::logger>("test", sink));
  event.warn();
  spdlog::set_default_logger(before);
  return text.str();
}

TEST(Logging, TheJsonFormatHasTheFieldsOfAnEventAsMembers) {
  const LogEvent event = LogEvent("failing")
                             .text("subject", "link \"a\" reason=b\n")
                             .word("model_id", "m-1")
                             .number("times", 3);
  const auto json = nlohmann::ordered_json::parse(line_of(LogFormat::json, event));
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  EXPECT_EQ(keys,
            (std::vector<std::string>{"time", "level", "message", "subject", "model_id", "times"}));
  EXPECT_EQ(json["message"], "failing");
  EXPECT_EQ(json["subject"], "link \"a\" reason=b\n");
  EXPECT_EQ(json["model_id"], "m-1");
  EXPECT_EQ(json["times"], 3);
}

TEST(Logging, AnEventIsOneLineInEveryFormat) {
  const LogEvent event = LogEvent("failing").text("subject", kForged);
  for (const auto format : {LogFormat::text, LogFormat::json, LogFormat::journald}) {
    const std::string line = line_of(format, event);
    EXPECT_EQ(line.find('\n'), line.size() - 1) << line;
    EXPECT_EQ(line.find_first_of("\x1b\xc2\xe2"), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace tracelink
