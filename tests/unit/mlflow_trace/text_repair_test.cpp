#include "daemon/mlflow/trace/text_repair.hpp"

#include <gtest/gtest.h>
#include <protozero/pbf_reader.hpp>

#include "tests/support/allocated_bytes.hpp"
#include "tests/unit/mlflow_trace/span_builder.hpp"

namespace tracelink {
namespace {

using namespace std::string_view_literals;
using otlp::MessageType;

struct Repaired {
  std::string text;
  Repairs repairs;
};

// A text as the value of an attribute.
Repaired repair(std::string_view text) {
  Repaired result;
  const std::string whole = text_value(text);
  const std::string value =
      repair_texts(whole, MessageType::any_value, Nul::replace, result.repairs).value_or(whole);
  protozero::pbf_reader reader(value);
  reader.next();
  result.text = reader.get_string();
  return result;
}

TEST(TextRepair, NulIsReplacedInEveryTextOfARequest) {
  const auto request = [](std::string_view text) {
    std::string list, pairs, list_value, map_value, event, link, status, scope, resource;
    protozero::pbf_writer(list).add_message(1, text_value(text));
    protozero::pbf_writer(list_value).add_message(5, list);
    protozero::pbf_writer(pairs).add_message(1, key_value(text, text_value(text)));
    protozero::pbf_writer(map_value).add_message(6, pairs);
    protozero::pbf_writer(event).add_string(2, text.data(), text.size());
    protozero::pbf_writer(event).add_message(3, key_value(text, text_value(text)));
    protozero::pbf_writer(link).add_string(3, text.data(), text.size());
    protozero::pbf_writer(link).add_message(4, key_value(text, text_value(text)));
    protozero::pbf_writer(status).add_string(2, text.data(), text.size());
    protozero::pbf_writer(scope).add_string(1, text.data(), text.size());
    protozero::pbf_writer(scope).add_string(2, text.data(), text.size());
    protozero::pbf_writer(resource).add_message(1, key_value(text, list_value));
    const std::string span = SpanBuilder('a')
                                 .name(text)
                                 .times(0, 0)
                                 .bytes(3, std::string(text))
                                 .text(text, text)
                                 .attribute("map", map_value)
                                 .attribute("zero", int_value(0))
                                 .bytes(11, event)
                                 .bytes(13, link)
                                 .bytes(15, status)
                                 .build();
    std::string scope_spans, resource_spans, all;
    protozero::pbf_writer(scope_spans).add_message(1, scope);
    protozero::pbf_writer(scope_spans).add_message(2, span);
    protozero::pbf_writer(scope_spans).add_string(3, text.data(), text.size());
    protozero::pbf_writer(resource_spans).add_message(1, resource);
    protozero::pbf_writer(resource_spans).add_message(2, scope_spans);
    protozero::pbf_writer(resource_spans).add_string(3, text.data(), text.size());
    protozero::pbf_writer(all).add_message(1, resource_spans);
    return all;
  };
  Repairs repairs;
  EXPECT_EQ(repair_texts(request("a\0b"sv), MessageType::traces_data, Nul::replace, repairs),
            request("a\uFFFDb"));
  EXPECT_EQ(repairs.nul, 19u);
  EXPECT_EQ(repairs.total(), 19u);
  EXPECT_FALSE(repair_texts(request("ab"), MessageType::traces_data, Nul::replace, repairs));
  EXPECT_EQ(repairs.total(), 19u);
}

TEST(TextRepair, EscapesThatStandForNoCharacterAreReplacedInJson) {
  const struct {
    std::string_view text, repaired;
  } rows[] = {
      {R"("a\u0000b")", R"("a\ufffdb")"},
      {R"( {"k\u0000": ["\u0000"]})", R"( {"k\ufffd": ["\ufffd"]})"},
      {R"("\ud83d")", R"("\ufffd")"},
      {R"("\uD83Dx")", R"("\ufffdx")"},
      {R"("\ude00")", R"("\ufffd")"},
      {R"("\ud83d\ud83d\ude00")", R"("\ufffd\ud83d\ude00")"},
      {R"("\ude00\ud83d")", R"("\ufffd\ufffd")"},
      {R"(["\ud83d","\ude00"])", R"(["\ufffd","\ufffd"])"},
  };
  for (const auto& [text, repaired] : rows) {
    const Repaired result = repair(text);
    EXPECT_EQ(result.text, repaired);
    EXPECT_EQ(result.repairs.total(), 1u) << text;
  }
}

TEST(TextRepair, EscapesOfCharactersAndTextThatIsNoJsonStay) {
  for (const std::string_view text : {
           R"("\ud83d\ude00")"sv,       // a pair
           R"("\\u0000 \\ud83d")"sv,    // backslashes, and no escapes
           R"("\u00e9\n\"\\")"sv,       //
           R"(say \u0000)"sv,           // no JSON at all
           R"([the escape \u0000])"sv,  //
           R"("\u00)"sv,                //
           R"("\u0000)"sv,              // cut
           "[\\"sv,
       }) {
    const Repaired result = repair(text);
    EXPECT_EQ(result.text, text);
    EXPECT_EQ(result.repairs.total(), 0u) << text;
  }
}

TEST(TextRepair, ATextWithBothCountsOnce) {
  const Repaired result = repair("[\"\0\\ud83d\"]"sv);
  EXPECT_EQ(result.text, "[\"\uFFFD\\ufffd\"]");
  EXPECT_EQ(result.repairs.nul, 1u);
  EXPECT_EQ(result.repairs.total(), 1u);
}

TEST(TextRepair, NulIsKeptWhereItMay) {
  for (const std::string_view text : {"a\0b"sv, R"(["\u0000"])"sv}) {
    Repairs repairs;
    EXPECT_FALSE(repair_texts(text_value(text), MessageType::any_value, Nul::keep, repairs));
    EXPECT_EQ(repairs.total(), 0u);
  }
  Repairs repairs;
  EXPECT_EQ(
      repair_texts(text_value(R"(["\u0000\ud83d"])"), MessageType::any_value, Nul::keep, repairs),
      text_value(R"(["\u0000\ufffd"])"));
  EXPECT_EQ(repairs.nul, 0u);
  EXPECT_EQ(repairs.surrogate, 1u);
}

TEST(TextRepair, BytesThatAreNoMessageStay) {
  Repairs repairs;
  EXPECT_FALSE(repair_texts("\x0a\xff\xff\0"sv, MessageType::traces_data, Nul::replace, repairs));
  EXPECT_EQ(repairs.total(), 0u);
}

TEST(TextRepair, AByteIsCopiedOnceHoweverDeepItStands) {
  constexpr std::size_t kBytes = 1 << 20;
  const auto nested = [](const std::string& text) {
    std::string value = text_value(text);
    for (int i = 0; i < 30; ++i) {
      std::string list, map;
      protozero::pbf_writer(list).add_message(1, key_value("k", value));
      protozero::pbf_writer(map).add_message(6, list);
      value = map;
    }
    return value;
  };
  const std::string value = nested(std::string(kBytes, 'a') + '\0');
  Repairs repairs;
  const std::size_t before = allocated_bytes();
  const auto repaired = repair_texts(value, MessageType::any_value, Nul::replace, repairs);
  // The text grows beyond what was reserved for it, in both passes; and what is written.
  EXPECT_LT(allocated_bytes() - before, 8 * kBytes);
  EXPECT_EQ(repaired, nested(std::string(kBytes, 'a') + "\xef\xbf\xbd"));
  EXPECT_EQ(repairs.nul, 1u);
}

}  // namespace
}  // namespace tracelink
