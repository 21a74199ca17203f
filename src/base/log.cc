// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <atomic>
#include <unistd.h>

#include "base/clock.h"
#include "base/json/json.h"

namespace kedge {

namespace {

std::atomic<LogLevel> log_level_min{LogLevel::kInfo};

std::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

}  // namespace

void SetLogLevel(LogLevel level) { log_level_min.store(level, std::memory_order_relaxed); }

void Log(LogLevel level, std::string_view message,
         std::initializer_list<std::pair<std::string_view, std::string>> fields) {
  if (level < log_level_min.load(std::memory_order_relaxed)) return;
  std::string line = "{\"time\":";
  json::AppendQuoted(FormatIso8601(SystemClock().NowMs()), line);
  line += ",\"level\":";
  json::AppendQuoted(LevelName(level), line);
  line += ",\"message\":";
  json::AppendQuoted(message, line);
  for (const auto& [key, value] : fields) {
    line += ',';
    json::AppendQuoted(key, line);
    line += ':';
    json::AppendQuoted(value, line);
  }
  line += "}\n";
  // A full pipe or a closed stream must not stop the program: the line is then lost.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace kedge
