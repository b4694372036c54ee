#include "daemon/dead_letters/dead_letter_json.hpp"

#include <algorithm>
#include <chrono>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/trace_record.hpp"

namespace tracelink {
namespace {

using Json = nlohmann::ordered_json;

DeadLetter letter() {
  DeadLetter letter;
  letter.trace_id = trace_id(0xabc);
  letter.segment_id = 3;
  letter.offset = 4096;
  letter.spans = 1;
  letter.reason = "the server refuses it: too long";
  letter.answer.http_status = 400;
  letter.answer.error_code = "INVALID_PARAMETER_VALUE";
  letter.answer.message = "too long";
  letter.model = "agent-v1";
  letter.link = link_of('a');
  letter.experiment = "12";
  letter.accepted_at = WallTime(std::chrono::milliseconds(1'795'434'871'043));
  letter.accepted_sequence = 7'000'000'000;
  letter.service = "checkout";
  letter.peer = {.pid = 7, .uid = 1000, .gid = 100};
  letter.otlp = encode_spans(letter.trace_id, {{.id = 1, .name = "root"}});
  return letter;
}

TEST(DeadLetterJson, TheLinesHoldTheFactsTheSpansAndTheRecords) {
  const std::string text = write_dead_letter(letter());
  EXPECT_EQ(
      text.substr(0, text.find('\n')),
      R"({"id":"20261123T115431-00000000000000000000000000000abc-3-4096",)"
      R"("trace_id":"00000000000000000000000000000abc","spans":1,"changes":0,)"
      R"("reason":"the server refuses it: too long",)"
      R"("answer":{"http_status":400,"error_code":"INVALID_PARAMETER_VALUE","message":"too long"},)"
      R"("model":"agent-v1","link":"61616161616161616161616161616161","experiment":"12",)"
      R"("accepted_at":"2026-11-23T11:54:31.043Z","accepted_sequence":7000000000,)"
      R"("service":"checkout",)"
      R"("peer":{"pid":7,"uid":1000,"gid":100},)");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 4);
  const Json parsed = Json::parse(text);
  EXPECT_EQ(parsed["otlp"]["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"], "root");
}

TEST(DeadLetterJson, TheEndsOfItsRecordsAreReadAgain) {
  DeadLetter two = letter();
  two.records = {{.sequence = 7, .dead_lettered = 1},
                 {.sequence = 9, .delivered = 2, .duplicate = 3}};
  const auto records = dead_letter_records(write_dead_letter(two));
  ASSERT_TRUE(records);
  EXPECT_EQ(records->trace_id, two.trace_id);
  EXPECT_EQ(records->ends, two.records);
  for (const std::string& text : {std::string("{}"), std::string("nonsense"), std::string(),
                                  Json::parse(write_dead_letter(two)).dump(2)}) {
    EXPECT_EQ(dead_letter_records(text).error().code, ErrorCode::corrupt) << text;
  }
}

TEST(DeadLetterJson, ItsCountIsProvedByTheChecksumOrByTheEndsOfItsRecords) {
  DeadLetter two = letter();
  two.spans = 3;
  two.records = {{.sequence = 7, .dead_lettered = 2}, {.sequence = 9, .dead_lettered = 1}};
  const std::string text = write_dead_letter(two);
  two.records.pop_back();
  const std::string of_other_records = write_dead_letter(two);
  std::string damaged = text;
  damaged.replace(damaged.find("\"root\""), 6, "\"rood\"");
  for (const std::string& form : {text, of_other_records, damaged, text.substr(0, text.size() - 20),
                                  Json::parse(text).dump(2), Json::parse(text).dump(0)}) {
    const auto counts = proved_letter_counts(form);
    ASSERT_TRUE(counts) << form;
    EXPECT_EQ(*counts, (LetterCounts{.spans = 3}));
  }
  std::string flipped = text;
  flipped.replace(flipped.find("\"spans\":3"), 9, "\"spans\":7");
  for (const std::string& form :
       {flipped, Json::parse(flipped).dump(2), damaged.substr(0, damaged.rfind("\"records\"")),
        of_other_records.substr(0, of_other_records.size() - 20), std::string("nonsense")}) {
    EXPECT_EQ(proved_letter_counts(form).error().code, ErrorCode::invalid) << form;
  }
}

TEST(DeadLetterJson, IsReadAsItWasWrittenAndAsAPersonFormatsIt) {
  const std::string text = write_dead_letter(letter());
  for (const std::string& form : {text, Json::parse(text).dump(2), Json::parse(text).dump()}) {
    const auto read = read_dead_letter(form);
    ASSERT_TRUE(read) << form;
    EXPECT_EQ(read->otlp, letter().otlp);
    EXPECT_EQ(read->spans, 1u);
    EXPECT_EQ(read->service, "checkout");
    EXPECT_EQ(read->accepted_sequence, 7'000'000'000u);
  }
  EXPECT_FALSE(read_dead_letter(text.substr(0, text.size() - 3))) << "torn";
}

TEST(DeadLetterJson, ANumberThatDoesNotFitIsNone) {
  Json json = Json::parse(write_dead_letter(letter()));
  json["peer"]["pid"] = 4'294'967'297;
  const auto read = read_dead_letter(json.dump());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->peer.pid, 0u);
}

TEST(DeadLetterJson, WithoutALinkItIsEmpty) {
  DeadLetter unlinked = letter();
  unlinked.link = {};
  EXPECT_EQ(Json::parse(write_dead_letter(unlinked))["link"], "");
}

TEST(DeadLetterJson, SpansThatAreNotOtlpAreKeptAsHex) {
  DeadLetter broken = letter();
  broken.otlp = "\x0a\xff";
  const Json parsed = Json::parse(write_dead_letter(broken));
  EXPECT_EQ(parsed["otlp_hex"], "0aff");
  EXPECT_FALSE(parsed.contains("otlp"));
}

TEST(DeadLetterJson, TextsThatAreNotUtf8AreRepaired) {
  DeadLetter dirty = letter();
  dirty.reason = "bad \xff byte";
  EXPECT_EQ(Json::parse(write_dead_letter(dirty))["reason"], "bad \uFFFD byte");
}

TEST(DeadLetterJson, TheFactsAreReadWithoutTheSpans) {
  const std::string text = write_dead_letter(letter());
  const auto facts = dead_letter_facts(text.substr(0, text.find('\n') + 1));
  ASSERT_TRUE(facts);
  EXPECT_EQ(Json::parse(*facts)["service"], "checkout");
  EXPECT_FALSE(Json::parse(*facts).contains("otlp"));
}

TEST(DeadLetterJson, WhatIsNoLetterIsCorrupt) {
  for (const char* text : {"", "{\"id\":\"x\"", "nonsense,\n", "[],\n", "7,\n"}) {
    const auto facts = dead_letter_facts(text);
    ASSERT_FALSE(facts) << text;
    EXPECT_EQ(facts.error().code, ErrorCode::corrupt);
  }
}

// Names and messages come from peers and servers, and the facts are read by their
// length.
TEST(DeadLetterJson, TheFirstLineIsShortWhateverThePeerNamesItself) {
  DeadLetter huge = letter();
  huge.service = std::string(1u << 20, 's');
  huge.model = std::string(1u << 20, 'm');
  huge.reason = std::string(1u << 20, '\x01');
  const std::string text = write_dead_letter(huge);
  EXPECT_LT(text.find('\n'), kLongestFactsBytes);
  EXPECT_TRUE(dead_letter_facts(text.substr(0, kLongestFactsBytes)));
}

}  // namespace
}  // namespace tracelink
