// Metrics of one node in Prometheus' text form (prometheus-cpp inside metrics.cc).
//
// Every label has few values: operations come from the descriptions, never from a request's text.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace kedge::server {

using Labels = std::map<std::string, std::string>;

// Thread-safe.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // kedge_requests_total{operation, status} and kedge_request_seconds{operation}.
  void CountRequest(const std::string& operation, int status, double seconds);

  // A value that is read at each scrape; the function may be called from any thread until the
  // Metrics are gone. `name` by the field's rules: kedge_<what>_<unit>[_total].
  struct Reading {
    std::string name;
    std::string help;
    bool is_counter = false;  // only grows while the process lives
    std::function<std::vector<std::pair<Labels, double>>()> read;
  };
  void AddReading(Reading reading);
  // The same for one value without labels.
  void AddGauge(const std::string& name, const std::string& help, std::function<double()> read);
  void AddCounter(const std::string& name, const std::string& help, std::function<double()> read);

  // The body of GET /metrics, and its content type.
  std::string Text() const;
  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kedge::server
