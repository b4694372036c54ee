#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <prometheus/metric_family.h>

#include "daemon/base/histogram.hpp"

namespace tracelink {

// Families of metrics in the order in which they are told, as Prometheus' text format has them.
class MetricFamilies {
 public:
  struct Labelled {
    std::string value;  // of the label
    double number = 0;
  };
  using Labels = std::vector<prometheus::ClientMetric::Label>;

  void counter(std::string name, std::string help, std::uint64_t count);
  void counter_seconds(std::string name, std::string help, double seconds);
  void gauge(std::string name, std::string help, double value);
  // A family whose series differ in one label.
  void counters(std::string name, std::string help, const std::string& label,
                const std::vector<Labelled>& values);
  void gauges(std::string name, std::string help, const std::string& label,
              const std::vector<Labelled>& values);
  // A family whose series have several labels; add_counter() and add_histogram() add to the one
  // begun last.
  void begin_counters(std::string name, std::string help);
  void add_counter(Labels labels, std::uint64_t count);
  void begin_histograms(std::string name, std::string help);
  void add_histogram(Labels labels, const DurationHistogram& histogram);
  // A gauge whose labels are what it tells.
  void info(std::string name, std::string help, Labels labels);

  std::string text() const;

 private:
  prometheus::MetricFamily& family(std::string name, std::string help, prometheus::MetricType type);

  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace tracelink
