#include "daemon/cli/terminal.hpp"

#include <gtest/gtest.h>

namespace tracelink::cli {
namespace {

std::vector<Key> keys_of(std::string_view bytes) {
  KeyReader reader;
  std::vector<Key> keys;
  for (const char byte : bytes) {
    if (const Key key = reader.feed(byte); key != Key::none) keys.push_back(key);
  }
  return keys;
}

TEST(KeyReader, KnowsArrowsInBothFormsAndLetters) {
  EXPECT_EQ(keys_of("\x1b[A\x1b[B\x1bOA\x1bOBkjq"),
            (std::vector{Key::up, Key::down, Key::up, Key::down, Key::up, Key::down, Key::quit}));
}

TEST(KeyReader, OtherSequencesAreNoKeys) {
  EXPECT_EQ(keys_of("\x1b[5~\x1b[1;5C\x1bq\x1b[200~x"), std::vector<Key>{});
}

TEST(KeyReader, AnArrowMayHaveModifiers) { EXPECT_EQ(keys_of("\x1b[1;2A"), std::vector{Key::up}); }

}  // namespace
}  // namespace tracelink::cli
