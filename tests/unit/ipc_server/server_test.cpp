#include <atomic>
#include <stdexcept>
#include <thread>

#include <malloc.h>

#include "tests/unit/ipc_server/server_fixture.hpp"

namespace tracelink {
namespace {

using namespace std::chrono_literals;

// By malloc, which counts nothing under a sanitizer.
std::size_t heap_bytes() {
  const auto heap = ::mallinfo2();
  return heap.uordblks + heap.hblkhd;
}

class ServerDoor : public ServerTest {
 protected:
  // Of clients that begin so and wait for memory, which another one's request has.
  void expect_held_once(const std::string& begin) {
    constexpr std::size_t kClients = 100;
    options.limits.memory = 256u << 10;
    start(false);
    RawClient stored = connect();
    std::string large = kOneSpanJson;
    large.insert(large.find("\"name\":\"") + 8, std::string(120u << 10, 'x'));
    stored.send(large + "\n");
    sink().wait_for(1);
    const std::size_t before = heap_bytes();
    std::vector<RawClient> waiting;
    for (std::size_t n = 0; n < kClients; ++n) {
      waiting.push_back(connect());
      waiting.back().send(begin + std::string(50'000, ' '));
    }
    for (int n = 0; n < 3; ++n) (void)about(connect());  // behind them
    EXPECT_LE(heap_bytes() - before, kClients * 80'000);
  }
  std::string about(RawClient client) {
    client.send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
    return client.receive_all();
  }
};

TEST_F(ServerDoor, ClosesOnATlsHelloAndSaysWhatToSet) {
  start();
  RawClient client = connect();
  client.send("\x16\x03\x01\x02");
  EXPECT_EQ(client.receive_all(), "");
  EXPECT_EQ(stats().tls_hellos, 1u);
  ASSERT_EQ(warnings().size(), 1u);
  EXPECT_NE(warnings()[0].find("OTEL_EXPORTER_OTLP_TRACES_INSECURE=true"), std::string::npos);
}

TEST_F(ServerDoor, TellsAClientOfNoProtocolWhatItTakes) {
  start();
  RawClient client = connect();
  client.send("[{}]\n");
  const std::string answer = client.receive_all();
  EXPECT_TRUE(answer.starts_with(R"({"error":{"code":3,)")) << answer;
  EXPECT_NE(answer.find("JSON lines"), std::string::npos);
  EXPECT_EQ(stats().unknown_protocols, 1u);
}

TEST_F(ServerDoor, EndsAClientThatSendsBlanksWithoutEnd) {
  start();
  RawClient client = connect();
  client.send(std::string(20u << 10, '\n'));
  EXPECT_TRUE(client.receive_all().starts_with(R"({"error":{"code":3,)"));
  EXPECT_EQ(stats().unknown_protocols, 1u);
  RawClient other = connect();
  other.send(std::string(1u << 10, '\n') + kOneSpanJson + std::string(100u << 10, '\n') +
             kOneSpanJson + "\n");
  EXPECT_EQ(other.receive_until("{}\n{}\n"), "{}\n{}\n");
}

TEST_F(ServerDoor, TellsAPeerThatIsNotListedInItsOwnProtocol) {
  options.peers.allow_uids = {::getuid() + 1};
  start();
  const std::string http = about(connect());
  EXPECT_TRUE(http.starts_with("HTTP/1.1 403 Forbidden")) << http;
  EXPECT_NE(http.find("allow_uids"), std::string::npos);
  RawClient lines = connect();
  lines.send(kOneSpanJson + "\n");
  EXPECT_TRUE(lines.receive_all().starts_with(R"({"error":{"code":7,)"));
  GrpcTestClient grpc(connect());
  const auto answer = grpc.finish(grpc.call(frame_grpc_message(one_span(1))));
  EXPECT_EQ(answer.status(), "7");
  EXPECT_NE(answer.headers.at("grpc-message").find("allow_uids"), std::string::npos);
  EXPECT_TRUE(sink().requests().empty());
  EXPECT_EQ(stats().refused_peers, 3u);
  EXPECT_EQ(stats().connections_accepted, 0u);
}

// A client that is cut off while it sends may never look for the answer.
TEST_F(ServerDoor, ARefusedClientMaySendItsDocumentToTheEnd) {
  options.peers.allow_uids = {::getuid() + 1};
  start();
  const std::string rest(500'000, ' ');
  RawClient unlisted = connect();
  EXPECT_TRUE(unlisted.send("{" + rest));
  EXPECT_TRUE(unlisted.receive_all().starts_with(R"({"error":{"code":7,)"));
  RawClient unknown = connect();
  EXPECT_TRUE(unknown.send("[" + rest));
  EXPECT_TRUE(unknown.receive_all().starts_with(R"({"error":{"code":3,)"));
}

TEST_F(ServerDoor, LetsListedPeersIn) {
  options.peers.allow_gids = {::getgid()};
  start();
  EXPECT_NE(about(connect()).find("200 OK"), std::string::npos);
}

TEST_F(ServerDoor, ListensOnLoopbackToo) {
  options.tcp_address = "127.0.0.1:0";
  start();
  RawClient client = RawClient::connect_tcp(on_io([this] { return server().tcp_port(); }));
  client.send(kOneSpanJson + "\n");
  EXPECT_EQ(client.receive_until("\n"), "{}\n");
  EXPECT_EQ(sink().requests()[0].peer, (Peer{0, kUnknownUser, kUnknownUser}));
}

// A page in a browser may have the listener's address under a name of its own.
TEST_F(ServerDoor, TellsNothingOnLoopbackUnderAForeignName) {
  options.tcp_address = "127.0.0.1:0";
  start();
  for (const std::string path : {"/", "/status"}) {
    const auto answer = [&](const std::string& host) {
      RawClient client = RawClient::connect_tcp(on_io([this] { return server().tcp_port(); }));
      client.send("GET " + path + " HTTP/1.1\r\n" + host + "\r\n");
      return client.receive_until("\r\n");
    };
    EXPECT_TRUE(answer("Host: page.example:4318\r\n").starts_with("HTTP/1.1 403")) << path;
    EXPECT_TRUE(answer("Host: localhost:4318\r\n").starts_with("HTTP/1.1 200")) << path;
    EXPECT_TRUE(answer("Host: 127.0.0.1:4318\r\n").starts_with("HTTP/1.1 200")) << path;
    EXPECT_TRUE(answer("").starts_with("HTTP/1.1 200")) << path;
  }
  RawClient local = connect();
  local.send("GET / HTTP/1.1\r\nHost: page.example\r\n\r\n");
  EXPECT_TRUE(local.receive_until("\r\n").starts_with("HTTP/1.1 200"));
}

TEST_F(ServerDoor, MakesRoomForANewClientByClosingTheOneIdleForLongest) {
  options.limits.connections = 2;
  start();
  RawClient first = connect();
  first.send(kOneSpanJson + "\n");
  first.receive_until("\n");
  GrpcTestClient second(connect());
  second.finish(second.call(frame_grpc_message(one_span(1))));
  EXPECT_NE(about(connect()).find("200 OK"), std::string::npos);
  EXPECT_EQ(first.receive_all(), "");
  EXPECT_EQ(stats().connections_evicted, 1u);
  EXPECT_NE(about(connect()).find("200 OK"), std::string::npos);
  EXPECT_FALSE(second.go_away_seen());
}

TEST_F(ServerDoor, KeepsBusyClientsAtTheLimitAndServesTheNextAfterwards) {
  options.limits.connections = 1;
  start(false);
  RawClient busy = connect();
  busy.send(kOneSpanJson + "\n");
  sink().wait_for(1);
  RawClient waiting = connect();
  waiting.send(kOneSpanJson + "\n");
  EXPECT_EQ(stats().connections_open, 1u);
  sink().answer({});
  EXPECT_EQ(busy.receive_until("\n"), "{}\n");
  sink().wait_for(2);
  sink().answer({});
  EXPECT_EQ(waiting.receive_until("\n"), "{}\n");
}

// None of these has done anything useful, and each keeps its place for ever if it is let.
TEST_F(ServerDoor, ConnectionsThatOnlyKeepTheServerWaitingMakeRoom) {
  options.limits.connections = 4;
  options.hold_time = 1h;
  start();
  RawClient silent = connect();
  RawClient slow_header = connect();
  slow_header.send("POST /v1/traces HTTP/1.1\r\nX");
  RawClient slow_body = connect();
  slow_body.send(
      "POST /v1/traces HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{");
  GrpcTestClient slow_call(connect());
  const auto stream = slow_call.call(frame_grpc_message(one_span(1)).substr(0, 10), {}, false);
  slow_call.flush();
  std::vector<RawClient> kept;  // so that each takes the place of one of the others
  for (int i = 0; i < 4; ++i) {
    RawClient good = connect();
    good.send(kOneSpanJson + "\n");
    EXPECT_EQ(good.receive_until("\n"), "{}\n");
    kept.push_back(std::move(good));
  }
  EXPECT_EQ(slow_call.finish(stream).status(), "14");
  EXPECT_EQ(silent.receive_all(), "");
  EXPECT_TRUE(slow_body.receive_all().starts_with("HTTP/1.1 503"));
  (void)slow_header.receive_all();
  EXPECT_EQ(stats().connections_evicted, 4u);
}

// They ask for a page again and again, so that none of them is ever seen to wait for long.
TEST_F(ServerDoor, ConnectionsThatAreNeverStillAndStoreNothingMakeRoom) {
  options.limits.connections = 2;
  start();
  std::atomic<bool> stop = false;
  const auto be_noisy = [&](RawClient client) {
    while (!stop && client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n") &&
           !client.receive_until("}").empty()) {
    }
  };
  std::thread noise[] = {std::thread(be_noisy, connect()), std::thread(be_noisy, connect())};
  wait_until([](const ServerStats& stats) { return stats.connections_open == 2; });
  std::string answer;
  try {
    RawClient good = connect();
    good.send(kOneSpanJson + "\n");
    answer = good.receive_until("\n");
  } catch (const std::runtime_error& error) {
    answer = error.what();
  }
  EXPECT_EQ(answer, "{}\n");
  stop = true;
  for (std::thread& thread : noise) thread.join();
}

// What it has waited for is not looked for when the memory is there.
TEST_F(ServerDoor, AClientThatWaitsForMemoryCanMakeRoomForAnother) {
  options.limits.connections = 2;
  options.limits.memory = 256u << 10;
  start(false);
  RawClient stored = connect();
  const std::string name(120u << 10, 'x');
  std::string large = kOneSpanJson;
  large.insert(large.find("\"name\":\"") + 8, name);
  stored.send(large + "\n");
  sink().wait_for(1);
  RawClient waiting = connect();
  waiting.send("{" + std::string(100u << 10, ' '));
  EXPECT_NE(about(connect()).find("200 OK"), std::string::npos);
  EXPECT_EQ(stats().connections_evicted, 1u);
  sink().answer({});
  EXPECT_EQ(stored.receive_until("\n"), "{}\n");
  EXPECT_EQ(stats().in_flight_bytes, 0u);
}

TEST_F(ServerDoor, ALineThatWaitsForMemoryIsHeldOnce) { expect_held_once("{"); }

TEST_F(ServerDoor, ABodyThatWaitsForMemoryIsHeldOnce) {
  expect_held_once(
      "POST /v1/traces HTTP/1.1\r\nContent-Type: application/x-protobuf\r\n"
      "Content-Length: 999999\r\n\r\n");
}

TEST_F(ServerDoor, AnIdleConnectionKeepsNothingOfWhatItHasSent) {
  constexpr std::size_t kClients = 50;
  options.limits.max_request_bytes = 1u << 20;
  start();
  (void)about(connect());
  const std::size_t before = heap_bytes();
  std::vector<RawClient> idle;
  for (std::size_t n = 0; n < kClients; ++n) {
    idle.push_back(connect());
    idle.back().send(kOneSpanJson + std::string(50'000, ' ') + "\n");
    EXPECT_EQ(idle.back().receive_until("\n"), "{}\n");
    idle.back().send("{" + std::string(1u << 20, ' ') + "\n");
    EXPECT_TRUE(idle.back().receive_until("\n").starts_with("{\"error\""));
  }
  EXPECT_LE(heap_bytes() - before, kClients * 40'000);
}

TEST_F(ServerDoor, AnAnswerThatIsNotTakenDoesNotKeepItsConnection) {
  options.limits.connections = 1;
  options.hold_time = 1h;
  start();
  GrpcTestClient shut(connect(), 0);
  shut.call(frame_grpc_message(one_span(1)));
  shut.flush();
  sink().wait_for(1);
  EXPECT_NE(about(connect()).find("200 OK"), std::string::npos);
}

TEST_F(ServerDoor, StopClosesSilentClientsAtOnceAndAnswersStuckOnesWithinTheGrace) {
  start(false);
  RawClient silent = connect();
  RawClient stuck = connect();
  stuck.send(kOneSpanJson + "\n");
  sink().wait_for(1);
  auto closed = stop(2s);
  closed.get();
  EXPECT_EQ(silent.receive_all(), "");
  EXPECT_NE(stuck.receive_all().find("not stored in time; try again"), std::string::npos);
  sink().answer({});
  EXPECT_EQ(stats().accepted_spans, 1u);  // it was complete, so it was kept
}

// The client of a restart sees no connection closed that it has just made, or has just asked on.
TEST_F(ServerDoor, StopServesWhatHasJustArrived) {
  start();
  const std::string ask = "GET / HTTP/1.1\r\nHost: l\r\n\r\n";
  RawClient asked_before = connect();
  asked_before.send(ask);
  asked_before.receive_until("\"test\"}");
  RawClient fresh = connect();
  std::optional<GrpcTestClient> grpc(connect());
  std::optional<GrpcTestClient> called_before(connect());
  called_before->finish(called_before->call(frame_grpc_message(one_span(1))));
  wait_until([](const ServerStats& now) { return now.connections_open == 4; });
  const auto stream = grpc->call(frame_grpc_message(one_span(1)));
  const auto next = called_before->call(frame_grpc_message(one_span(1)));
  std::promise<void> closed;
  on_io([&] {
    asked_before.send(ask);
    fresh.send(kOneSpanJson + "\n");
    grpc->flush();
    called_before->flush();
    server().stop(20s, [&] { closed.set_value(); });
  });
  const std::string answer = asked_before.receive_all();
  asked_before.finish_sending();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200")) << answer;
  EXPECT_NE(answer.find("Connection: close"), std::string::npos) << answer;
  EXPECT_EQ(fresh.receive_all(), "{}\n");
  EXPECT_EQ(grpc->finish(stream).status(), "0");
  EXPECT_EQ(called_before->finish(next).status(), "0");
  for (auto* client : {&grpc, &called_before}) {
    (*client)->wait_for_go_away();
    client->reset();  // hangs up, as clients do after GOAWAY
  }
  closed.get_future().get();
}

TEST_F(ServerDoor, StopLetsANewClientSendItsFirstRequest) {
  start(false);
  RawClient fresh = connect();
  wait_until([](const ServerStats& now) { return now.connections_open == 1; });
  std::promise<void> closed;
  on_io([&] {
    server().stop(20s, [&] { closed.set_value(); });
    fresh.send(kOneSpanJson + "\n");
  });
  sink().wait_for(1);
  sink().answer({});
  EXPECT_EQ(fresh.receive_all(), "{}\n");
  closed.get_future().get();
}

TEST_F(ServerDoor, AnswersAfterItsEndAreDropped) {
  start(false);
  RawClient client = connect();
  client.send(kOneSpanJson + "\n");
  sink().wait_for(1);
  TearDown();
  sink().answer({});
}

}  // namespace
}  // namespace tracelink
