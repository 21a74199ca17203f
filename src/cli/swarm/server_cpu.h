// What the server's processes used, from /proc: for figures a core.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace kedge::cli {

struct MeasuredProcess {
  std::string name;
  int pid = 0;
  double cpu_seconds = 0;  // of it, its children that live and those that ended
  int64_t resident_bytes = 0;
};

// "server=1234". kInvalidArgument.
Result<MeasuredProcess> ParseMeasured(const std::string& text);
// Fills in what it used until now; kNotFound if it is gone.
Status Measure(MeasuredProcess& process);
// The CPU time of this process.
double OwnCpuSeconds();

}  // namespace kedge::cli
