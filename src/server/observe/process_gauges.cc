// SPDX-License-Identifier: Apache-2.0
#include "server/observe/process_gauges.h"

#include <ctime>
#include <filesystem>
#include <fstream>
#include <sys/resource.h>
#include <unistd.h>

namespace kedge::server {
namespace {

double CpuSeconds() {
  timespec time = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

double ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  double size_pages = 0;
  double resident_pages = 0;
  file >> size_pages >> resident_pages;
  return resident_pages * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double OpenDescriptors() {
  std::error_code error;
  double count = 0;
  for (auto entry = std::filesystem::directory_iterator("/proc/self/fd", error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    ++count;
  }
  return count;
}

double MaxDescriptors() {
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<double>(limit.rlim_cur);
}

}  // namespace

void AddProcessGauges(Metrics& metrics) {
  metrics.AddCounter("process_cpu_seconds_total", "Processor time of this process.", CpuSeconds);
  metrics.AddGauge("process_resident_memory_bytes", "Resident memory.", ResidentBytes);
  metrics.AddGauge("process_open_fds", "Open file descriptors.", OpenDescriptors);
  metrics.AddGauge("process_max_fds", "Most file descriptors that may be open.", MaxDescriptors);
  const auto start = static_cast<double>(std::time(nullptr));
  metrics.AddGauge("process_start_time_seconds", "When the process started, since the epoch.",
                   [start] { return start; });
}

}  // namespace kedge::server
