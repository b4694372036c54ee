#include <fstream>

#include "daemon/codec/compression.hpp"
#include "daemon/text/base64.hpp"
#include "ipc/server/grpc_call.hpp"
#include "ipc/wire/rpc_status.hpp"
#include "tests/unit/ipc_server/server_fixture.hpp"

namespace tracelink {
namespace {

using namespace std::chrono_literals;

// Of this process, by the kernel.
std::size_t address_space_bytes() {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<std::size_t>(::getpagesize());
}

class GrpcServer : public ServerTest {
 protected:
  GrpcAnswer export_once(std::string message, const GrpcTestClient::Headers& headers = {}) {
    GrpcTestClient client(connect());
    return client.finish(client.call(frame_grpc_message(message), headers));
  }
};

TEST_F(GrpcServer, AcknowledgesOnlyAfterTheSinkHasStored) {
  start(false);
  GrpcTestClient client(connect());
  const auto stream = client.call(frame_grpc_message(one_span(1)));
  client.flush();
  sink().wait_for(1);
  client.round_trip();
  EXPECT_FALSE(client.answered(stream));
  sink().answer({});
  const auto answer = client.finish(stream);
  EXPECT_EQ(answer.status(), "0");
  EXPECT_EQ(answer.headers.at(":status"), "200");
  EXPECT_EQ(answer.headers.at("content-type"), "application/grpc");
  EXPECT_EQ(answer.body, std::string(5, '\0'));  // no partial_success
  EXPECT_EQ(stats().accepted_spans, 1u);
  EXPECT_EQ(stats().in_flight_bytes, 0u);
}

TEST_F(GrpcServer, HandsOverSlicesExperimentAndPeer) {
  start();
  const auto answer = export_once(one_span(1) + one_span(2), {{"x-mlflow-experiment-id", "17"}});
  EXPECT_EQ(answer.status(), "0");
  const auto requests = sink().requests();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].experiment, "17");
  ASSERT_EQ(requests[0].slices.size(), 2u);
  EXPECT_EQ(requests[0].slices[0].otlp, one_span(1));
  EXPECT_EQ(requests[0].peer.uid, ::getuid());
  EXPECT_EQ(requests[0].peer.gid, ::getgid());
  EXPECT_EQ(requests[0].peer.pid, static_cast<std::uint32_t>(::getpid()));
}

TEST_F(GrpcServer, TakesBytesOneByOne) {
  start();
  GrpcTestClient client(connect());
  const auto stream = client.call(frame_grpc_message(one_span(1)));
  for (const char byte : client.output()) ASSERT_TRUE(client.raw().send({&byte, 1}));
  EXPECT_EQ(client.finish(stream).status(), "0");
}

TEST_F(GrpcServer, ServesManyStreamsAtOnceAndAnswersInAnyOrder) {
  start(false);
  GrpcTestClient client(connect());
  std::vector<std::int32_t> streams;
  for (char i = 1; i <= 50; ++i) streams.push_back(client.call(frame_grpc_message(one_span(i))));
  client.flush();
  EXPECT_EQ(sink().wait_for(50).size(), 50u);
  for (int i = 0; i < 50; ++i) sink().answer({});
  for (const auto stream : streams) EXPECT_EQ(client.finish(stream).status(), "0");
}

TEST_F(GrpcServer, TakesABodyOfManyWindowsAndDecodesItOnTheWorker) {
  start();
  EXPECT_EQ(export_once(one_span(1, 3u << 20)).status(), "0");
  ASSERT_EQ(sink().requests().size(), 1u);
  EXPECT_EQ(sink().requests()[0].slices[0].otlp, one_span(1, 3u << 20));
}

TEST_F(GrpcServer, TakesAnAuthorityWithSlashes) {
  start();
  EXPECT_EQ(export_once(one_span(1), {{":authority", "/run/x.sock"}}).status(), "0");
}

TEST_F(GrpcServer, TakesGzipAndDeclaresWhatItAcceptsOtherwise) {
  start();
  std::string framed = frame_grpc_message(compress_gzip(one_span(1)));
  framed[0] = 1;
  GrpcTestClient client(connect());
  EXPECT_EQ(client.finish(client.call(framed, {{"grpc-encoding", "gzip"}})).status(), "0");
  EXPECT_EQ(client.finish(client.call(framed)).status(), "13");  // flag without an encoding
  const auto refused = client.finish(client.call(framed, {{"grpc-encoding", "zstd"}}));
  EXPECT_EQ(refused.status(), "12");
  EXPECT_EQ(refused.headers.at("grpc-accept-encoding"), "identity,gzip,deflate");
  EXPECT_EQ(sink().requests().size(), 1u);
}

