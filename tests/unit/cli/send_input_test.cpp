#include "daemon/cli/send_input.hpp"

#include <fstream>

#include <gtest/gtest.h>

#include "ipc/wire/export_response.hpp"
#include "ipc/wire/rpc_status.hpp"
#include "tests/support/temp_directory.hpp"

namespace tracelink::cli {
namespace {

// What read_send_input() makes of a file with this content.
std::string read(const std::string& content) {
  const TempDirectory directory;
  const std::string path = directory.file("input");
  std::ofstream(path, std::ios::binary) << content;
  const auto input = read_send_input(path);
  return input ? *input : "error: " + input.error().message;
}

TEST(SendInput, IsTheFileWithoutAByteOrderMark) {
  EXPECT_EQ(read("{}\n"), "{}\n");
  EXPECT_EQ(read("\xef\xbb\xbf{}"), "{}");
  const std::string long_one = std::string(200'000, 'a') + "\n";
  EXPECT_EQ(read(long_one), long_one);
  EXPECT_NE(read_send_input("/proc/self/status")->find("Name:"), std::string::npos)
      << "a file that tells no size";
}

TEST(SendInput, SaysWhyItCannotBeSent) {
  EXPECT_EQ(read(" \n"), "error: the input is empty");
  EXPECT_NE(read("\x1f\x8b\x08").find("decompress it: gzip -dc "), std::string::npos);
  EXPECT_NE(read_send_input(::testing::TempDir()).error().message.find(": is a directory"),
            std::string::npos);
  EXPECT_NE(read_send_input("no-such-file").error().message.find("cannot be read"),
            std::string::npos);
}

TEST(SendInput, HasAForm) {
  EXPECT_EQ(form_of("{\"resourceSpans\": []}"), InputForm::json_document);
  EXPECT_EQ(form_of("\n{\n  \"resourceSpans\": []\n}\n"), InputForm::json_document);
  EXPECT_EQ(form_of("{\n  \"resourceSpans\": [\n"), InputForm::json_document) << "a cut document";
  EXPECT_EQ(form_of("{}\n{}\n"), InputForm::json_lines);
  EXPECT_EQ(form_of("{\"cut\": 1\n{}\n"), InputForm::json_lines) << "the other lines are sent";
  EXPECT_EQ(form_of("\x0a\x02"), InputForm::protobuf);
  const std::string span = "\x12\x77" + std::string("\x0a\x75") + std::string(0x75, 'n');
  EXPECT_EQ(form_of("\x0a\x7b"
                    "\x12\x79" +
                    span),
            InputForm::protobuf)
      << "123 bytes, as a brace";
}

TEST(SendInput, HasSpans) {
  EXPECT_EQ(
      spans_in_json(R"({"resourceSpans":[{"scopeSpans":[{"spans":[{},{}]},{"spans":[{}]}]}]})"),
      3u);
  for (const char* nothing : {"{}", R"({"resourceSpans":[]})", R"({"resourcespans":[{}]})",
                              R"({"resourceSpans":[{"scopeSpans":[{"spans":[]}]}]})",
                              R"({"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]})"}) {
    EXPECT_EQ(spans_in_json(nothing), 0u) << nothing;
  }
  EXPECT_EQ(spans_in_json("{"), std::nullopt);
}

TEST(SendInput, HasTheSpansThatTheDaemonRejectsOrRepairs) {
  const auto spans = [](const std::string& first) {
    return spans_in_json(R"({"resourceSpans":[{"scopeSpans":[{"spans":[)" + first + ",{}]}]}]}");
  };
  EXPECT_EQ(spans(R"({"kind":4294967296})"), 2u) << "left out, and said to be rejected";
  EXPECT_EQ(spans(R"({"name":"\ud83e"})"), 2u) << "half a surrogate pair";
  EXPECT_EQ(spans("{\"name\":\"\xff\"}"), 2u) << "no UTF-8";
  EXPECT_EQ(spans_in_json("\xef\xbb\xbf{}"), 0u);
}

TEST(SendInput, HasSpansInProtobuf) {
  EXPECT_EQ(spans_in_protobuf(std::string("\x0a\x06\x12\x04\x12\x00\x12\x00", 8)), 2u);
  EXPECT_EQ(spans_in_protobuf(std::string("\x0a\x02\x12\x00", 4)), 0u) << "a scope without";
  EXPECT_EQ(spans_in_protobuf("\x0a\x7f"), std::nullopt);
}

TEST(SendInput, HasTheDaemonsReasonInProtobuf) {
  RpcStatus status;
  status.message = "no spans";
  EXPECT_EQ(protobuf_reason(400, encode_status_protobuf(status)), "no spans");
  ExportResponse response;
  response.rejected_spans = 3;
  response.message = "no trace id";
  EXPECT_EQ(protobuf_reason(200, encode_response_protobuf(response)), "no trace id");
  EXPECT_EQ(rejected_in_protobuf(encode_response_protobuf(response)), 3u);
  EXPECT_EQ(protobuf_reason(200, ""), "");
  EXPECT_EQ(rejected_in_protobuf(""), 0u);
}

}  // namespace
}  // namespace tracelink::cli
