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

TEST(Metrics, AreAllOnThePageAndNoOther) {
  std::set<std::string> on_page;
  std::ifstream page(TRACELINK_METRICS_PAGE);
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with("| `tracelink_")) continue;
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
