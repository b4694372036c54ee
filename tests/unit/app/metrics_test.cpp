#include "daemon/app/metrics.hpp"

#include <fstream>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

namespace tracelink {
namespace {

MetricInputs inputs() {
  MetricInputs inputs;
  inputs.queue.accepted = 10;
  inputs.queue.delivered = 4;
  inputs.queue.queued_spans = 3;
  inputs.queue.dead_lettered = 2;
  inputs.queue.damaged = 1;
  inputs.intake.rejected_spans = {{"utf8", 5}};
  inputs.intake.repaired_ends = 6;
  inputs.now = WallTime(std::chrono::seconds(100));
  inputs.queue.oldest_accepted_at = WallTime(std::chrono::seconds(40));
  inputs.forward.server.state = ServerStatus::State::up;
  inputs.forward.server.version = "3.18.0";
  inputs.server = "mlflow:5000";
  inputs.process = {.cpu_seconds = 1.5,
                    .resident_bytes = 4096,
                    .virtual_bytes = 8192,
                    .threads = 7,
                    .open_files = 9,
                    .max_files = 1024,
                    .start_time = 50};
  return inputs;
}

bool has_line(const std::string& text, const std::string& line) {
  return text.find("\n" + line + "\n") != std::string::npos;
}

TEST(Metrics, HaveTheTermsOfTheBalance) {
  const std::string text = metrics_text(inputs());
  for (const char* line :
       {"tracelink_spans_accepted_total 10", "tracelink_spans_delivered_total 4",
        "tracelink_spans_queued 3", "tracelink_spans_dead_lettered 2",
        "tracelink_spans_lost_total{reason=\"damaged\"} 1",
        "tracelink_spans_rejected_total{reason=\"utf8\"} 5", "tracelink_spans_repaired_total 6",
        "tracelink_queue_oldest_age_seconds 60", "tracelink_server_up 1", "tracelink_model_ready 0",
        "# TYPE tracelink_spans_queued gauge"}) {
    EXPECT_TRUE(has_line(text, line)) << line << "\n" << text;
  }
}

TEST(Metrics, NothingIsYoungerThanNow) {
  MetricInputs early = inputs();
  early.now = WallTime(std::chrono::seconds(30));
  EXPECT_TRUE(has_line(metrics_text(early), "tracelink_queue_oldest_age_seconds 0"));
}

TEST(Metrics, BucketsOfAHistogramAddUp) {
  MetricInputs all = inputs();
  all.queue.commit_time.add(std::chrono::milliseconds(1));
  all.queue.commit_time.add(std::chrono::milliseconds(7));
  all.queue.commit_time.add(std::chrono::minutes(1));
  const std::string text = metrics_text(all);
  for (const char* line : {"tracelink_queue_commit_seconds_bucket{le=\"0.001\"} 1",
                           "tracelink_queue_commit_seconds_bucket{le=\"0.01\"} 2",
                           "tracelink_queue_commit_seconds_bucket{le=\"30\"} 2",
                           "tracelink_queue_commit_seconds_bucket{le=\"+Inf\"} 3",
                           "tracelink_queue_commit_seconds_count 3",
                           "# TYPE tracelink_queue_commit_seconds histogram"}) {
    EXPECT_TRUE(has_line(text, line)) << line << "\n" << text;
  }
}

TEST(Metrics, TellTheProtocolTheStepTheModelAndTheServer) {
  MetricInputs all = inputs();
  all.intake.http_results.partial = 2;
  all.forward.server.steps[static_cast<std::size_t>(DeliveryStep::spans)]
      .failures[FailureClass::transient] = 3;
  all.forward.models = {{"agent\n\"1\"", 4, 5}};
  all.forward.server.registrations.attempts = 6;
  all.forward.server.registrations.failures[FailureClass::configuration] = 1;
  all.models = {.ready = 2, .unresolved = 1, .failed = 0};
  const std::string text = metrics_text(all);
  for (const char* line :
       {"tracelink_request_results_total{protocol=\"http\",result=\"partial\"} 2",
        "tracelink_delivery_steps_total{step=\"spans\",class=\"transient\"} 3",
        R"(tracelink_model_traces_delivered_total{model="agent\n\"1\""} 4)",
        R"(tracelink_model_delivery_failures_total{model="agent\n\"1\""} 5)",
        "tracelink_registration_attempts_total 6",
        "tracelink_registration_failures_total{reason=\"configuration\"} 1",
        "tracelink_models{state=\"ready\"} 2",
        "tracelink_server_info{server=\"mlflow:5000\",version=\"3.18.0\"} 1",
        "process_cpu_seconds_total 1.5", "process_open_fds 9"}) {
    EXPECT_TRUE(has_line(text, line)) << line << "\n" << text;
  }
}

TEST(Metrics, TheLabelOfAServerHasNoCredentials) {
  EXPECT_EQ(server_address("https://mlflow.example:8443/prefix"), "mlflow.example:8443");
  EXPECT_EQ(server_address("http://ada:secret@mlflow:5000"), "mlflow:5000");
  EXPECT_EQ(server_address("http://[::1]:5000"), "[::1]:5000");
  EXPECT_EQ(server_address(""), "");
}

TEST(Metrics, AreAllOnThePageAndNoOther) {
  std::set<std::string> on_page;
  std::ifstream page(TRACELINK_METRICS_PAGE);
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with("| `tracelink_") && !line.starts_with("| `process_")) continue;
    std::istringstream cells(line);
    std::string bar, name, type;
    cells >> bar >> name >> bar >> type;
    on_page.insert(name.substr(1, name.size() - 2) + " " + type);
  }
  std::set<std::string> served;
  std::istringstream text(metrics_text(inputs()));
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with("# TYPE ")) served.insert(line.substr(7));
  }
  EXPECT_EQ(served, on_page);
}

}  // namespace
}  // namespace tracelink
