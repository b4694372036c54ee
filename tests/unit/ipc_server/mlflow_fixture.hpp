#pragma once

#include <atomic>

#include "daemon/codec/split_request.hpp"
#include "daemon/http/curl_relay.hpp"
#include "daemon/mlflow/rest/client_trace_info.hpp"
#include "daemon/text/hex.hpp"
#include "tests/support/fake_file_system.hpp"
#include "tests/support/http_imposter.hpp"
#include "tests/unit/ipc_server/server_fixture.hpp"

// The listener that is a tracking server to MLflow's SDK.
namespace tracelink {

using testing::HttpImposter;

inline constexpr const char* kTrace = "0102030405060708090a0b0c0d0e0f10";
inline constexpr const char* kExperiment =
    R"({"experiment":{"experiment_id":"12","name":"support","artifact_location":"s3://b/12"}})";

struct Answer {
  std::string head, body;
  bool has(std::string_view text) const { return head.find(text) != std::string::npos; }
  bool says(std::string_view text) const { return body.find(text) != std::string::npos; }
};

inline std::string request(const std::string& method, const std::string& target,
                           const std::string& headers = "", const std::string& body = "") {
  return method + " " + target + " HTTP/1.1\r\nHost: 127.0.0.1:5500\r\n" + headers +
         (body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") + "\r\n" +
         body;
}

inline Answer read_answer(RawClient& client) {
  Answer answer;
  answer.head = client.receive_until("\r\n\r\n");
  const auto at = answer.head.find("Content-Length: ");
  if (at != std::string::npos)
    answer.body = client.receive(std::stoul(answer.head.substr(at + 16)));
  return answer;
}

class MlflowServerTest : public ServerTest {
 protected:
  explicit MlflowServerTest(StoredTraces::Limits limits = {}) : stored(limits) {
    EXPECT_TRUE(fs.create_directories("/state"));
    EXPECT_TRUE(provisional.load());
  }

  // `uri`: of the tracking server.
  void start_at(const std::string& uri, bool answer_at_once = true) {
    relay = std::make_unique<CurlRelay>(uri, CurlOptions{}, relayed);
    options.mlflow_address = "127.0.0.1:0";
    options.mlflow = std::make_shared<MlflowDoor>(
        MlflowDoor{.relay = *relay,
                   .knowledge = knowledge,
                   .stored = stored,
                   .provisional = provisional,
                   .server = uri,
                   .current_version = [this] { return version; },
                   .is_server_down = [this] { return is_server_down.load(); },
                   .silence_while_down = std::chrono::seconds(1),
                   .spans_within = std::chrono::milliseconds(20),
                   .own_experiment = [this] { return own; },
                   .obeys_names = obeys_names,
                   .give_id =
                       [this](const LinkDefinition& named,
                              const std::function<void(Result<std::string>)>& done) {
                         done(provisional.give(named));
                       },
                   .real_id =
                       [this](const LinkDefinition&) {
                         ++real_ids_asked;
                         return real_id;
                       },
                   .await_delivery =
                       [this](const TraceId&, SteadyTime, const std::function<void(bool)>& done) {
                         ++awaited;
                         done(is_delivered);
                       },
                   .hurry = [this](const std::optional<TraceId>&) { ++hurried; },
                   .all_delivered = [this](SteadyTime) { return hurried >= 2; }});
    start(answer_at_once);
  }
  void start_in_front(bool answer_at_once = true) { start_at(tracking.url(), answer_at_once); }
  void start_alone() {
    std::string nowhere;
    {
      HttpImposter gone;
      nowhere = gone.url();
    }
    start_at(nowhere);
  }
  void TearDown() override {
    ServerTest::TearDown();
    relay.reset();
  }
  RawClient connect_mlflow() { return RawClient::connect_tcp(server().mlflow_port()); }
  Answer ask(const std::string& text) {
    RawClient client = connect_mlflow();
    client.send(text);
    return read_answer(client);
  }
  // The answer to a small request, asked for again while there is no room for it.
  Answer ask_until_there_is_room() {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(300);
    Answer answer;
    do {
      answer = ask(request("HEAD", "/api/2.0/mlflow/users/current"));
    } while (!answer.has("200") && std::chrono::steady_clock::now() < give_up);
    return answer;
  }
  static std::string trace_info(int spans, const std::string& more = "") {
    return std::string(R"({"trace":{"trace_info":{"trace_id":"tr-)") + kTrace +
           R"(","trace_location":{"type":"MLFLOW_EXPERIMENT","mlflow_experiment":)" +
           R"({"experiment_id":"12"}},"trace_metadata":{"mlflow.trace.sizeStats":)" +
           R"("{\"num_spans\": )" + std::to_string(spans) + R"(}"},)" +
           R"("request_time":"1970-01-01T00:00:05Z")" + more + "}}}";
  }

  void store_spans(std::uint32_t count) {
    TraceSlice slice;
    slice.trace_id = *TraceId::from_bytes(*parse_hex(kTrace));
    slice.span_count = count;
    stored.add(std::move(slice));
  }
  // What the SDK has told of the trace: an info, and one span.
  void store_trace(const std::string& more = "") {
    auto split = split_request(one_span(1), SplitLimits{});
    ASSERT_TRUE(split);
    TraceSlice spans = std::move(split->slices.front());
    auto info = read_start_trace(trace_info(1, more));
    ASSERT_TRUE(info);
    info->trace_id = spans.trace_id;
    stored_trace = spans.trace_id;
    stored.add(std::move(spans));
    stored.add(client_info_slice(*std::move(info)));
  }
  std::string stored_name() const { return "tr-" + stored_trace.hex(); }

  std::size_t relayed = CurlRelay::kMaxRequests;
  TraceId stored_trace;
  HttpImposter tracking;
  FakeFileSystem fs;
  ServerKnowledge knowledge{fs, "/state/server.json", "http://mlflow", [] {}};
  StoredTraces stored;
  SystemClock clock;
  ProvisionalIds provisional{fs, "/state/names.json", clock};
  bool obeys_names = true;
  std::optional<std::string> real_id;  // of every name
  std::atomic<int> real_ids_asked = 0;
  std::atomic<bool> is_delivered = false;
  std::atomic<bool> is_server_down = false;
  std::atomic<int> awaited = 0;
  std::string version;
  std::optional<Experiment> own;
  int hurried = 0;  // of the io thread, as long as that runs
  std::unique_ptr<Relay> relay;
};

}  // namespace tracelink
