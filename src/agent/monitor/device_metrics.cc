// SPDX-License-Identifier: Apache-2.0
#include "agent/monitor/device_metrics.h"

#include <array>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace kedge::agent {

namespace {

struct Memory {
  double total_kib = 0;
  double available_kib = 0;
};

Memory ReadMemory() {
  Memory memory;
  std::ifstream file("/proc/meminfo");
  std::string name, unit;
  for (double value; file >> name >> value; std::getline(file, unit)) {
    if (name == "MemTotal:") memory.total_kib = value;
    if (name == "MemAvailable:") memory.available_kib = value;
  }
  return memory;
}

double ReadResidentBytes() {
  std::ifstream file("/proc/self/statm");
  double pages_virtual = 0, pages_resident = 0;
  file >> pages_virtual >> pages_resident;
  return pages_resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

}  // namespace

std::vector<protocol::EdgeMetric> DeviceMetrics::Sample(EpochMs now, const AgentCounts& counts) {
  std::vector<protocol::EdgeMetric> metrics;
  const auto add = [&](const char* name, double value) {
    metrics.push_back({.dimension = "", .metric_name = name, .value = value, .timestamp = now});
  };
  std::ifstream stat("/proc/stat");
  std::string label;
  std::array<uint64_t, 8> ticks{};  // user nice system idle iowait irq softirq steal
  stat >> label;
  for (uint64_t& value : ticks) stat >> value;
  uint64_t total = 0;
  for (const uint64_t value : ticks) total += value;
  const uint64_t busy = total - ticks[3] - ticks[4];
  if (last_total_ != 0 && total > last_total_)
    add("CpuUsagePercent",
        100.0 * static_cast<double>(busy - last_busy_) / static_cast<double>(total - last_total_));
  last_busy_ = busy;
  last_total_ = total;

  const Memory memory = ReadMemory();
  if (memory.total_kib > 0)
    add("MemoryUsagePercent", 100.0 * (1 - memory.available_kib / memory.total_kib));
  add("AgentMemoryBytes", ReadResidentBytes());
  add("CrashCount", static_cast<double>(counts.crashes));
  add("StartCount", static_cast<double>(counts.starts));
  return metrics;
}

}  // namespace kedge::agent
