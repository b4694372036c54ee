#include "ipc/wire/protocol.hpp"

#include <utility>

#include <gtest/gtest.h>

namespace tracelink {
namespace {

TEST(DetectProtocol, DecidesByTheFirstBytes) {
  const struct {
    std::string_view bytes;
    Protocol expected;
  } table[] = {
      {"", Protocol::undecided},
      {"P", Protocol::undecided},
      {"PR", Protocol::undecided},
      {"PRI", Protocol::grpc},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Protocol::grpc},
      {"PO", Protocol::http},
      {"POST /v1/traces HTTP/1.1", Protocol::http},
      {"PROPFIND", Protocol::http},
      {"GET / HTTP/1.1", Protocol::http},
      {"get", Protocol::http},
      {"{", Protocol::json_lines},
      {"{\"resourceSpans\":[]}\n", Protocol::json_lines},
      {"\x16\x03\x01", Protocol::tls},
      {std::string_view("\0", 1), Protocol::unknown},
      {" GET", Protocol::unknown},
      {"\xef", Protocol::undecided},
      {"\xef\xbb", Protocol::undecided},
      {"\xef\xbbx", Protocol::unknown},
      {"\xff", Protocol::unknown},
      {"[1]", Protocol::unknown},
  };
  for (const auto& row : table) {
    EXPECT_EQ(detect_protocol(row.bytes), row.expected) << row.bytes;
  }
}

TEST(DetectProtocol, SkipsBlanksAndAByteOrderMark) {
  const std::pair<std::string_view, std::size_t> table[] = {
      {"", 0},
      {"{", 0},
      {" \t\r\n{", 4},
      {"\n\n", 2},
      {"\xef\xbb", 0},
      {"\xef\xbb\xbf{", 3},
      {"\r\n\xef\xbb\xbf\n{", 6},
      {"{ \n", 0},
  };
  for (const auto& [bytes, skipped] : table) EXPECT_EQ(skipped_bytes(bytes), skipped) << bytes;
}

}  // namespace
}  // namespace tracelink
