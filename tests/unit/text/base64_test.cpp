#include "daemon/text/base64.hpp"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace tracelink {
namespace {

TEST(Base64, IsReadAndWritten) {
  // RFC 4648 section 10.
  const std::vector<std::pair<std::string, std::string>> table = {{"", ""},
                                                                  {"f", "Zg=="},
                                                                  {"fo", "Zm8="},
                                                                  {"foo", "Zm9v"},
                                                                  {"foob", "Zm9vYg=="},
                                                                  {"fooba", "Zm9vYmE="},
                                                                  {"foobar", "Zm9vYmFy"},
                                                                  {"\xfb\xff", "+/8="}};
  for (const auto& [bytes, text] : table) {
    std::string out;
    append_base64(out, bytes);
    EXPECT_EQ(out, text);
    EXPECT_EQ(base64(bytes), text);
    EXPECT_EQ(base64_unpadded(bytes), text.substr(0, text.find('=')));
    EXPECT_EQ(parse_base64(text), bytes);
    EXPECT_EQ(parse_base64(text.substr(0, text.find('='))), bytes);
  }
  EXPECT_EQ(parse_base64("-_8"), "\xfb\xff");
  for (const char* bad : {"Z", "Zg=", "Zg===", "=", "==", "Z===", "Zm 8", "Zg==Zg==", "Zm9vZ"}) {
    EXPECT_FALSE(parse_base64(bad)) << bad;
  }
}

}  // namespace
}  // namespace tracelink
