#include "daemon/compare/condition.hpp"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <utility>

#include <spdlog/fmt/fmt.h>

#include "daemon/text/blanks.hpp"

namespace tracelink::compare {
namespace {

Error invalid(std::string_view text, const std::string& what) {
  return {ErrorCode::invalid, "'" + std::string(text) + "': " + what};
}

std::optional<double> number_in(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_whole = error == std::errc() && end == text.data() + text.size();
  return is_whole && std::isfinite(number) ? std::optional(number) : std::nullopt;
}

// Fills bound and number; false if the text is no bound.
bool read_bound(Condition& condition, std::string_view text) {
  if (text.ends_with('x')) {
    condition.bound = Condition::Bound::factor;
    text.remove_suffix(1);
  } else if (text.starts_with('+') || text.starts_with('-')) {
    condition.bound = Condition::Bound::difference;
  }
  const auto number = number_in(text);
  const bool is_factor = condition.bound == Condition::Bound::factor;
  if (!number || (is_factor && (*number < 0 || text.starts_with('+')))) return false;
  condition.number = *number;
  return true;
}

bool compares(double value, const std::string& op, double bound) {
  if (op == ">") return value > bound;
  if (op == ">=") return value >= bound;
  return op == "<" ? value < bound : value <= bound;
}

double bound_of(const Condition& condition, double baseline) {
  switch (condition.bound) {
    case Condition::Bound::factor:
      return condition.number * baseline;
    case Condition::Bound::difference:
      return baseline + condition.number;
    case Condition::Bound::absolute:
      return condition.number;
  }
  std::abort();
}

std::string told(const LoggedModel& model) { return model.model_id + " (" + model.name + ")"; }

std::string missing(const Condition& condition, const LoggedModel& model) {
  return fmt::format("'{}' cannot be judged: {} has no figure {}", condition.text, told(model),
                     condition.figure);
}

std::string held(const Condition& condition, const Version& version, double value, double bound,
                 std::optional<double> baseline) {
  std::string text = fmt::format("'{}' holds: {} of {} is {:.6g}, {} {:.6g}", condition.text,
                                 condition.figure, told(version.model), value, condition.op, bound);
  if (condition.bound != Condition::Bound::absolute) {
    text += fmt::format(" (the baseline's is {:.6g})", *baseline);
  }
  return text;
}

Verdict judge(const Condition& condition, const Version& version, const Version& baseline) {
  using Outcome = Verdict::Outcome;
  const auto verdict = [&](Outcome outcome, std::string message) {
    return Verdict{condition.text, version.model.model_id, outcome, std::move(message)};
  };
  const auto value = value_of(version.figures, version.samples, condition.figure);
  const auto base = value_of(baseline.figures, baseline.samples, condition.figure);
  if (!value) return verdict(Outcome::unknown, missing(condition, version.model));
  if (!base && condition.bound != Condition::Bound::absolute) {
    return verdict(Outcome::unknown, missing(condition, baseline.model));
  }
  const double bound = bound_of(condition, base.value_or(0));
  if (!compares(*value, condition.op, bound)) return verdict(Outcome::passes, "");
  return verdict(Outcome::holds, held(condition, version, *value, bound, base));
}

}  // namespace

Result<Condition> parse_condition(std::string_view text) {
  // The last one: an assessment's name may have such a character.
  const std::size_t at = text.find_last_of("<>");
  if (at == std::string_view::npos) return invalid(text, "write FIGURE > BOUND, or with >= < <=");
  const bool has_equals = text.substr(at + 1).starts_with('=');
  Condition condition{.text = std::string(text),
                      .figure = std::string(trimmed(text.substr(0, at))),
                      .op = std::string(text.substr(at, has_equals ? 2 : 1))};
  if (!is_figure_name(condition.figure)) {
    return invalid(text, "there is no figure '" + condition.figure +
                             "'; those of an assessment are mean:NAME, pass_rate:NAME, count:NAME "
                             "and errors:NAME");
  }
  const std::string_view bound = trimmed(text.substr(at + condition.op.size()));
  if (!read_bound(condition, bound)) {
    return invalid(text,
                   "the bound is 0.05, 1.2x (times the baseline's), or +0.05 or -0.05 (beside "
                   "the baseline's)");
  }
  return condition;
}

std::vector<Verdict> judge(const Condition& condition, const Comparison& comparison) {
  std::vector<Verdict> verdicts;
  for (std::size_t i = 1; i < comparison.versions.size(); ++i) {
    verdicts.push_back(judge(condition, comparison.versions[i], comparison.versions.front()));
  }
  return verdicts;
}

}  // namespace tracelink::compare
