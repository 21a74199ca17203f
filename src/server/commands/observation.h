// A node's metrics, access log and traces as its settings ask for them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "http/server.h"
#include "server/api/api.h"
#include "server/config.h"
#include "server/observe/observe.h"

namespace kedge::server {

class Observation {
 public:
  // Borrows the clock. Opens the access log and starts the exporter, if there are to be any.
  static Result<std::unique_ptr<Observation>> Start(const Config& config, const Clock& clock);

  Metrics& metrics() { return metrics_; }
  // Measures what `inner` does. Operations are named by the API's catalogue; borrows it.
  http::Handler Around(http::Handler inner, const Api& api);
  // Adds the listener's own counts; Stop() before the server goes.
  void Count(const http::Server& server, const std::string& listener);
  // Serves GET /metrics on --metrics-listen, if it is set, until Stop().
  Status Serve(const Config& config);
  void Stop() { metrics_server_.reset(); }
  // After SIGHUP.
  void Reopen();

 private:
  explicit Observation(const Clock& clock) : clock_(clock) {}

  const Clock& clock_;
  Metrics metrics_;
  double trace_fraction_ = 0;
  std::unique_ptr<AccessLog> access_log_;
  std::unique_ptr<OtlpExporter> exporter_;
  std::unique_ptr<http::Server> metrics_server_;
};

}  // namespace kedge::server
