#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/result.hpp"
#include "daemon/compare/comparison.hpp"

// What --fail-if says (docs/cli.md#conditions): FIGURE OP BOUND, where OP is > >= < or <=, and
// BOUND is N, Nx (so many times the baseline's figure), +N or -N (so much above or below it).
namespace tracelink::compare {

struct Condition {
  enum class Bound { absolute, factor, difference };

  std::string text;  // as it was given
  std::string figure;
  std::string op;
  Bound bound = Bound::absolute;
  double number = 0;
};

// Errors: `invalid`, which says what is wrong with the text.
Result<Condition> parse_condition(std::string_view text);

// What a condition says of one version.
struct Verdict {
  enum class Outcome { passes, holds, unknown };

  std::string condition, model_id;
  Outcome outcome = Outcome::passes;
  std::string message;  // for people, unless it passes: figure, value and bound, or what is missing
};

// One for each version but the baseline. Unknown: the version has no such figure, or the baseline
// where the bound needs it.
std::vector<Verdict> judge(const Condition& condition, const Comparison& comparison);

}  // namespace tracelink::compare
