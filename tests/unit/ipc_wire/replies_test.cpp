#include <gtest/gtest.h>

#include "ipc/wire/export_response.hpp"
#include "ipc/wire/http_response.hpp"
#include "ipc/wire/json_text.hpp"
#include "ipc/wire/rpc_status.hpp"

namespace tracelink {
namespace {

using namespace std::chrono_literals;

// The same bytes as the reference protobuf library writes (Python, googleapis-common-protos).
TEST(RpcStatus, EncodesRetryInfo) {
  EXPECT_EQ(encode_retry_info(1s), std::string("\x0a\x02\x08\x01"));
  EXPECT_EQ(encode_retry_info(300ms), std::string("\x0a\x06\x10\x80\xc6\x86\x8f\x01"));
}

TEST(RpcStatus, EncodesProtobufWithDetailsOnlyForARetry) {
  EXPECT_EQ(encode_status_protobuf({RpcCode::invalid_argument, "bad", {}}),
            "\x08\x03\x12\x03"
            "bad");
  EXPECT_EQ(encode_status_protobuf({RpcCode::unavailable, "x", 1s}),
            std::string("\x08\x0e\x12\x01x\x1a\x30\x0a\x28") +
                "type.googleapis.com/google.rpc.RetryInfo" + "\x12\x04\x0a\x02\x08\x01");
}

TEST(RpcStatus, EncodesJson) {
  EXPECT_EQ(encode_status_json({RpcCode::invalid_argument, "say \"no\"", {}}),
            R"({"code":3,"message":"say \"no\""})");
  EXPECT_EQ(
      encode_status_json({RpcCode::unavailable, "later", 1500ms}),
      R"({"code":14,"message":"later","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1.500s"}]})");
}

TEST(ExportResponse, LeavesPartialSuccessUnsetOnFullSuccess) {
  EXPECT_EQ(encode_response_protobuf({}), "");
  EXPECT_EQ(encode_response_json({}), "{}");
}

TEST(ExportResponse, TellsRejectedSpans) {
  EXPECT_EQ(encode_response_protobuf({3, "why"}), "\x0a\x07\x08\x03\x12\x03why");
  EXPECT_EQ(encode_response_json({3, "why"}),
            R"({"partialSuccess":{"rejectedSpans":"3","errorMessage":"why"}})");
}

TEST(PrintableAscii, ReplacesWhatNotEveryEncodingCanCarry) {
  EXPECT_EQ(printable_ascii("a\n\x7f\xc3\xa9z"), "a????z");
}

TEST(HttpResponse, CarriesLengthAndHints) {
  HttpReply reply;
  reply.body = "{}";
  EXPECT_EQ(format_http_response(reply),
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
  reply.status = 503;
  reply.keep_alive = false;
  reply.retry_after = 300ms;
  EXPECT_EQ(format_http_response(reply),
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
            "Content-Length: 2\r\nRetry-After: 1\r\nConnection: close\r\n\r\n{}");
}

TEST(HttpResponse, OnlyUnavailableIsRetryable) {
  EXPECT_EQ(http_status_of(RpcCode::ok), 200);
  EXPECT_EQ(http_status_of(RpcCode::invalid_argument), 400);
  EXPECT_EQ(http_status_of(RpcCode::resource_exhausted), 413);
  EXPECT_EQ(http_status_of(RpcCode::unavailable), 503);
}

}  // namespace
}  // namespace tracelink
