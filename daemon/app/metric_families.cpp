#include "daemon/app/metric_families.hpp"

#include <limits>

#include <prometheus/text_serializer.h>

namespace tracelink {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

void MetricFamilies::counter(std::string name, std::string help, std::uint64_t count) {
  counter_seconds(std::move(name), std::move(help), static_cast<double>(count));
}

void MetricFamilies::counter_seconds(std::string name, std::string help, double seconds) {
  family(std::move(name), std::move(help), MetricType::Counter)
      .metric.emplace_back()
      .counter.value = seconds;
}

void MetricFamilies::gauge(std::string name, std::string help, double value) {
  family(std::move(name), std::move(help), MetricType::Gauge).metric.emplace_back().gauge.value =
      value;
}

void MetricFamilies::counters(std::string name, std::string help, const std::string& label,
                              const std::vector<Labelled>& values) {
  MetricFamily& all = family(std::move(name), std::move(help), MetricType::Counter);
  for (const Labelled& labelled : values) {
    ClientMetric& metric = all.metric.emplace_back();
    metric.label = {{label, labelled.value}};
    metric.counter.value = labelled.number;
  }
}

void MetricFamilies::gauges(std::string name, std::string help, const std::string& label,
                            const std::vector<Labelled>& values) {
  MetricFamily& all = family(std::move(name), std::move(help), MetricType::Gauge);
  for (const Labelled& labelled : values) {
    ClientMetric& metric = all.metric.emplace_back();
    metric.label = {{label, labelled.value}};
    metric.gauge.value = labelled.number;
  }
}

void MetricFamilies::begin_counters(std::string name, std::string help) {
  family(std::move(name), std::move(help), MetricType::Counter);
}

void MetricFamilies::add_counter(Labels labels, std::uint64_t count) {
  ClientMetric& metric = families_.back().metric.emplace_back();
  metric.label = std::move(labels);
  metric.counter.value = static_cast<double>(count);
}

void MetricFamilies::begin_histograms(std::string name, std::string help) {
  family(std::move(name), std::move(help), MetricType::Histogram);
}

void MetricFamilies::add_histogram(Labels labels, const DurationHistogram& histogram) {
  ClientMetric& metric = families_.back().metric.emplace_back();
  metric.label = std::move(labels);
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < histogram.counts().size(); ++i) {
    below += histogram.counts()[i];
    const bool is_last = i == histogram.bounds().size();
    metric.histogram.bucket.push_back(
        {below, is_last ? std::numeric_limits<double>::infinity() : histogram.bounds()[i]});
  }
  metric.histogram.sample_count = below;
  metric.histogram.sample_sum = histogram.sum_seconds();
}

void MetricFamilies::info(std::string name, std::string help, Labels labels) {
  ClientMetric& metric =
      family(std::move(name), std::move(help), MetricType::Gauge).metric.emplace_back();
  metric.label = std::move(labels);
  metric.gauge.value = 1;
}

std::string MetricFamilies::text() const {
  return prometheus::TextSerializer().Serialize(families_);
}

MetricFamily& MetricFamilies::family(std::string name, std::string help, MetricType type) {
  return families_.emplace_back(MetricFamily{std::move(name), std::move(help), type, {}});
}

}  // namespace tracelink
