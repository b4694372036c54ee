#include "daemon/forward/span_accounting.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/trace_record.hpp"

namespace tracelink {
namespace {

class SpanAccountingTest : public ::testing::Test {
 protected:
  void part(const std::vector<TestSpan>& spans) {
    slices.push_back(encode_spans(trace_id(1), spans));
    add_part(static_cast<std::uint32_t>(spans.size()));
  }
  void unreadable_part(std::uint32_t span_count) {
    slices.emplace_back("\x0a\xff");
    add_part(span_count);
  }
  // "delivered/dead/duplicate" of each part.
  static std::vector<std::string> texts(const std::vector<Completion>& completions) {
    std::vector<std::string> all;
    for (const Completion& c : completions) {
      all.push_back(std::to_string(c.delivered) + "/" + std::to_string(c.dead_lettered) + "/" +
                    std::to_string(c.duplicate));
    }
    return all;
  }

  using Texts = std::vector<std::string>;
  std::vector<Part> parts;
  std::vector<std::string> slices;

 private:
  void add_part(std::uint32_t span_count) { parts.push_back({{1, parts.size()}, span_count, 0}); }
};

TEST_F(SpanAccountingTest, EverythingIsDelivered) {
  part(spans(1, 3));
  part(spans(4, 5));
  const auto completions = account_spans(parts, slices, {});
  EXPECT_EQ(texts(completions), (Texts{"3/0/0", "2/0/0"}));
  EXPECT_EQ(completions[1].position, parts[1].position);
}

TEST_F(SpanAccountingTest, OfARepeatedSpanTheEarlierOnesAreDuplicates) {
  part(spans(1, 3));
  part(spans(2, 4));
  EXPECT_EQ(texts(account_spans(parts, slices, {})), (Texts{"1/0/2", "3/0/0"}));
}

TEST_F(SpanAccountingTest, ASpanTwiceInOnePartCountsOnce) {
  part({{.id = 1}, {.id = 2}, {.id = 1}});
  EXPECT_EQ(texts(account_spans(parts, slices, {})), Texts{"2/0/1"});
}

TEST_F(SpanAccountingTest, DeadSpansAreDeadInWhicheverPartTheyAre) {
  part(spans(1, 3));
  part(spans(4, 5));
  EXPECT_EQ(texts(account_spans(parts, slices, {span_id(1), span_id(5)})),
            (Texts{"2/1/0", "1/1/0"}));
}

TEST_F(SpanAccountingTest, ADeadSpanThatIsRepeatedDiesOnce) {
  part(spans(1, 2));
  part(spans(2, 3));
  EXPECT_EQ(texts(account_spans(parts, slices, {span_id(2)})), (Texts{"1/0/1", "1/1/0"}));
}

TEST_F(SpanAccountingTest, AWholeTraceIsDead) {
  part(spans(1, 2));
  part(spans(2, 3));
  EXPECT_EQ(texts(account_all_dead(parts, slices)), (Texts{"0/1/1", "0/2/0"}));
}

TEST_F(SpanAccountingTest, APartThatCannotBeReadCountsAsAWhole) {
  unreadable_part(7);
  part(spans(1, 1));
  EXPECT_EQ(texts(account_spans(parts, slices, {span_id(1)})), (Texts{"7/0/0", "0/1/0"}));
  EXPECT_EQ(texts(account_all_dead(parts, slices)), (Texts{"0/7/0", "0/1/0"}));
}

TEST_F(SpanAccountingTest, APartWithAnotherNumberOfSpansThanItSaysCountsByWhatItSays) {
  part(spans(1, 3));
  parts[0].span_count = 5;
  EXPECT_EQ(texts(account_spans(parts, slices, {})), Texts{"5/0/0"});
}

}  // namespace
}  // namespace tracelink
