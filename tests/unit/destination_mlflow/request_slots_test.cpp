#include "daemon/destination/request_slots.hpp"

#include <string>

#include <gtest/gtest.h>

namespace tracelink {
namespace {

TEST(RequestSlots, LetsAsManyThroughAsItMayAndTheOthersInOrder) {
  RequestSlots request_slots(2);
  std::string begun;
  for (const char name : {'a', 'b', 'c', 'd'})
    request_slots.enter([&begun, name] { begun += name; });
  EXPECT_EQ(begun, "ab");
  request_slots.release();
  EXPECT_EQ(begun, "abc");
  request_slots.release();
  EXPECT_EQ(begun, "abcd");
}

TEST(RequestSlots, ARequestMayEndAtOnce) {
  RequestSlots request_slots(1);
  int begun = 0;
  for (int n = 0; n < 3; ++n) {
    request_slots.enter([&] {
      ++begun;
      request_slots.release();
    });
  }
  EXPECT_EQ(begun, 3);
}

// All that wait may end at once, without a frame on the stack for each.
TEST(RequestSlots, ALongQueueThatEndsAtOnceNeedsNoDeepStack) {
  RequestSlots request_slots(1);
  request_slots.enter([] {});
  int begun = 0;
  constexpr int kMany = 1'000'000;
  for (int n = 0; n < kMany; ++n) {
    request_slots.enter([&] {
      ++begun;
      request_slots.release();
    });
  }
  request_slots.release();
  EXPECT_EQ(begun, kMany);
}

}  // namespace
}  // namespace tracelink
