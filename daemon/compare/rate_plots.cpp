#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <limits>
#include <set>

#include <spdlog/fmt/fmt.h>

#include "daemon/compare/format.hpp"
#include "daemon/compare/plots.hpp"
#include "daemon/compare/svg.hpp"

// The plots of shares over time: errors, and passes of assessments.
namespace tracelink::compare {
namespace {

constexpr double kLineTop = 10, kLineBottom = 150;
constexpr std::size_t kPeriods = 24;
constexpr std::size_t kMostPassRatePlots = 12;

// The time that the traces of all versions cover, in periods of equal length.
struct Periods {
  std::int64_t first_ms, last_ms;

  std::size_t of(std::int64_t time_ms) const {
    const auto part = static_cast<double>(time_ms - first_ms) / static_cast<double>(length());
    return std::min(kPeriods - 1, static_cast<std::size_t>(part * static_cast<double>(kPeriods)));
  }
  double middle(std::size_t period) const {
    return kLeft + (static_cast<double>(period) + 0.5) / static_cast<double>(kPeriods) * kPlotWidth;
  }
  std::int64_t length() const { return std::max<std::int64_t>(last_ms - first_ms, 1); }
};

Periods periods_of(const Comparison& comparison) {
  Periods periods{std::numeric_limits<std::int64_t>::max(), 0};
  for (const Version& version : comparison.versions) {
    for (const Occurrence& trace : version.samples.traces) {
      periods.first_ms = std::min(periods.first_ms, trace.time_ms);
      periods.last_ms = std::max(periods.last_ms, trace.time_ms);
    }
  }
  return periods;
}

std::string time_text(std::int64_t time_ms) {
  const auto seconds = static_cast<std::time_t>(time_ms / 1000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> buffer{};
  std::strftime(buffer.data(), buffer.size(), "%m-%d %H:%M", &parts);
  return buffer.data();
}

using Rates = std::array<Proportion, kPeriods>;

Rates rates_of(const std::vector<Occurrence>& occurrences, const Periods& periods) {
  Rates rates{};
  for (const Occurrence& occurrence : occurrences) {
    Proportion& rate = rates[periods.of(occurrence.time_ms)];
    rate.yes += occurrence.is_yes ? 1 : 0;
    ++rate.all;
  }
  return rates;
}

double share(const Proportion& proportion) {
  return static_cast<double>(proportion.yes) / static_cast<double>(proportion.all);
}

// Of one version; nothing where it has no such values.
using Series = std::vector<const std::vector<Occurrence>*>;

// Points, and a line between those of neighbouring periods: a gap stays one.
std::string rate_line(const Rates& rates, const Periods& periods, double most) {
  std::string path, points;
  bool is_drawing = false;
  for (std::size_t period = 0; period < kPeriods; ++period) {
    if (rates[period].all == 0) {
      is_drawing = false;
      continue;
    }
    const double x = periods.middle(period);
    const double y = kLineBottom - share(rates[period]) / most * (kLineBottom - kLineTop);
    path += fmt::format("{}{:.1f} {:.1f}", is_drawing ? "L" : "M", x, y);
    points += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2\"/>", x, y);
    is_drawing = true;
  }
  return "<path d=\"" + path + "\"/>" + points;
}

std::string rate_axes(const Periods& periods, double most) {
  std::string svg;
  for (const double part : {0.0, 0.5, 1.0}) {
    const double y = kLineBottom - part * (kLineBottom - kLineTop);
    svg += rule(kLeft, y, kRight, y, "grid") +
           text(kLeft - 4, y + 3, "end", value_text(part * most, Unit::rate));
  }
  return svg + text(kLeft, kLineBottom + 14, "start", time_text(periods.first_ms)) +
         text(kRight, kLineBottom + 14, "end", time_text(periods.last_ms) + " UTC");
}

std::string rate_plot(const std::string& id, const std::string& more, const std::string& title,
                      const Comparison& comparison, const Series& series, bool to_one) {
  constexpr double kHeight = 170;
  const Periods periods = periods_of(comparison);
  std::vector<Rates> rates;
  double most = to_one ? 1 : 0.01;
  for (const auto* occurrences : series) {
    rates.push_back(occurrences == nullptr ? Rates{} : rates_of(*occurrences, periods));
    for (const Proportion& rate : rates.back()) {
      if (rate.all > 0) most = std::max(most, share(rate));
    }
  }
  std::string svg = rate_axes(periods, most);
  for (std::size_t i = 0; i < rates.size(); ++i) {
    const Version& version = comparison.versions[i];
    svg += fmt::format("<g class=\"line v{}\" data-model=\"{}\">{}{}</g>", i,
                       escaped(version.model.model_id), rate_line(rates[i], periods, most),
                       title_of(version, title));
  }
  return figure(id, more, title, kHeight, svg);
}

Series ratings_of(const Comparison& comparison, const AssessmentKey& key) {
  Series series;
  for (const Version& version : comparison.versions) {
    const auto found = version.samples.assessments.find(key);
    const bool is_rated =
        found != version.samples.assessments.end() && !found->second.ratings.empty();
    series.push_back(is_rated ? &found->second.ratings : nullptr);
  }
  return series;
}

bool is_empty(const Series& series) {
  return std::ranges::all_of(series, [](const auto* values) { return values == nullptr; });
}

}  // namespace

std::string error_plot(const Comparison& comparison) {
  Series series;
  for (const Version& version : comparison.versions) {
    series.push_back(version.samples.traces.empty() ? nullptr : &version.samples.traces);
  }
  if (is_empty(series)) return "";
  return rate_plot("plot-errors", "", "Error rate over time", comparison, series, false);
}

std::string pass_rate_plots(const Comparison& comparison) {
  std::set<AssessmentKey> keys;
  for (const Version& version : comparison.versions) {
    for (const auto& [key, values] : version.samples.assessments) {
      if (key.source.empty() && !values.ratings.empty()) keys.insert(key);
    }
  }
  std::string plots;
  std::size_t number = 0;
  for (const AssessmentKey& key : keys) {
    if (number == kMostPassRatePlots) break;
    const std::string name = escaped(key.name + (key.is_expectation ? " (expectation)" : ""));
    plots += rate_plot(fmt::format("plot-pass-rate-{}", number++),
                       " data-assessment=\"" + escaped(key.name) + "\"",
                       "Pass rate of " + name + " over time", comparison,
                       ratings_of(comparison, key), true);
  }
  return plots;
}

}  // namespace tracelink::compare
