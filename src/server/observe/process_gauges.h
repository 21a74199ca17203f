// The metrics that every Prometheus client library gives of its process, under their standard
// names. SPDX-License-Identifier: Apache-2.0
#pragma once

#include "server/observe/metrics.h"

namespace kedge::server {

// process_cpu_seconds_total, process_resident_memory_bytes, process_open_fds, process_max_fds,
// process_start_time_seconds: read from /proc at each scrape.
void AddProcessGauges(Metrics& metrics);

}  // namespace kedge::server
