#include "daemon/forward/request_gate.hpp"

#include <string>

#include <gtest/gtest.h>

namespace tracelink {
namespace {

TEST(RequestGate, LetsAsManyThroughAsItMayAndTheOthersInOrder) {
  RequestGate gate(2);
  std::string begun;
  for (const char name : {'a', 'b', 'c', 'd'}) gate.enter([&begun, name] { begun += name; });
  EXPECT_EQ(begun, "ab");
  gate.release();
  EXPECT_EQ(begun, "abc");
  gate.release();
  EXPECT_EQ(begun, "abcd");
}

TEST(RequestGate, ARequestMayEndAtOnce) {
  RequestGate gate(1);
  int begun = 0;
  for (int n = 0; n < 3; ++n) {
    gate.enter([&] {
      ++begun;
      gate.release();
    });
  }
  EXPECT_EQ(begun, 3);
}

// All that wait may end at once, without a frame on the stack for each.
TEST(RequestGate, ALongQueueThatEndsAtOnceNeedsNoDeepStack) {
  RequestGate gate(1);
  gate.enter([] {});
  int begun = 0;
  constexpr int kMany = 1'000'000;
  for (int n = 0; n < kMany; ++n) {
    gate.enter([&] {
      ++begun;
      gate.release();
    });
  }
  gate.release();
  EXPECT_EQ(begun, kMany);
}

}  // namespace
}  // namespace tracelink