TEST_F(GrpcServer, AnEmptyRequestSucceedsWithoutTheSink) {
  start();
  EXPECT_EQ(export_once("").status(), "0");
  EXPECT_TRUE(sink().requests().empty());
}

TEST_F(GrpcServer, RefusesWhatIsNotAnExport) {
  start();
  EXPECT_EQ(export_once("", {{":path", "/grpc.health.v1.Health/Check"}}).status(), "12");
  EXPECT_EQ(export_once("", {{"content-type", "application/json"}}).headers.at(":status"), "415");
  EXPECT_EQ(export_once("", {{"content-type", "application/grpc+json"}}).headers.at(":status"),
            "415");
  EXPECT_EQ(export_once("", {{":method", "PUT"}}).headers.at(":status"), "405");
  EXPECT_EQ(export_once("", {{"content-type", "application/grpc+proto"}}).status(), "0");
}

TEST_F(GrpcServer, TellsAClientOfOtlpHttpWhatToDo) {
  start();
  for (const char* type : {"application/json", "application/x-protobuf"}) {
    const auto answer = export_once(one_span(1), {{":path", "/v1/traces"}, {"content-type", type}});
    EXPECT_EQ(answer.headers.at(":status"), "415");
    EXPECT_NE(answer.body.find("HTTP/1.1"), std::string::npos) << answer.body;
    EXPECT_FALSE(answer.headers.contains("grpc-status"));
  }
}

TEST_F(GrpcServer, KeepsNoMemoryForWhatIsOnlyAnnounced) {
  start();
  const std::size_t before = address_space_bytes();
  GrpcTestClient client(connect());
  for (int i = 0; i < 20; ++i) {
    client.call(std::string("\0\3\x80\0\0abcd", 9), {}, false);  // 58 MB, of which 4 bytes come
  }
  client.round_trip();
  EXPECT_LT(address_space_bytes(), before + (256u << 20));
}

TEST_F(GrpcServer, RefusesABrokenMessageForGood) {
  start();
  const auto answer = export_once("\xff\xff\xff");
  EXPECT_EQ(answer.status(), "3");
  EXPECT_FALSE(answer.headers.contains("google.rpc.retryinfo-bin"));

  GrpcTestClient client(connect());
  const auto cut = client.call(frame_grpc_message(one_span(1)).substr(0, 20));
  EXPECT_EQ(client.finish(cut).status(), "3");
  const auto two = client.call(frame_grpc_message("") + frame_grpc_message(""));
  EXPECT_EQ(client.finish(two).status(), "3");
  const auto experiment = client.call(frame_grpc_message(one_span(1)),
                                      {{"x-mlflow-experiment-id", std::string(129, '1')}});
  EXPECT_EQ(client.finish(experiment).status(), "3");
  EXPECT_EQ(stats().invalid_requests, 3u);
}

TEST_F(GrpcServer, TellsRejectedSpansAndKeepsTheGoodOnes) {
  start();
  const auto answer = export_once(one_span(0) + one_span(1));
  EXPECT_EQ(answer.status(), "0");
  ASSERT_GT(answer.body.size(), 9u);
  EXPECT_EQ(answer.body.substr(5, 1), "\x0a");      // partial_success
  EXPECT_EQ(answer.body.substr(7, 2), "\x08\x01");  // rejected_spans = 1
  ASSERT_EQ(sink().requests().size(), 1u);
  EXPECT_EQ(sink().requests()[0].slices.size(), 1u);
  std::uint64_t rejected = 0;
  for (const auto& [reason, spans] : stats().rejected_spans) rejected += spans;
  EXPECT_EQ(rejected, 1u);
}

