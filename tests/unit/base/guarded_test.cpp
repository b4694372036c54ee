#include "daemon/base/guarded.hpp"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace tracelink {
namespace {

TEST(Guarded, OneThreadAtATimeSeesTheValue) {
  constexpr int kThreads = 4;
  constexpr int kTurns = 20'000;
  Guarded<int> value(7);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int turn = 0; turn < kTurns; ++turn) ++*value.lock();
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(*value.lock(), 7 + kThreads * kTurns);
}

}  // namespace
}  // namespace tracelink
