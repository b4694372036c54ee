#include "daemon/app/delivery.hpp"

#include <future>
#include <thread>

#include <gtest/gtest.h>

#include "tests/support/queue_harness.hpp"

namespace tracelink {
namespace {

// Without tracking.uri.
class DeliveryOfNothingTest : public testing::Test {
 protected:
  DeliveryOfNothingTest() {
    config.state_dir = "/state";
    queue.open();
    const auto remember = [](const LinkDefinition&) { return Result<LinkHash>(LinkHash{}); };
    active = *ActiveLinks::open(queue.fs, "/state/models/active.json", {}, remember);
    delivery = *Delivery::open(config, *queue.queue, queue.fs, queue.clock, queue.random, {},
                               *active, tap);
  }

  QueueHarness queue;
  Config config;
  Tap tap{queue.clock};
  std::unique_ptr<ActiveLinks> active;
  std::unique_ptr<Delivery> delivery;
};

TEST_F(DeliveryOfNothingTest, PostedWorkIsNotDoneOnTheCallersThread) {
  ASSERT_EQ(delivery->forwarder(), nullptr);
  delivery->start();
  std::promise<std::thread::id> ran;
  EXPECT_TRUE(delivery->post([&ran] { ran.set_value(std::this_thread::get_id()); }));
  EXPECT_NE(ran.get_future().get(), std::this_thread::get_id());
  delivery->stop();
  EXPECT_FALSE(delivery->post([] {}));
}

TEST_F(DeliveryOfNothingTest, ACallIsWaitedFor) {
  delivery->start();
  bool ran = false;
  EXPECT_TRUE(delivery->call([&ran] { ran = true; }));
  EXPECT_TRUE(ran);
  delivery->stop();
  EXPECT_EQ(delivery->call([] {}).error().code, ErrorCode::closed);
}

}  // namespace
}  // namespace tracelink
