// SPDX-License-Identifier: Apache-2.0
#include "cli/swarm/server_cpu.h"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/resource.h>
#include <unistd.h>

namespace kedge::cli {
namespace {

struct ProcessLine {
  int parent = 0;
  int64_t own_ticks = 0;       // user and system
  int64_t children_ticks = 0;  // of those that were waited for
  int64_t resident_pages = 0;
};

// proc(5): the fields after the name, which ends with the last ')'.
Result<ProcessLine> ReadProcess(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string text;
  if (!std::getline(file, text)) return NotFound("there is no process " + pid);
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::vector<std::string> values;
  for (std::string value; fields >> value;) values.push_back(value);
  if (values.size() < 22) return Internal("/proc/" + pid + "/stat is too short");
  const auto number = [&](size_t field) { return std::atoll(values[field - 3].c_str()); };
  return ProcessLine{.parent = static_cast<int>(number(4)),
                     .own_ticks = number(14) + number(15),
                     .children_ticks = number(16) + number(17),
                     .resident_pages = number(24)};
}

bool IsNumber(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

}  // namespace

Result<MeasuredProcess> ParseMeasured(const std::string& text) {
  const size_t equals = text.find('=');
  const std::string pid = equals == std::string::npos ? "" : text.substr(equals + 1);
  if (equals == 0 || !IsNumber(pid) || pid.size() > 9) {
    return InvalidArgument("'" + text + "' is not NAME=PID");
  }
  return MeasuredProcess{.name = text.substr(0, equals), .pid = std::atoi(pid.c_str())};
}

Status Measure(MeasuredProcess& process) {
  KEDGE_TRY(const ProcessLine own, ReadProcess(std::to_string(process.pid)));
  int64_t ticks = own.own_ticks + own.children_ticks;
  int64_t pages = own.resident_pages;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const std::string pid = entry.path().filename().string();
    if (!IsNumber(pid)) continue;
    const auto other = ReadProcess(pid);
    if (!other || other->parent != process.pid) continue;
    ticks += other->own_ticks + other->children_ticks;
    pages += other->resident_pages;
  }
  process.cpu_seconds = static_cast<double>(ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
  process.resident_bytes = pages * sysconf(_SC_PAGESIZE);
  return {};
}

double OwnCpuSeconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace kedge::cli
