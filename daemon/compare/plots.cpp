#include "daemon/compare/plots.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <limits>
#include <set>

#include <spdlog/fmt/fmt.h>

#include "daemon/base/visible_text.hpp"
#include "daemon/compare/format.hpp"

namespace tracelink::compare {
namespace {

// As wide as a phone, so that the texts can be read there; the style lets it grow.
constexpr double kWidth = 360, kLeft = 40, kRight = 350, kPlotWidth = kRight - kLeft;
constexpr double kLineTop = 10, kLineBottom = 150;
constexpr std::size_t kBins = 40, kPeriods = 24;
constexpr std::size_t kMostPassRatePlots = 12;

std::string figure(const std::string& id, const std::string& more, const std::string& title,
                   double height, const std::string& content) {
  return fmt::format(
      "<figure class=\"plot\" id=\"{}\"{}><figcaption>{}</figcaption>"
      "<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">{}</svg></figure>\n",
      id, more, title, kWidth, height, title, content);
}

std::string text(double x, double y, const char* anchor, std::string_view content) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>", x, y, anchor,
                     escaped(content));
}

std::string rule(double x1, double y1, double x2, double y2, const char* style) {
  return fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" class=\"{}\"/>",
                     x1, y1, x2, y2, style);
}

std::string short_name(const Version& version) {
  constexpr std::size_t kColumns = 40;
  return fitted(visible_text(version.model.name), kColumns);
}

std::string title_of(const Version& version, const std::string& what) {
  return fmt::format("<title>{}: {}</title>", escaped(version.model.name), escaped(what));
}

// A logarithmic axis; what is below a millisecond is drawn there.
class LogAxis {
 public:
  explicit LogAxis(double most)
      : decades_(std::max(1.0, std::ceil(std::log10(std::max(most, 1.0))))) {}

  double part(double ms) const { return std::min(1.0, std::log10(std::max(ms, 1.0)) / decades_); }
  double x(double ms) const { return kLeft + part(ms) * kPlotWidth; }
  std::size_t bin(double ms) const {
    return std::min(kBins - 1, static_cast<std::size_t>(part(ms) * static_cast<double>(kBins)));
  }
  std::string ticks(double top, double bottom) const {
    std::string svg;
    for (double decade = 0; decade <= decades_; ++decade) {
      const double ms = std::pow(10, decade);
      svg += rule(x(ms), top, x(ms), bottom, "grid");
      const char* anchor = decade == decades_ ? "end" : "middle";
      svg += text(x(ms), bottom + 12, anchor, value_text(ms, Unit::milliseconds));
    }
    return svg;
  }

 private:
  double decades_;
};

double most_latency(const Comparison& comparison) {
  double most = 0;
  for (const Version& version : comparison.versions) {
    for (const double ms : version.samples.latencies) most = std::max(most, ms);
  }
  return most;
}

std::array<double, kBins> histogram(const std::vector<double>& values, const LogAxis& axis) {
  std::array<double, kBins> bins{};
  for (const double value : values) bins[axis.bin(value)] += 1;
  const double most = *std::ranges::max_element(bins);
  for (double& bin : bins) bin /= most;
  return bins;
}

std::string quantile_marks(const Version& version, const LogAxis& axis, double top, double bottom) {
  std::string svg;
  for (const char* name : {"latency_p50_ms", "latency_p95_ms", "latency_p99_ms"}) {
    const auto ms = value_of(version.figures, version.samples, name);
    if (ms) svg += rule(axis.x(*ms), top, axis.x(*ms), bottom, "mark");
  }
  return svg;
}

std::string latency_row(const Version& version, std::size_t index, const LogAxis& axis,
                        double top) {
  constexpr double kName = 12, kHeight = 34, kBinWidth = kPlotWidth / kBins;
  const double bottom = top + kName + kHeight;
  std::string svg = text(kLeft, top + 9, "start", short_name(version));
  if (version.samples.latencies.empty()) return svg;
  const auto bins = histogram(version.samples.latencies, axis);
  svg += fmt::format("<g class=\"v{}\" data-model=\"{}\">", index, escaped(version.model.model_id));
  for (std::size_t bin = 0; bin < kBins; ++bin) {
    if (bins[bin] == 0) continue;
    svg += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"/>",
                       kLeft + static_cast<double>(bin) * kBinWidth, bottom - bins[bin] * kHeight,
                       kBinWidth - 0.5, bins[bin] * kHeight);
  }
  svg += title_of(version, fmt::format("{} traces", version.samples.latencies.size())) + "</g>";
  return svg + quantile_marks(version, axis, top + kName, bottom);
}

struct TokenMeans {
  double input = 0, output = 0;
};

TokenMeans tokens_of(const Version& version) {
  const auto at = [&](const char* name) {
    return value_of(version.figures, version.samples, name).value_or(0);
  };
  return {at("input_tokens_per_trace"), at("output_tokens_per_trace")};
}

std::string token_bar(const Version& version, std::size_t index, double most, double top) {
  constexpr double kName = 12, kBar = 14, kValues = 60;
  const TokenMeans tokens = tokens_of(version);
  const double scale = (kPlotWidth - kValues) / most;
  const std::string values = value_text(tokens.input, Unit::tokens) + " in, " +
                             value_text(tokens.output, Unit::tokens) + " out";
  const double input = tokens.input * scale, output = tokens.output * scale;
  return text(kLeft, top + 9, "start", short_name(version) + " — " + values) +
         fmt::format(
             "<g class=\"v{}\" data-model=\"{}\"><rect x=\"{}\" y=\"{:.1f}\" width=\"{:.1f}\" "
             "height=\"{}\"/><rect class=\"second\" x=\"{:.1f}\" y=\"{:.1f}\" "
             "width=\"{:.1f}\" height=\"{}\"/>{}</g>",
             index, escaped(version.model.model_id), kLeft, top + kName, input, kBar, kLeft + input,
             top + kName, output, kBar, title_of(version, values));
}

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

std::string escaped(std::string_view content) {
  std::string result;
  for (const char c : visible_text(content)) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

std::string latency_plot(const Comparison& comparison) {
  constexpr double kRow = 52, kAxis = 18;
  const double most = most_latency(comparison);
  if (most == 0) return "";
  const LogAxis axis(most);
  const double bottom = kRow * static_cast<double>(comparison.versions.size());
  std::string svg = axis.ticks(0, bottom);
  for (std::size_t i = 0; i < comparison.versions.size(); ++i) {
    svg += latency_row(comparison.versions[i], i, axis, kRow * static_cast<double>(i));
  }
  return figure("plot-latency", "", "Latency of traces, with p50, p95 and p99", bottom + kAxis,
                svg);
}

std::string token_plot(const Comparison& comparison) {
  constexpr double kRow = 34;
  double most = 0;
  for (const Version& version : comparison.versions) {
    const TokenMeans tokens = tokens_of(version);
    most = std::max(most, tokens.input + tokens.output);
  }
  if (most == 0) return "";
  std::string svg;
  for (std::size_t i = 0; i < comparison.versions.size(); ++i) {
    svg += token_bar(comparison.versions[i], i, most, kRow * static_cast<double>(i));
  }
  return figure("plot-tokens", "", "Tokens of a trace, mean: input, then output",
                kRow * static_cast<double>(comparison.versions.size()), svg);
}

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