TEST_F(GrpcServer, RefusesATooLargeMessageWhileItIsStillSent) {
  options.limits.max_request_bytes = 200'000;
  start();
  GrpcTestClient client(connect());
  const auto stream = client.call(frame_grpc_message(one_span(1, 300'000)), {}, false);
  const auto answer = client.finish(stream);
  EXPECT_EQ(answer.status(), "8");
  EXPECT_FALSE(answer.headers.contains("google.rpc.retryinfo-bin"));
  EXPECT_EQ(answer.reset_code, 0u);  // NO_ERROR: stop sending and read the answer
  EXPECT_EQ(client.finish(client.call(frame_grpc_message(one_span(2)))).status(), "0");
  EXPECT_EQ(stats().too_large_requests, 1u);
}

TEST_F(GrpcServer, TheLimitHoldsAfterDecompressionToo) {
  options.limits.max_request_bytes = 200'000;
  start();
  std::string framed = frame_grpc_message(compress_gzip(one_span(1, 300'000)));
  framed[0] = 1;
  GrpcTestClient client(connect());
  EXPECT_EQ(client.finish(client.call(framed, {{"grpc-encoding", "gzip"}})).status(), "8");
}

TEST_F(GrpcServer, AnswersUnavailableAtTheDeadlineWithBothHints) {
  options.hold_time = 10ms;
  start(false);
  const auto answer = export_once(one_span(1));
  EXPECT_EQ(answer.status(), "14");
  EXPECT_EQ(answer.headers.at("google.rpc.retryinfo-bin"), base64_unpadded(encode_retry_info(1s)));
  const RpcStatus expected{RpcCode::unavailable, "not stored in time; try again", 1s};
  EXPECT_EQ(answer.headers.at("grpc-status-details-bin"),
            base64_unpadded(encode_status_protobuf(expected)));
  EXPECT_EQ(stats().overload_replies, 1u);
  sink().answer({});  // late: counted as stored, answered only once
  EXPECT_EQ(stats().accepted_spans, 1u);
  EXPECT_EQ(stats().in_flight_bytes, 0u);
}

TEST_F(GrpcServer, AnswersBeforeTheClientsOwnTimeout) {
  options.hold_time = 24h;
  start(false);
  EXPECT_EQ(export_once(one_span(1), {{"grpc-timeout", "20m"}}).status(), "14");
}

TEST_F(GrpcServer, AnswersAtTheDeadlineAlsoWhileTheMessageIsIncomplete) {
  options.hold_time = 10ms;
  start();
  GrpcTestClient client(connect());
  const auto stream = client.call(frame_grpc_message(one_span(1)).substr(0, 10), {}, false);
  EXPECT_EQ(client.finish(stream).status(), "14");
  EXPECT_EQ(stats().in_flight_bytes, 0u);
}

TEST_F(GrpcServer, ResetsAnAnswerThatIsNotTaken) {
  options.hold_time = 50ms;
  start();
  GrpcTestClient shut(connect(), 0);
  const auto stream = shut.call(frame_grpc_message(one_span(1)));
  EXPECT_EQ(shut.finish(stream).reset_code, 8u);  // CANCEL
  EXPECT_EQ(stats().answers_not_taken, 1u);
  EXPECT_EQ(stats().accepted_spans, 1u);
}

TEST_F(GrpcServer, RefusesAHeaderOverTheLimit) {
  start();
  GrpcTestClient client(connect());
  const auto large = client.call(frame_grpc_message(one_span(1)),
                                 {{"x", std::string(9000, 'x')}, {"y", std::string(9000, 'y')}});
  EXPECT_EQ(client.finish(large).status(), "8");
  EXPECT_EQ(client.finish(client.call(frame_grpc_message(one_span(1)))).status(), "0");
  EXPECT_EQ(stats().large_headers, 1u);
}

TEST_F(GrpcServer, AHeaderFarOverTheLimitEndsTheConnection) {
  options.hold_time = 1h;
  start();
  RawClient client = connect();
  const std::string field = std::string("\0\1x\x7f\x81\x7c", 6) + std::string(16'000, 'x');
  std::string bytes =
      http2_opening() + std::string("\0\x3e\x86\1\0\0\0\0\1", 9) + field;  // HEADERS
  for (int i = 0; i < 5; ++i) bytes += std::string("\0\x3e\x86\x9\0\0\0\0\1", 9) + field;
  client.send(bytes);
  (void)client.receive_all();
  EXPECT_EQ(stats().large_headers, 1u);
}

TEST(GrpcCall, LooksAtNothingOfAHeaderThatIsTooLarge) {
  GrpcCall call(1'000);
  call.read_header({"x", std::string(20'000, 'x')});
  call.read_header({"x-mlflow-experiment-id", "12"});
  EXPECT_TRUE(call.has_large_header());
  EXPECT_EQ(call.take_experiment(), "");
}

TEST_F(GrpcServer, APrefaceThatDoesNotEndInTimeEndsTheConnection) {
  options.hold_time = 50ms;
  start();
  RawClient client = connect();
  client.send("PRI * HTTP/2.0\r\n\r\nSM");
  (void)client.receive_all();
  EXPECT_EQ(stats().late_headers, 1u);
}

TEST_F(GrpcServer, AHeaderThatDoesNotEndInTimeEndsTheConnection) {
  options.hold_time = 50ms;
  start();
  RawClient client = connect();
  client.send(http2_opening() +
              std::string("\0\0\1\1\0\0\0\0\1\x83", 10));  // HEADERS without its end
  (void)client.receive_all();
  EXPECT_EQ(stats().late_headers, 1u);
}

TEST_F(GrpcServer, TurnsSinkErrorsIntoARetryUnlessItCanNeverFit) {
  start(false);
  GrpcTestClient client(connect());
  const std::pair<ErrorCode, const char*> table[] = {
      {ErrorCode::no_space, "14"}, {ErrorCode::unavailable, "14"}, {ErrorCode::timeout, "14"},
      {ErrorCode::io, "14"},       {ErrorCode::closed, "14"},      {ErrorCode::too_large, "8"}};
  std::size_t count = 0;
  for (const auto& [code, status] : table) {
    const auto stream = client.call(frame_grpc_message(one_span(1)));
    client.flush();
    sink().wait_for(++count);
    sink().answer(Error{code, "queue: 100% full"});
    const auto answer = client.finish(stream);
    EXPECT_EQ(answer.status(), status);
    EXPECT_EQ(answer.headers.at("grpc-message"), "queue: 100%25 full");
    EXPECT_EQ(answer.headers.contains("google.rpc.retryinfo-bin"), answer.status() == "14");
  }
  EXPECT_EQ(stats().accepted_spans, 0u);
}

TEST_F(GrpcServer, StopsGrantingWindowWhenTheMemoryIsUsedAndResumes) {
  options.limits.memory = 1u << 20;  // half of it for requests up to 1 MiB
  start(false);
  GrpcTestClient client(connect());
  const auto first = client.call(frame_grpc_message(one_span(1, 400'000)));
  while (sink().requests().empty()) client.round_trip();
  const auto second = client.call(frame_grpc_message(one_span(2, 400'000)));
  client.round_trip();
  client.round_trip();
  EXPECT_GT(client.unsent(1), 300'000u);  // the default window is all it got
  EXPECT_LE(stats().in_flight_bytes, 512u << 10);
  sink().answer({});
  EXPECT_EQ(client.finish(first).status(), "0");
  while (sink().requests().size() < 2) client.round_trip();
  sink().answer({});
  EXPECT_EQ(client.finish(second).status(), "0");
}

TEST_F(GrpcServer, ForgetsACancelledCallAndReturnsItsMemory) {
  start();
  GrpcTestClient client(connect());
  const auto stream = client.call(frame_grpc_message(one_span(1, 1000)).substr(0, 500), {}, false);
  client.round_trip();
  EXPECT_GT(stats().in_flight_bytes, 0u);
  client.cancel(stream);
  client.round_trip();
  EXPECT_EQ(stats().in_flight_bytes, 0u);
}

TEST_F(GrpcServer, AClientThatHangsUpLosesNothingThatWasComplete) {
  start(false);
  {
    GrpcTestClient client(connect());
    client.call(frame_grpc_message(one_span(1)));
    client.flush();
    sink().wait_for(1);
  }
  wait_until([](const ServerStats& now) { return now.connections_open == 0; });
  sink().answer({});
  EXPECT_EQ(stats().accepted_spans, 1u);
  EXPECT_EQ(stats().in_flight_bytes, 0u);
}

TEST_F(GrpcServer, StopSaysGoAwayAndAnswersWhatWasRead) {
  start(false);
  std::optional<std::future<void>> closed;
  {
    GrpcTestClient client(connect());
    const auto stream = client.call(frame_grpc_message(one_span(1)));
    client.flush();
    sink().wait_for(1);
    closed = stop();
    client.wait_for_go_away();
    EXPECT_TRUE(client.go_away_seen());
    sink().answer({});
    EXPECT_EQ(client.finish(stream).status(), "0");
  }  // hangs up, as clients do after GOAWAY
  closed->get();
}

TEST_F(GrpcServer, AFloodOfFramesThatBringNothingEndsItsConnection) {
  start();
  const std::string priority("\0\0\x5\x2\0\0\0\0\x1\0\0\0\0\x10", 14);
  const std::string update("\0\0\x4\x8\0\0\0\0\0\0\0\0\x1", 13);
  const std::string unknown("\0\0\0\x4d\0\0\0\0\0", 9);
  std::uint64_t floods = 0;
  for (const std::string& frame : {priority, update, unknown}) {
    RawClient bad = connect();
    bad.send(http2_opening());
    std::string many;
    for (int i = 0; i < 1'000; ++i) many += frame;
    for (int i = 0; i < 1'000 && stats().frame_floods == floods; ++i) bad.send(many);
    EXPECT_EQ(stats().frame_floods, ++floods);
    wait_until([](const ServerStats& stats) { return stats.connections_open == 0; });
  }
  EXPECT_EQ(export_once(one_span(1)).status(), "0");
}

TEST_F(GrpcServer, BrokenHttp2CostsOnlyItsConnection) {
  start();
  RawClient bad = connect();
  bad.send("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + std::string(100, '\xff'));
  (void)bad.receive_all();  // GOAWAY, then the end
  EXPECT_EQ(export_once(one_span(1)).status(), "0");
}

}  // namespace
}  // namespace tracelink
