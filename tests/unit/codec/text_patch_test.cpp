#include "daemon/codec/text_patch.hpp"

#include <gtest/gtest.h>
#include <protozero/pbf_writer.hpp>

#include "daemon/codec/otlp_repair.hpp"
#include "tests/support/allocated_bytes.hpp"

namespace tracelink::otlp {
namespace {

std::string text_value(std::string_view text) {
  std::string value;
  protozero::pbf_writer(value).add_string(1, text.data(), text.size());
  return value;
}

// A map with `value` under one key.
std::string map_of(const std::string& key, const std::string& value) {
  std::string pair, list, map;
  protozero::pbf_writer(pair).add_string(1, key);
  protozero::pbf_writer(pair).add_message(2, value);
  protozero::pbf_writer(list).add_message(1, pair);
  protozero::pbf_writer(map).add_message(6, list);
  return map;
}

std::string nested(std::string value, int maps) {
  for (int i = 0; i < maps; ++i) value = map_of("k", value);
  return value;
}

// Every text `from` becomes `to`.
std::optional<std::string> patch(const std::string& value, std::string_view from,
                                 std::string_view to) {
  const auto new_text = [&](std::string_view text, TextPass) {
    return text == from ? std::optional<std::string>(to) : std::nullopt;
  };
  return patch_texts(value, spec_of(MessageType::any_value), new_text);
}

TEST(TextPatch, WhatHasNoneOfTheTextsIsNotWritten) {
  EXPECT_FALSE(patch(nested(text_value("a"), 3), "b", "c"));
}

TEST(TextPatch, LengthsFollowTheTextsOnEveryLevel) {
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{100}, std::size_t{20'000}}) {
    const std::string longer(bytes, 'x');
    EXPECT_EQ(patch(nested(text_value("a"), 20), "a", longer), nested(text_value(longer), 20));
    EXPECT_EQ(patch(nested(text_value(longer), 20), longer, "a"), nested(text_value("a"), 20));
  }
}

TEST(TextPatch, SiblingsKeepTheirBytes) {
  const auto list = [](const std::string& middle) {
    std::string items, value;
    for (const auto& item : {nested(text_value("keep"), 2), middle, nested(text_value("too"), 1)}) {
      protozero::pbf_writer(items).add_message(1, item);
    }
    protozero::pbf_writer(value).add_message(5, items);
    return value;
  };
  EXPECT_EQ(patch(list(nested(text_value("a"), 3)), "a", "bcd"),
            list(nested(text_value("bcd"), 3)));
}

TEST(TextPatch, AByteIsCopiedOnceHoweverDeepItStands) {
  constexpr std::size_t kBytes = 1 << 20;
  const std::string old_text(kBytes, 'a'), new_text(kBytes, 'b');
  const std::string value = nested(text_value(old_text), 30);
  const std::size_t before = allocated_bytes();
  const auto patched = patch(value, old_text, new_text);
  // The text in both passes, and what is written.
  EXPECT_LT(allocated_bytes() - before, 3 * kBytes + kBytes / 2);
  EXPECT_EQ(patched, nested(text_value(new_text), 30));
}

TEST(TextPatch, SoItIsWhereIntakeRepairsUtf8) {
  constexpr std::size_t kBytes = 1 << 20;
  const std::string value = nested(text_value(std::string(kBytes, 'a') + "\xff"), 30);
  WireReader reader(value);
  WireField field;
  ASSERT_TRUE(reader.next(field));
  std::string out;
  std::size_t replaced = 0;
  const std::size_t before = allocated_bytes();
  append_repaired(out, field, spec_of(MessageType::any_value), 8 * kBytes, replaced);
  // The text grows beyond what was reserved for it, in both passes; what is written, and its copy.
  EXPECT_LT(allocated_bytes() - before, 9 * kBytes);
  EXPECT_EQ(out, nested(text_value(std::string(kBytes, 'a') + "\xef\xbf\xbd"), 30));
  EXPECT_EQ(replaced, 1u);
}

}  // namespace
}  // namespace tracelink::otlp
