#include "tests/unit/ipc_server/server_fixture.hpp"

namespace tracelink {
namespace {

using namespace std::chrono_literals;

class JsonLines : public ServerTest {};

TEST_F(JsonLines, AnswersEachLineWithOneLine) {
  start();
  RawClient client = connect();
  client.send(kOneSpanJson + "\n\n{}\r\n{bad\n");
  EXPECT_EQ(client.receive_until("\n"), "{}\n");
  EXPECT_EQ(client.receive_until("\n"), "{}\n");
  const std::string error = client.receive_until("\n");
  EXPECT_TRUE(error.starts_with(R"({"error":{"code":3,)")) << error;
  for (const char byte : kOneSpanJson + "\n") client.send({&byte, 1});
  EXPECT_EQ(client.receive_until("\n"), "{}\n");
  EXPECT_EQ(sink().requests().size(), 2u);
  EXPECT_EQ(stats().json_line_requests, 4u);
  EXPECT_EQ(stats().json_line_results.stored, 3u);
  EXPECT_EQ(stats().json_line_results.refused, 1u);
  EXPECT_EQ(stats().in_flight_bytes, 0u);
}

TEST_F(JsonLines, TheFirstLineMayFollowBlanksAndAByteOrderMark) {
  start();
  for (const std::string before : {"\n", "\r\n", " ", "\t\n\n", "\xef\xbb\xbf", "\xef\xbb\xbf\n"}) {
    RawClient client = connect();
    for (const char byte : before) client.send({&byte, 1});
    client.send(kOneSpanJson + "\n \t\n" + kOneSpanJson + "\n");
    EXPECT_EQ(client.receive_until("\n"), "{}\n");
    EXPECT_EQ(client.receive_until("\n"), "{}\n");
  }
  EXPECT_EQ(sink().requests().size(), 12u);
}

TEST_F(JsonLines, AnOddTextCostsNothingElse) {
  start();
  RawClient client = connect();
  const std::string half =
      R"({"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10",)"
      R"("spanId":"0102030405060708","name":"half )";
  client.send(half + R"(\ud83e"}]}]}]})" + "\n" + half + "\xff\"}]}]}]}\n");
  EXPECT_EQ(client.receive_until("\n"), "{}\n");
  EXPECT_EQ(client.receive_until("\n"), "{}\n");
  for (const auto& request : sink().requests()) {
    EXPECT_NE(request.slices.at(0).otlp.find("half \xef\xbf\xbd"), std::string::npos);
  }
  EXPECT_EQ(stats().replaced_surrogates, 1u);
  EXPECT_EQ(stats().replaced_utf8, 1u);
}

TEST_F(JsonLines, TakesALastLineWithoutItsEnd) {
  start();
  RawClient client = connect();
  client.send(kOneSpanJson);
  client.finish_sending();
  EXPECT_EQ(client.receive_all(), "{}\n");
}

TEST_F(JsonLines, ALineOverTheLimitCostsOnlyItself) {
  options.limits.max_request_bytes = 1000;
  start();
  RawClient client = connect();
  client.send("{" + std::string(5000, ' ') + "}\n" + kOneSpanJson + "\n");
  const std::string error = client.receive_until("\n");
  EXPECT_TRUE(error.starts_with(R"({"error":{"code":8,)")) << error;
  EXPECT_EQ(client.receive_until("\n"), "{}\n");
}

TEST_F(JsonLines, SaysUnavailableAtTheDeadline) {
  options.hold_time = 10ms;
  start(false);
  RawClient client = connect();
  client.send(kOneSpanJson + "\n");
  const std::string error = client.receive_until("\n");
  EXPECT_TRUE(error.starts_with(R"({"error":{"code":14,)")) << error;
  EXPECT_NE(error.find("retryDelay"), std::string::npos);
}

TEST_F(JsonLines, ALineThatDoesNotEndInTimeIsSkipped) {
  options.hold_time = 10ms;
  start();
  RawClient client = connect();
  client.send("{\"resource");
  EXPECT_TRUE(client.receive_until("\n").starts_with(R"({"error":{"code":14,)"));
  client.send("Spans\":[]}\n{}\n");
  EXPECT_EQ(client.receive_until("\n"), "{}\n");
}

TEST_F(JsonLines, StopAnswersTheLineThatWasRead) {
  start(false);
  RawClient client = connect();
  client.send(kOneSpanJson + "\n");
  sink().wait_for(1);
  auto closed = stop();
  sink().answer({});
  EXPECT_EQ(client.receive_all(), "{}\n");
  closed.get();
}

}  // namespace
}  // namespace tracelink
