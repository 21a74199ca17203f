// The parts of a node that have to do with drift, built from the settings.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "server/config.h"
#include "server/drift/alert_outbox.h"
#include "server/drift/capture_orders.h"
#include "server/drift/drift_loop.h"
#include "server/drift/drift_metrics.h"
#include "server/observe/metrics.h"

namespace kedge::server {

// kInvalidArgument or the file's error: --smtp-password-file cannot be read.
Result<std::unique_ptr<AlertSender>> MakeAlertSender(const Config& config, const Keyring& keyring,
                                                     const Clock& clock);

// The leased works of drift: merge and judge, alerts, retention.
class DriftLoops {
 public:
  // Borrows all; `node`: id of this node.
  DriftLoops(const DriftParts& parts, const Config& config, const AlertSender& alerts,
             const std::string& node);
  // Adds the gauges of drift to a node's metrics, which are gone before this.
  void Observe(Metrics& metrics);

 private:
  DriftWork work_;
  DriftMetrics shown_;
  LeasedLoop drift_;
  LeasedLoop alerts_;
  LeasedLoop retention_;
};

}  // namespace kedge::server
