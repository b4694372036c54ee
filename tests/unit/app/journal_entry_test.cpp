#include "daemon/app/journal_entry.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

using Fields = std::vector<std::string_view>;

TEST(JournalEntry, HasTheLineItsPriorityAndTheFieldsOfTheEvent) {
  const LogEvent event = LogEvent("failing")
                             .text("subject", "server")
                             .text("remedy", "start \"it\"")
                             .word("model_id", "m-1")
                             .number("times", 3);
  const std::string entry = journal_entry(spdlog::level::err, event.line(), &event);
  EXPECT_EQ(
      fields_of_entry(entry),
      (Fields{R"(MESSAGE=failing subject="server" remedy="start \"it\"" model_id=m-1 times=3)",
              "PRIORITY=3", "SYSLOG_IDENTIFIER=tracelinkd", "TRACELINK_SUBJECT=server",
              R"(TRACELINK_REMEDY=start "it")", "TRACELINK_MODEL_ID=m-1", "TRACELINK_TIMES=3"}));
}

TEST(JournalEntry, NobodyForgesAField) {
  const std::string forged = "a\nTRACELINK_REMEDY=b\0PRIORITY=0"s;
  const LogEvent event = LogEvent("failing").text("subject", forged);
  const std::string entry = journal_entry(spdlog::level::info, forged, &event);
  EXPECT_EQ(fields_of_entry(entry),
            (Fields{R"(MESSAGE=a\nTRACELINK_REMEDY=b\x00PRIORITY=0)", "PRIORITY=6",
                    "SYSLOG_IDENTIFIER=tracelinkd",
                    R"(TRACELINK_SUBJECT=a\nTRACELINK_REMEDY=b\x00PRIORITY=0)"}));
}

TEST(JournalEntry, ALineWithoutFieldsIsAMessage) {
  EXPECT_EQ(fields_of_entry(journal_entry(spdlog::level::debug, "hello", nullptr)),
            (Fields{"MESSAGE=hello", "PRIORITY=7", "SYSLOG_IDENTIFIER=tracelinkd"}));
}

TEST(JournalEntry, OneThatWasCutHasWhatIsLeft) {
  EXPECT_EQ(fields_of_entry("MESSAGE=x\0PRIORITY=6\0TRACELINK_REASON=y … (cut)\n"sv),
            (Fields{"MESSAGE=x", "PRIORITY=6", "TRACELINK_REASON=y … (cut)"}));
  EXPECT_EQ(fields_of_entry(""), Fields{});
}

}  // namespace
}  // namespace tracelink
