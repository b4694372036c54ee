#include "daemon/compare/plots.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <spdlog/fmt/fmt.h>

#include "daemon/compare/format.hpp"
#include "daemon/compare/svg.hpp"
#include "daemon/text/visible_text.hpp"

namespace tracelink::compare {
namespace {

constexpr std::size_t kBins = 40;

std::string short_name(const Version& version) {
  constexpr std::size_t kColumns = 40;
  return fitted(visible_text(version.model.name), kColumns);
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

}  // namespace

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

}  // namespace tracelink::compare
