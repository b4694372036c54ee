#include "daemon/forward/model_counters.hpp"

#include <gtest/gtest.h>

#include "tests/support/fake_source.hpp"

namespace tracelink {
namespace {

class ModelCountersTest : public testing::Test {
 protected:
  LinkHash link(const std::string& name, bool named_by_trace, const std::string& type = "") {
    LinkDefinition definition;
    definition.name = name;
    definition.type = type;
    definition.named_by_trace = named_by_trace;
    return source.define(definition);
  }
  const std::string& label(const LinkHash& hash) { return counters.of(hash).model; }

  FakeSource source;
  ModelCounters counters{source};
};

TEST_F(ModelCountersTest, LinksOfOneNameAreCountedTogether) {
  ++counters.of(link("agent", false)).delivered_traces;
  ++counters.of(link("agent", false, "chat")).delivered_traces;
  ++counters.of(LinkHash{}).failures;
  ASSERT_EQ(counters.all().size(), 2u);
  EXPECT_EQ(counters.all()[0].model, "agent");
  EXPECT_EQ(counters.all()[0].delivered_traces, 2u);
  EXPECT_EQ(counters.all()[1].model, "none");
  EXPECT_EQ(counters.all()[1].failures, 1u);
}

TEST_F(ModelCountersTest, WhatClientsInventLeavesRoomForOperators) {
  for (std::size_t n = 0; n < 2 * ModelCounters::kMaxNames; ++n) {
    ++counters.of(link("invented-" + std::to_string(n), true)).delivered_traces;
  }
  EXPECT_EQ(counters.all().size(), ModelCounters::kMaxNamedByTraces + 1);
  EXPECT_EQ(label(link("invented-0", true)), "invented-0");
  EXPECT_EQ(label(link("invented-199", true)), "other");
  EXPECT_EQ(label(link("mine", false)), "mine");
  EXPECT_EQ(counters.of(link("invented-199", true)).delivered_traces, 150u);
}

TEST_F(ModelCountersTest, TheNumberOfNamesIsBounded) {
  for (std::size_t n = 0; n < 2 * ModelCounters::kMaxNames; ++n) {
    ++counters.of(link("mine-" + std::to_string(n), false)).failures;
  }
  EXPECT_EQ(counters.all().size(), ModelCounters::kMaxNames + 1);
  EXPECT_EQ(counters.all().back().model, "other");
  EXPECT_EQ(counters.all().back().failures, 100u);
}

}  // namespace
}  // namespace tracelink
