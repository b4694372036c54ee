#include "daemon/app/delivery.hpp"

#include <chrono>
#include <filesystem>
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
    open();
  }

  void open() {
    queue.open();
    const auto remember = [](const LinkDefinition&) { return Result<LinkHash>(LinkHash{}); };
    active = *ActiveLinks::open(queue.fs, "/state/models/active.json", {}, remember);
    delivery = *Delivery::open(config, *queue.queue, queue.fs, queue.clock, queue.random, {},
                               *active, tap);
  }
  void close() {
    delivery.reset();
    queue.close();
  }
  // On the thread that watches the state directory.
  void retry_held_files() {
    queue.clock.advance(std::chrono::seconds(11));
    queue.queue->held_files().retry_due();
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

// The totals tell how far an interrupted replay went, and they are read late.
TEST_F(DeliveryOfNothingTest, AnInterruptedReplayIsSettledOnceTheTotalsAreKnown) {
  close();
  const std::filesystem::path under_way = "/state/dead-letters/x.replaying-3";
  queue.fs.set_content(under_way, "a letter");
  queue.fs.fail_reads("checkpoint");
  open();
  delivery->start();
  retry_held_files();
  EXPECT_TRUE(queue.queue->held_files().holds(under_way));
  queue.fs.heal();
  retry_held_files();  // of the queue
  retry_held_files();
  EXPECT_TRUE(queue.queue->held_files().list().empty());
  EXPECT_TRUE(*queue.fs.exists("/state/dead-letters/x.json"));
  EXPECT_FALSE(*queue.fs.exists(under_way));
  EXPECT_TRUE(delivery->notices().empty());
  delivery->stop();
}

}  // namespace
}  // namespace tracelink
