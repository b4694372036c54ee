#include "daemon/report/log_event.hpp"

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <spdlog/formatter.h>
#include <spdlog/spdlog.h>

#include "tests/support/log_capture.hpp"

namespace tracelink {
namespace {

using Lines = std::vector<std::string>;

TEST(LogEvent, IsALineWithItsFields) {
  LogCapture log;
  LogEvent("failing").text("subject", "a \"b\"").word("model_id", "m-1").number("times", 2).warn();
  LogEvent("stopped").info();
  EXPECT_EQ(log.take(),
            (Lines{R"(warning failing subject="a \"b\"" model_id=m-1 times=2)", "info stopped"}));
}

TEST(LogEvent, IsKnownToFormattersWhileItIsLogged) {
  class Formatter final : public spdlog::formatter {
   public:
    void format(const spdlog::details::log_msg&, spdlog::memory_buf_t& out) override {
      const std::string words = LogEvent::current() ? LogEvent::current()->words() : "none";
      out.append(words.data(), words.data() + words.size());
      out.push_back('\n');
    }
    std::unique_ptr<spdlog::formatter> clone() const override {
      return std::make_unique<Formatter>();
    }
  };
  LogCapture log;
  spdlog::set_formatter(std::make_unique<Formatter>());
  LogEvent("one").text("key", "value").info();
  spdlog::info("without fields");
  EXPECT_EQ(log.take(), (Lines{"one", "none"}));
  EXPECT_EQ(LogEvent::current(), nullptr);
}

}  // namespace
}  // namespace tracelink
