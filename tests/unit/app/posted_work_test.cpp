#include "daemon/app/posted_work.hpp"

#include <future>
#include <stop_token>
#include <string>
#include <thread>

#include <gtest/gtest.h>

namespace tracelink {
namespace {

TEST(PostedWork, IsDoneInOrderAndToTheEnd) {
  PostedWork work;
  std::string done;
  for (const char letter : std::string("abc")) {
    EXPECT_TRUE(work.post([&done, letter] { done += letter; }));
  }
  std::stop_source stopped;
  stopped.request_stop();
  work.run(stopped.get_token());
  EXPECT_EQ(done, "abc");
}

TEST(PostedWork, NothingIsTakenBehindTheEnd) {
  PostedWork work;
  std::stop_source stopped;
  stopped.request_stop();
  work.run(stopped.get_token());
  EXPECT_FALSE(work.post([] {}));
}

TEST(PostedWork, WhatComesWhileItWaitsIsDone) {
  PostedWork work;
  std::jthread thread([&work](const std::stop_token& stop) { work.run(stop); });
  std::promise<std::thread::id> ran;
  EXPECT_TRUE(work.post([&ran] { ran.set_value(std::this_thread::get_id()); }));
  EXPECT_EQ(ran.get_future().get(), thread.get_id());
}

}  // namespace
}  // namespace tracelink
