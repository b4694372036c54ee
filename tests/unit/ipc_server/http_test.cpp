#include "daemon/codec/compression.hpp"
#include "ipc/wire/rpc_status.hpp"
#include "tests/unit/ipc_server/server_fixture.hpp"

namespace tracelink {
namespace {

using namespace std::chrono_literals;

constexpr char kProtobuf[] = "Content-Type: application/x-protobuf; charset=x\r\n";
constexpr char kJson[] = "Content-Type: application/json;charset=utf-8\r\n";

std::string post(const std::string& headers, const std::string& body) {
  return "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

struct HttpAnswer {
  std::string head, body;
  bool has(std::string_view text) const { return head.find(text) != std::string::npos; }
};

HttpAnswer read_answer(RawClient& client) {
  HttpAnswer answer;
  answer.head = client.receive_until("\r\n\r\n");
  const auto at = answer.head.find("Content-Length: ");
  if (at != std::string::npos)
    answer.body = client.receive(std::stoul(answer.head.substr(at + 16)));
  return answer;
}

class HttpServer : public ServerTest {
 protected:
  HttpAnswer ask(const std::string& request) {
    RawClient client = connect();
    client.send(request);
    return read_answer(client);
  }
};

TEST_F(HttpServer, AcknowledgesProtobufOnOneConnectionAgainAndAgain) {
  start();
  RawClient client = connect();
  for (int i = 0; i < 3; ++i) {
    client.send(post(std::string(kProtobuf) + "x-mlflow-experiment-id: 5\r\n", one_span(1)));
    const auto answer = read_answer(client);
    EXPECT_TRUE(answer.head.starts_with("HTTP/1.1 200")) << answer.head;
    EXPECT_TRUE(answer.has("Content-Type: application/x-protobuf"));
    EXPECT_FALSE(answer.has("Connection: close"));
    EXPECT_EQ(answer.body, "");
  }
  ASSERT_EQ(sink().requests().size(), 3u);
  EXPECT_TRUE(stats().last_request_at);
  EXPECT_EQ(sink().requests()[0].experiment, "5");
  EXPECT_EQ(stats().http_requests, 3u);
  EXPECT_EQ(stats().http_results.stored, 3u);
}

TEST_F(HttpServer, TakesPipelinedRequests) {
  start();
  RawClient client = connect();
  client.send(post(kProtobuf, one_span(1)) + post(kProtobuf, one_span(2)));
  EXPECT_TRUE(read_answer(client).has("200"));
  EXPECT_TRUE(read_answer(client).has("200"));
  EXPECT_EQ(sink().requests()[1].slices[0].otlp, one_span(2));
}

TEST_F(HttpServer, SpeaksJson) {
  start();
  const auto answer = ask(post(kJson, kOneSpanJson));
  EXPECT_TRUE(answer.has("Content-Type: application/json"));
  EXPECT_EQ(answer.body, "{}");
  ASSERT_EQ(sink().requests().size(), 1u);
  EXPECT_EQ(sink().requests()[0].slices[0].trace_id.hex(), "0102030405060708090a0b0c0d0e0f10");
}

TEST_F(HttpServer, JsonMayBeginWithAByteOrderMark) {
  start();
  EXPECT_EQ(ask(post(kJson, "\xef\xbb\xbf" + kOneSpanJson)).body, "{}");
  EXPECT_EQ(sink().requests().size(), 1u);
}

TEST_F(HttpServer, TakesChunkedBodiesCutAnywhere) {
  start();
  const std::string span = one_span(1);
  const std::string request =
      std::string("POST /v1/traces HTTP/1.1\r\nHost: l\r\nTransfer-Encoding: chunked\r\n") +
      kProtobuf + "\r\n" + "5\r\n" + span.substr(0, 5) + "\r\n" + "20;x=y\r\n" +
      span.substr(5, 0x20) + "\r\n3\r\n" + span.substr(0x25, 3) + "\r\n0\r\n\r\n";
  ASSERT_EQ(span.size(), 0x28u);
  RawClient client = connect();
  for (const char byte : request) client.send({&byte, 1});
  EXPECT_TRUE(read_answer(client).has("200"));
  client.send(request);
  EXPECT_TRUE(read_answer(client).has("200"));
  EXPECT_EQ(sink().requests()[0].slices[0].otlp, span);
  EXPECT_EQ(sink().requests()[1].slices[0].otlp, span);
}

// Its body would be taken for an empty request, which is acknowledged.
TEST_F(HttpServer, RefusesATransferCodingThatItDoesNotRead) {
  start();
  for (const std::string coding :
       {"identity", "gzip", "xchunked", "chunked, chunked", "gzip, chunked", "chunked, identity"}) {
    SCOPED_TRACE(coding);
    const HttpAnswer answer = ask("POST /v1/traces HTTP/1.1\r\nTransfer-Encoding: " + coding +
                                  "\r\n" + kProtobuf + "\r\n" + one_span(1));
    EXPECT_TRUE(answer.has("501 Not Implemented")) << answer.head;
    EXPECT_TRUE(answer.has("Connection: close"));
  }
  EXPECT_TRUE(sink().requests().empty());
  EXPECT_EQ(stats().invalid_requests, 6u);
  EXPECT_TRUE(ask("GET / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n").has("200"));
}

TEST_F(HttpServer, TakesALargeChunkedBody) {
  start();
  const std::string span = one_span(1, 2u << 20);
  RawClient client = connect();
  client.send(std::string("POST /v1/traces HTTP/1.1\r\nTransfer-Encoding: chunked\r\n") +
              kProtobuf + "\r\n");
  char size[16];
  std::snprintf(size, sizeof size, "%zx\r\n", span.size());
  client.send(size + span + "\r\n0\r\n\r\n");
  EXPECT_TRUE(read_answer(client).has("200"));
  EXPECT_EQ(sink().requests()[0].slices[0].otlp, span);
  EXPECT_EQ(stats().in_flight_bytes, 0u);
}

TEST_F(HttpServer, AnswersExpectContinueBeforeTheBodyIsSent) {
  start();
  const std::string request =
      post(std::string(kProtobuf) + "Expect: 100-continue\r\n", one_span(1));
  const std::size_t body_at = request.find("\r\n\r\n") + 4;
  RawClient client = connect();
  client.send(request.substr(0, body_at));
  EXPECT_EQ(client.receive_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send(request.substr(body_at));
  EXPECT_TRUE(read_answer(client).has("200"));
}

TEST_F(HttpServer, TakesGzipAndDeflate) {
  start();
  const std::string gzip = std::string(kProtobuf) + "Content-Encoding: gzip\r\n";
  EXPECT_TRUE(ask(post(gzip, compress_gzip(one_span(1)))).has("200"));
  EXPECT_TRUE(ask(post(gzip, "not gzip")).has("400"));
  EXPECT_TRUE(ask(post(std::string(kProtobuf) + "Content-Encoding: br\r\n", "x")).has("415"));
}

TEST_F(HttpServer, RefusalsAreReadableWhileTheClientStillSends) {
  options.limits.max_request_bytes = 100'000;
  start();
  // The whole body is sent before anything is read, as simple clients do.
  RawClient announced = connect();
  ASSERT_TRUE(announced.send(post(kProtobuf, std::string(350'000, 'x'))));
  const auto first = read_answer(announced);
  EXPECT_TRUE(first.has("413")) << first.head;
  EXPECT_TRUE(first.has("Connection: close"));
  EXPECT_FALSE(first.has("Retry-After"));
  EXPECT_EQ(first.body.substr(0, 2), "\x08\x08");  // google.rpc.Status, RESOURCE_EXHAUSTED

  RawClient chunked = connect();
  std::string request = std::string("POST /v1/traces HTTP/1.1\r\nTransfer-Encoding: chunked\r\n") +
                        kJson + "\r\n40000\r\n" + std::string(0x40000, 'x');
  ASSERT_TRUE(chunked.send(request));
  const auto second = read_answer(chunked);
  EXPECT_TRUE(second.has("413"));
  EXPECT_TRUE(second.body.starts_with("{\"code\":8,")) << second.body;
  EXPECT_EQ(stats().too_large_requests, 2u);
}

TEST_F(HttpServer, BoundsWhatIsNotBody) {
  start();
  const std::string start_of_body =
      std::string("POST /v1/traces HTTP/1.1\r\nTransfer-Encoding: chunked\r\n") + kProtobuf +
      "\r\n";
  const std::string whole = "28\r\n" + one_span(1) + "\r\n0\r\n";
  for (const bool in_trailer : {false, true}) {
    RawClient client = connect();
    client.send(start_of_body + (in_trailer ? whole + "x: " : "5;a=") + std::string(20'000, 'x'));
    EXPECT_TRUE(read_answer(client).has("400"));
  }
  EXPECT_EQ(stats().large_headers, 2u);
  EXPECT_EQ(stats().in_flight_bytes, 0u);
}

TEST_F(HttpServer, RefusesATooLargeBodyInsteadOf100Continue) {
  options.limits.max_request_bytes = 10;
  start();
  RawClient client = connect();
  client.send(std::string("POST /v1/traces HTTP/1.1\r\nContent-Length: 11\r\n") + kProtobuf +
              "Expect: 100-continue\r\n\r\n");
  EXPECT_TRUE(read_answer(client).has("413"));
}

TEST_F(HttpServer, ErrorsSpeakTheEncodingOfTheRequest) {
  start();
  const auto json = ask(post(kJson, "{bad"));
  EXPECT_TRUE(json.has("400") && json.has("application/json"));
  EXPECT_TRUE(json.body.starts_with("{\"code\":3,\"message\":")) << json.body;
  const auto protobuf = ask(post(kProtobuf, "\xff"));
  EXPECT_TRUE(protobuf.has("400") && protobuf.has("application/x-protobuf"));
  EXPECT_EQ(protobuf.body.substr(0, 2), "\x08\x03");
}

TEST_F(HttpServer, WhatTheHeaderIsRefusedForIsToldInTheEncodingOfTheRequestToo) {
  start();
  for (const std::string& request :
       {post(std::string(kProtobuf) + "Content-Encoding: zstd\r\n", "x"),
        "POST /v1/metrics HTTP/1.1\r\nContent-Length: 0\r\n" + std::string(kProtobuf) + "\r\n",
        "PUT /v1/traces HTTP/1.1\r\nContent-Length: 0\r\n" + std::string(kProtobuf) + "\r\n"}) {
    const auto answer = ask(request);
    EXPECT_TRUE(answer.has("application/x-protobuf")) << answer.head;
    EXPECT_EQ(answer.body.substr(0, 1), "\x08") << answer.body;
  }
  EXPECT_TRUE(ask(post("Content-Type: text/plain\r\n", "x")).has("application/json"));
}

TEST_F(HttpServer, TellsRejectedSpans) {
  start();
  EXPECT_EQ(ask(post(kProtobuf, one_span(0))).body.substr(0, 1), "\x0a");
  EXPECT_TRUE(sink().requests().empty());
}

TEST_F(HttpServer, RoutesEverythingElse) {
  start();
  EXPECT_FALSE(stats().last_request_at);
  const auto about = ask("GET / HTTP/1.1\r\nHost: l\r\n\r\n");
  EXPECT_TRUE(about.has("200"));
  EXPECT_EQ(about.body, R"({"version":"test"})");
  EXPECT_EQ(ask("GET /status HTTP/1.1\r\nHost: l\r\n\r\n").body, R"({"spans":7})");
  const auto change = ask("DELETE /status HTTP/1.1\r\nHost: l\r\n\r\n");
  EXPECT_TRUE(change.has("405") && change.has("Allow: GET")) << change.head;
  EXPECT_TRUE(ask("GET /metrics HTTP/1.1\r\n\r\n").has("404"));
  const auto method = ask("GET /v1/traces HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(method.has("405") && method.has("Allow: POST"));
  EXPECT_TRUE(ask(post("Content-Type: text/plain\r\n", "x")).has("415"));
  EXPECT_TRUE(ask(post("", "x")).has("415"));
  EXPECT_TRUE(ask("GET / HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n").has("431"));
  std::string fields;
  for (int n = 0; n < 128; ++n) fields += "a:\r\n";
  EXPECT_TRUE(ask("GET / HTTP/1.1\r\n" + fields + "\r\n").has("200"));
  EXPECT_TRUE(ask("GET / HTTP/1.1\r\n" + fields + "a:\r\n\r\n").has("431"));
  EXPECT_TRUE(ask("GET / FTP/1.1\r\n\r\n").has("400"));
  EXPECT_TRUE(
      ask("POST /v1/traces?a=b HTTP/1.1\r\nContent-Length: 0\r\n" + std::string(kProtobuf) + "\r\n")
          .has("200"));
}

TEST_F(HttpServer, HonoursConnectionClose) {
  start();
  RawClient client = connect();
  client.send(post(std::string(kProtobuf) + "Connection: close\r\n", one_span(1)));
  EXPECT_TRUE(read_answer(client).has("Connection: close"));
  EXPECT_EQ(client.receive(), "");
}

TEST_F(HttpServer, Answers503WithRetryAfterAtTheDeadline) {
  options.hold_time = 10ms;
  start(false);
  const auto answer = ask(post(kJson, kOneSpanJson));
  EXPECT_TRUE(answer.has("503") && answer.has("Retry-After: 1")) << answer.head;
  EXPECT_NE(answer.body.find("google.rpc.RetryInfo"), std::string::npos);
}

TEST_F(HttpServer, Answers503WhenTheBodyDoesNotArriveInTime) {
  options.hold_time = 10ms;
  start();
  RawClient client = connect();
  client.send(post(kProtobuf, one_span(1)).substr(0, 120));
  const auto answer = read_answer(client);
  EXPECT_TRUE(answer.has("503") && answer.has("Connection: close")) << answer.head;
  EXPECT_EQ(stats().in_flight_bytes, 0u);
}

TEST_F(HttpServer, Answers408WhenTheHeaderDoesNotArriveInTime) {
  options.hold_time = 20ms;
  start();
  EXPECT_TRUE(ask("POST /v1/traces HTT").has("HTTP/1.1 408"));
  EXPECT_EQ(stats().late_headers, 1u);
}

TEST_F(HttpServer, StopAnswersWhatWasReadAndCloses) {
  start(false);
  RawClient idle = connect();
  idle.send("GET / HTTP/1.1\r\nHost: l\r\n\r\n");
  EXPECT_TRUE(read_answer(idle).has("200"));
  RawClient busy = connect();
  busy.send(post(kProtobuf, one_span(1)));
  sink().wait_for(1);
  auto closed = stop();
  EXPECT_EQ(idle.receive(), "");
  sink().answer({});
  const auto answer = read_answer(busy);
  EXPECT_TRUE(answer.has("200") && answer.has("Connection: close")) << answer.head;
  busy.finish_sending();
  closed.get();
  EXPECT_EQ(stats().connections_open, 0u);
}

}  // namespace
}  // namespace tracelink
