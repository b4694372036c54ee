#include "daemon/app/service_line.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

class ServiceLineTest : public testing::Test {
 protected:
  ServiceLineTest() {
    queue.totals_known = true;
    queue.queued_spans = 12;
  }
  void fail(const std::string& message) {
    forward.last_error = LastError{.message = message, .remedy = "", .at = {}, .over_at = {}};
  }
  std::string line(const std::string& model = "agent-v1") const {
    return service_line(model, registration, queue, forward);
  }

  std::optional<RegistrationStatus> registration;
  QueueStats queue;
  ForwardStatus forward;
};

TEST_F(ServiceLineTest, HasModelAndDepth) {
  EXPECT_EQ(line(), "model agent-v1 not asked for yet; 12 spans queued");
  registration.emplace().state = RegistrationState::ready;
  EXPECT_EQ(line(), "model agent-v1 ready; 12 spans queued");
  EXPECT_EQ(line(""), "no model; 12 spans queued");
}

TEST_F(ServiceLineTest, HasTheLastErrorUntilItIsOver) {
  fail("server: no\nanswer");
  EXPECT_EQ(line(), "model agent-v1 not asked for yet; 12 spans queued; server: no\\nanswer");
  forward.last_error->over_at = SteadyTime();
  EXPECT_EQ(line(), "model agent-v1 not asked for yet; 12 spans queued");
}

TEST_F(ServiceLineTest, SaysWhatIsFullOrUnknown) {
  queue.full = true;
  EXPECT_EQ(line(), "model agent-v1 not asked for yet; 12 spans queued (full)");
  queue.totals_known = false;
  EXPECT_EQ(line(), "model agent-v1 not asked for yet; an unknown number of spans queued");
}

TEST_F(ServiceLineTest, IsBounded) {
  fail(std::string(1000, 'x'));
  EXPECT_EQ(line().size(), 300u);
}

}  // namespace
}  // namespace tracelink
