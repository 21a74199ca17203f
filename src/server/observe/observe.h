// The door: a handler around another one that measures each request.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "http/server.h"
#include "server/observe/access_log.h"
#include "server/observe/metrics.h"
#include "server/observe/otlp_exporter.h"

namespace kedge::server {

struct Observers {
  const Clock& clock;
  Metrics& metrics;
  AccessLog* access_log = nullptr;   // null: none is kept
  OtlpExporter* exporter = nullptr;  // null: no spans are made
  double sampled_fraction = 0;       // of traces that begin here, 0..1; a caller's flag is followed
  // The operation that a request names, out of a fixed list ("ListDevices", "S3.GetObject",
  // "other").
  std::function<std::string(const http::Request&)> operation;
};

// Borrows what the observers point to.
http::Handler Observed(http::Handler inner, Observers observers);

}  // namespace kedge::server
