#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <vector>

namespace tracelink {

// A run of spans of one trace, in their order in the prepared trace.
struct SpanRange {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t size() const { return end - begin; }
  bool operator==(const SpanRange&) const = default;
};

// The search for the spans that the server refuses: halves of a trace, first to last, until each
// refused span is alone. Takes 2·k·log2(n) requests at most for k bad spans among n. When the first
// kGiveUpAfter spans are all refused, so are the others, unsent: it is not about single spans.
class SpanBisection {
 public:
  static constexpr std::size_t kGiveUpAfter = 64;

  // `refused` as a whole. Precondition: total > 1.
  explicit SpanBisection(std::size_t total);

  // What to send next; nothing when every span is delivered or bad.
  std::optional<SpanRange> current() const;
  void current_delivered();
  // Splits the current range; a single span becomes bad.
  void current_refused();

  std::size_t total() const { return total_; }
  const std::set<std::size_t>& bad() const { return bad_; }

 private:
  void push_halves(SpanRange range);

  std::size_t total_;
  std::vector<SpanRange> open_;  // a stack: the next one last
  std::set<std::size_t> bad_;
  bool any_delivered_ = false;
};

}  // namespace tracelink
