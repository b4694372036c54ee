#include "daemon/app/history.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/fake_clock.hpp"

namespace tracelink {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

class HistoryTest : public testing::Test {
 protected:
  void look(std::chrono::milliseconds later = History::kStep) {
    clock.advance(later);
    history.look(queue, forward);
  }
  json shown() const { return json::parse(history.json()); }

  FakeClock clock;
  QueueStats queue;
  ForwardStatus forward;
  History history{clock};
};

TEST_F(HistoryTest, RatesAreOfTheTimeThatPassed) {
  look();
  queue.accepted = 100;
  queue.delivered = 50;
  queue.queued_spans = 7;
  queue.oldest_accepted_at = clock.wall();
  forward.counters.failures[FailureClass::transient] = 20;
  forward.counters.delivered_traces = 4;
  forward.counters.lag.add(6s);
  forward.counters.lag.add(2s);
  look(10s);
  clock.advance(2s);
  EXPECT_EQ(shown(), (json{{"age_s", {2.0}},
                           {"accepted_per_s", {10.0}},
                           {"delivered_per_s", {5.0}},
                           {"failures_per_s", {2.0}},
                           {"queued_spans", {7}},
                           {"oldest_age_s", {10.0}},
                           {"lag_s", {2.0}}}));
}

TEST_F(HistoryTest, WhatIsNotKnownIsNull) {
  look();
  queue.totals_known = false;
  look();
  const json all = shown();
  for (const char* name : {"accepted_per_s", "delivered_per_s", "queued_spans", "lag_s"}) {
    EXPECT_TRUE(all.at(name).at(0).is_null()) << name;
  }
}

TEST_F(HistoryTest, TotalsThatBecameSmallerAreNoRate) {
  queue.accepted = 5;
  look();
  queue.accepted = 4;
  look();
  EXPECT_TRUE(shown().at("accepted_per_s").at(0).is_null());
}

TEST_F(HistoryTest, KeepsAnHour) {
  for (std::size_t i = 0; i < 2 * History::kMaxSamples; ++i) look();
  const json ages = shown().at("age_s");
  EXPECT_EQ(ages.size(), 720u);
  EXPECT_EQ(ages.front(), 3595.0);
  EXPECT_EQ(ages.back(), 0.0);
}

TEST_F(HistoryTest, IsDueOnceAStep) {
  EXPECT_TRUE(history.is_due());
  look();
  clock.advance(History::kStep - 1ms);
  EXPECT_FALSE(history.is_due());
  clock.advance(1ms);
  EXPECT_TRUE(history.is_due());
}

}  // namespace
}  // namespace tracelink
