#include "daemon/base/bounded_map.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace tracelink {
namespace {

struct BoundedMapTest : testing::Test {
  std::vector<int> keys() const {
    std::vector<int> keys;
    for (const auto& [key, entry] : map.entries()) keys.push_back(key);
    return keys;
  }
  BoundedMap<int, char> map{3};
};

TEST_F(BoundedMapTest, TheOneAddedFirstGoesWhenThereAreTooMany) {
  for (const int key : {7, 3, 5}) map[key] = 'a';
  map[7] = 'b';  // changed, not added
  map[1] = 'c';
  EXPECT_EQ(keys(), (std::vector<int>{1, 3, 5}));
  EXPECT_EQ(map.find(7), nullptr);
  EXPECT_EQ(*map.find(1), 'c');
}

TEST_F(BoundedMapTest, WhatWasErasedAndAddedAgainIsNew) {
  for (const int key : {1, 2, 3}) map[key] = 'a';
  EXPECT_TRUE(map.erase(1));
  EXPECT_FALSE(map.erase(1));
  map[1] = 'b';
  map[4] = 'c';
  map[5] = 'd';
  EXPECT_EQ(keys(), (std::vector<int>{1, 4, 5}));
}

}  // namespace
}  // namespace tracelink
