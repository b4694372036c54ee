#include <optional>
#include <vector>

#include "daemon/codec/compression.hpp"
#include "tests/unit/ipc_server/server_fixture.hpp"

namespace tracelink {
namespace {

using namespace std::chrono_literals;

class Limits : public ServerTest {};

// Large requests fill their half of the memory; small ones still get through.
TEST_F(Limits, LargeRequestsDoNotKeepSmallOnesWaiting) {
  options.limits.memory = 6u << 20;
  start(false);
  GrpcTestClient large(connect());
  large.call(frame_grpc_message(one_span(1, 2u << 20)));
  while (sink().requests().empty()) large.round_trip();
  const auto waiting = large.call(frame_grpc_message(one_span(2, 2u << 20)));
  large.round_trip();
  large.round_trip();
  EXPECT_GT(large.unsent(1), 1u << 20);

  GrpcTestClient small(connect());
  const auto stream = small.call(frame_grpc_message(one_span(3, 100'000)));
  small.flush();
  while (sink().requests().size() < 2) small.round_trip();
  sink().answer({});
  sink().answer({});
  EXPECT_EQ(small.finish(stream).status(), "0");
  while (sink().requests().size() < 3) large.round_trip();
  sink().answer({});
  EXPECT_EQ(large.finish(waiting).status(), "0");
}

// HTTP reads no body before its announced length has its memory.
TEST_F(Limits, HttpStopsReadingWhenTheMemoryIsUsedAndResumes) {
  options.limits.memory = 1u << 20;
  start(false);
  const std::string body = one_span(1, 400'000);
  const std::string request =
      "POST /v1/traces HTTP/1.1\r\nContent-Type: application/x-protobuf\r\n"
      "Content-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body;
  RawClient first = connect();
  first.send(request);
  sink().wait_for(1);
  RawClient second = connect();
  std::thread sender([&] { second.send(request); });
  wait_until([](const ServerStats& now) { return now.http_requests == 2; });
  EXPECT_LT(stats().in_flight_bytes, 512u << 10);
  EXPECT_EQ(sink().requests().size(), 1u);
  sink().answer({});
  sink().wait_for(2);
  sink().answer({});
  sender.join();
  EXPECT_TRUE(first.receive_until("\r\n\r\n").starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(second.receive_until("\r\n\r\n").starts_with("HTTP/1.1 200"));
}

// Both halves of the memory are smaller than the requests, which are within max_request_bytes.
TEST_F(Limits, ARequestLargerThanTheMemoryIsTakenAlone) {
  options.limits.memory = 1u << 20;
  start();
  GrpcTestClient client(connect());
  for (const std::size_t bytes : {600'000u, 3'000'000u}) {
    const auto call = client.call(frame_grpc_message(one_span(1, bytes)));
    EXPECT_EQ(client.finish(call).status(), "0") << bytes;
  }
  const std::string body = one_span(2, 3'000'000);
  RawClient http = connect();
  http.send(
      "POST /v1/traces HTTP/1.1\r\nContent-Type: application/x-protobuf\r\n"
      "Content-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_TRUE(http.receive_until("\r\n\r\n").starts_with("HTTP/1.1 200"));
  EXPECT_EQ(stats().in_flight_bytes, 0u);
}

// A client that announces much and sends little of it loses its memory once another waits for it.
TEST_F(Limits, ASlowBodyGivesItsMemoryToOneThatWaits) {
  options.limits.memory = 2u << 20;
  options.hold_time = 1h;
  start();
  GrpcTestClient slow(connect());
  const auto trickle =
      slow.call(frame_grpc_message(one_span(1, 900'000)).substr(0, 40'000), {}, false);
  slow.round_trip();
  GrpcTestClient good(connect());
  EXPECT_EQ(good.finish(good.call(frame_grpc_message(one_span(2, 900'000)))).status(), "0");
  EXPECT_EQ(slow.finish(trickle).status(), "14");
  EXPECT_EQ(stats().slow_bodies, 1u);
  EXPECT_EQ(stats().in_flight_bytes, 0u);
}

// One connection with many calls that are only announced takes no more than its own part.
TEST_F(Limits, AnnouncementsDoNotFillTheMemory) {
  options.limits.memory = 4u << 20;
  start();
  GrpcTestClient announcer(connect());
  for (int i = 0; i < 100; ++i) {
    announcer.call(frame_grpc_message(one_span(1, 900'000)).substr(0, 9), {}, false);
  }
  announcer.round_trip();
  EXPECT_LT(stats().in_flight_bytes, 200u << 10);
  GrpcTestClient good(connect());
  EXPECT_EQ(good.finish(good.call(frame_grpc_message(one_span(2, 900'000)))).status(), "0");
}

// One connection with many open calls; another is not refused for it.
TEST_F(Limits, OpenCallsAreBoundedOverAllConnections) {
  options.max_calls = 10;
  start();
  const auto unfinished = frame_grpc_message(one_span(1)).substr(0, 9);
  std::vector<std::int32_t> streams;
  std::optional<GrpcTestClient> greedy(connect());
  for (int i = 0; i < 11; ++i) streams.push_back(greedy->call(unfinished, {}, false));
  const auto refused = greedy->finish(streams.back());
  EXPECT_EQ(refused.status(), "14");
  EXPECT_TRUE(refused.headers.contains("google.rpc.retryinfo-bin"));
  EXPECT_EQ(stats().overload_replies, 1u);
  GrpcTestClient good(connect());
  std::vector<std::int32_t> few;
  for (char i = 1; i <= 4; ++i) few.push_back(good.call(frame_grpc_message(one_span(i))));
  for (const auto stream : few) EXPECT_EQ(good.finish(stream).status(), "0");

  greedy.reset();
  wait_until([](const ServerStats& now) { return now.connections_open == 1; });
  for (char i = 1; i <= 10; ++i) few.push_back(good.call(frame_grpc_message(one_span(i))));
  for (const auto stream : few) EXPECT_EQ(good.finish(stream).status(), "0");
}

// The worker may have a queue of bodies that take long; a small compressed one does not go there.
TEST_F(Limits, ASmallCompressedRequestIsNotBehindLargeOnes) {
  options.decode_threads = 0;
  start();
  const std::string bomb = compress_gzip(std::string(60u << 20, '\x0a'));
  const auto post = [](const std::string& body) {
    return "POST /v1/traces HTTP/1.1\r\nContent-Type: application/x-protobuf\r\n"
           "Content-Encoding: gzip\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
  };
  RawClient attacker = connect();
  attacker.send(post(bomb));
  wait_until([](const ServerStats& now) { return now.http_requests == 1; });
  RawClient good = connect();
  good.send(post(compress_gzip(one_span(1))));
  EXPECT_TRUE(good.receive_until("\r\n\r\n").starts_with("HTTP/1.1 200"));
}

// Of one client a bounded part is with the sink.
TEST_F(Limits, ASinkHoldsOnlyAPartOfWhatAClientSends) {
  start(false);
  GrpcTestClient client(connect());
  std::vector<std::int32_t> streams;
  for (char i = 1; i <= 12; ++i)
    streams.push_back(client.call(frame_grpc_message(one_span(i, 900'000))));
  while (sink().requests().size() < 9) client.round_trip();
  for (int i = 0; i < 3; ++i) client.round_trip();
  EXPECT_EQ(sink().requests().size(), 9u);
  sink().answer({});
  while (sink().requests().size() < 10) client.round_trip();
  GrpcTestClient other(connect());
  other.call(frame_grpc_message(one_span(99)));
  other.flush();
  EXPECT_EQ(sink().wait_for(11).back().slices.at(0).otlp, one_span(99));
}

TEST_F(Limits, WaitingForTheSinkEndsAtTheDeadline) {
  options.hold_time = 4s;
  start(false);
  GrpcTestClient client(connect());
  std::vector<std::int32_t> streams;
  for (char i = 1; i <= 12; ++i)
    streams.push_back(client.call(frame_grpc_message(one_span(i, 900'000))));
  for (const std::int32_t stream : streams) EXPECT_EQ(client.finish(stream).status(), "14");
  const std::size_t with_sink = sink().requests().size();
  EXPECT_LE(with_sink, 9u);
  for (std::size_t n = 0; n < with_sink; ++n) sink().answer({});
  EXPECT_EQ(stats().in_flight_bytes, 0u);
  const auto next = client.call(frame_grpc_message(one_span(13)));
  client.flush();
  EXPECT_EQ(sink().wait_for(with_sink + 1).back().slices.at(0).otlp, one_span(13));
  sink().answer({});
  EXPECT_EQ(client.finish(next).status(), "0");
}

TEST_F(Limits, WaitingForMemoryEndsAtTheDeadline) {
  options.limits.memory = 1u << 20;
  options.hold_time = 4s;  // within which the first one has to reach the sink
  start(false);
  GrpcTestClient client(connect());
  const auto first = client.call(frame_grpc_message(one_span(1, 400'000)));
  while (sink().requests().empty() && !client.answered(first)) client.round_trip();
  const auto second = client.call(frame_grpc_message(one_span(2, 400'000)));
  EXPECT_EQ(client.finish(first).status(), "14");
  EXPECT_EQ(client.finish(second).status(), "14");
  sink().answer({});
  EXPECT_EQ(stats().in_flight_bytes, 0u);
  const auto third = client.call(frame_grpc_message(one_span(3)));
  client.flush();
  sink().wait_for(2);
  sink().answer({});
  client.finish(third);
  EXPECT_EQ(sink().requests().size(), 2u);  // the second was never stored
}

// A client that sends requests and never reads the answers.
TEST_F(Limits, AClientThatDoesNotReadIsCutOff) {
  options.hold_time = 50ms;
  start();
  RawClient client = connect();
  const std::string ask = "GET / HTTP/1.1\r\nHost: l\r\n\r\n";
  while (client.send(ask)) {
  }
  wait_until([](const ServerStats& now) { return now.connections_open == 0; });
  EXPECT_EQ(stats().answers_not_taken, 1u);
}

// The same over HTTP/2, where each call has ended and its answer waits in the connection's output.
TEST_F(Limits, AGrpcClientWhoseSocketTakesNothingIsCutOff) {
  options.hold_time = 50ms;
  start();
  RawClient client = connect();
  client.send(http2_opening());
  const std::string block =
      "\x83\x04\x02/x\x0f\x10\x10"
      "application/grpc";  // POST to /x
  const auto call = [&](std::uint32_t stream) {
    std::string frame{'\0', '\0', static_cast<char>(block.size()), '\1', '\5'};
    for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(stream >> shift);
    return frame + block;
  };
  const auto is_cut_off = [](const ServerStats& now) {
    return now.connections_accepted == 1 && now.connections_open == 0;
  };
  // A few at a time, so that none is one of too many.
  for (std::uint32_t sent = 0; !is_cut_off(stats());) {
    for (const std::uint32_t end = sent + 50; sent < end; ++sent) client.send(call(2 * sent + 1));
    wait_until(
        [&](const ServerStats& now) { return now.grpc_requests == sent || is_cut_off(now); });
  }
  EXPECT_EQ(stats().answers_not_taken, 1u);
}

TEST_F(Limits, FirstBytesThatAreNeverWholeCountAsALateHeader) {
  options.hold_time = 50ms;
  start();
  RawClient client = connect();
  client.send("PR");
  EXPECT_EQ(client.receive_all(), "");
  EXPECT_EQ(stats().late_headers, 1u);
}

}  // namespace
}  // namespace tracelink
