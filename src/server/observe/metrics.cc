// SPDX-License-Identifier: Apache-2.0
#include "server/observe/metrics.h"

#include <mutex>
#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <tuple>

namespace kedge::server {
namespace {

// From a heartbeat answered out of memory to a request that waits for a slow disk.
const prometheus::Histogram::BucketBoundaries kSeconds = {
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10};

prometheus::ClientMetric ToSample(const Labels& labels, double value, bool is_counter) {
  prometheus::ClientMetric metric;
  for (const auto& [name, text] : labels) metric.label.push_back({name, text});
  if (is_counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  return metric;
}

}  // namespace

struct Metrics::State {
  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& requests =
      prometheus::BuildCounter()
          .Name("kedge_requests_total")
          .Help("Requests answered, by operation and HTTP status.")
          .Register(registry);
  prometheus::Family<prometheus::Histogram>& seconds =
      prometheus::BuildHistogram()
          .Name("kedge_request_seconds")
          .Help("Time from a complete request to its answer, by operation.")
          .Register(registry);

  std::mutex mutex;  // of the two maps, which spare the library's search by label sets
  std::map<std::pair<std::string, int>, prometheus::Counter*> counters;
  std::map<std::string, prometheus::Histogram*> histograms;
  std::vector<Reading> readings;
};

Metrics::Metrics() : state_(std::make_unique<State>()) {}
Metrics::~Metrics() = default;

void Metrics::CountRequest(const std::string& operation, int status, double seconds) {
  prometheus::Counter* counter = nullptr;
  prometheus::Histogram* histogram = nullptr;
  {
    const std::lock_guard lock(state_->mutex);
    counter = state_->counters[{operation, status}];
    if (counter == nullptr) {
      counter =
          &state_->requests.Add({{"operation", operation}, {"status", std::to_string(status)}});
      state_->counters[{operation, status}] = counter;
    }
    histogram = state_->histograms[operation];
    if (histogram == nullptr) {
      histogram = &state_->seconds.Add({{"operation", operation}}, kSeconds);
      state_->histograms[operation] = histogram;
    }
  }
  counter->Increment();
  histogram->Observe(seconds);
}

void Metrics::AddReading(Reading reading) {
  const std::lock_guard lock(state_->mutex);
  state_->readings.push_back(std::move(reading));
}

void Metrics::AddGauge(const std::string& name, const std::string& help,
                       std::function<double()> read) {
  AddReading({.name = name, .help = help, .read = [read = std::move(read)] {
                return std::vector<std::pair<Labels, double>>{{{}, read()}};
              }});
}

void Metrics::AddCounter(const std::string& name, const std::string& help,
                         std::function<double()> read) {
  AddReading({.name = name, .help = help, .is_counter = true, .read = [read = std::move(read)] {
                return std::vector<std::pair<Labels, double>>{{{}, read()}};
              }});
}

std::string Metrics::Text() const {
  std::vector<prometheus::MetricFamily> families = state_->registry.Collect();
  std::vector<Reading> readings;
  {
    const std::lock_guard lock(state_->mutex);
    readings = state_->readings;
  }
  for (const Reading& reading : readings) {
    prometheus::MetricFamily family;
    family.name = reading.name;
    family.help = reading.help;
    family.type =
        reading.is_counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge;
    for (const auto& [labels, value] : reading.read()) {
      family.metric.push_back(ToSample(labels, value, reading.is_counter));
    }
    families.push_back(std::move(family));
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace kedge::server
